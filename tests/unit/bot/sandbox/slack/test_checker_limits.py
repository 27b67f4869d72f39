"""Of each thing that Slack limits, the checker lets the greatest allowed number pass and refuses one more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.sandbox.slack.checker import LIMITS, Surface
from tests.unit.bot.sandbox.slack.samples import (
    Json,
    actions,
    button,
    confirm,
    element_in_input,
    found,
    home,
    image,
    input_block,
    message,
    modal,
    mrkdwn,
    option,
    plain,
    section,
    select,
    table,
    text_input,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# Each row: a name, its limit, the surface, and what builds a payload of such a length or count.
Sized = tuple[str, str, Surface, "Callable[[int], Json]"]
SIZED: list[Sized] = [
    ("message text", "message.text", "message", lambda n: message(text="x" * n)),
    ("message blocks", "message.blocks", "message", lambda n: message(*[{"type": "divider"}] * n)),
    ("modal blocks", "modal.blocks", "modal", lambda n: modal(*[{"type": "divider"}] * n)),
    ("home blocks", "home.blocks", "home", lambda n: home(*[{"type": "divider"}] * n)),
    ("private_metadata", "view.private_metadata", "modal", lambda n: modal(private_metadata="x" * n)),
    ("callback_id", "view.callback_id", "modal", lambda n: modal(callback_id="x" * n)),
    ("external_id", "view.external_id", "modal", lambda n: modal(external_id="x" * n)),
    ("modal title", "modal.title", "modal", lambda n: modal(title=plain("x" * n))),
    ("modal submit", "modal.submit", "modal", lambda n: modal(submit=plain("x" * n))),
    ("modal close", "modal.close", "modal", lambda n: modal(close=plain("x" * n))),
    ("block_id", "block_id", "message", lambda n: message(section(block_id="x" * n))),
    ("action_id", "action_id", "message", lambda n: message(actions(button(action_id="x" * n)))),
    ("section text", "section.text", "message", lambda n: message(section("x" * n))),
    (
        "section field",
        "section.field",
        "message",
        lambda n: message({"type": "section", "fields": [mrkdwn("x" * n)]}),
    ),
    (
        "section fields",
        "section.fields",
        "message",
        lambda n: message({"type": "section", "fields": [mrkdwn()] * n}),
    ),
    ("header", "header.text", "message", lambda n: message({"type": "header", "text": plain("x" * n)})),
    (
        "context elements",
        "context.elements",
        "message",
        lambda n: message({"type": "context", "elements": [mrkdwn()] * n}),
    ),
    (
        "actions elements",
        "actions.elements",
        "message",
        lambda n: message(actions(*[button(action_id=f"a{i}") for i in range(n)])),
    ),
    ("input label", "input.label", "modal", lambda n: modal(input_block(label="x" * n))),
    ("input hint", "input.hint", "modal", lambda n: modal(input_block(hint=plain("x" * n)))),
    (
        "placeholder",
        "placeholder",
        "modal",
        lambda n: modal(input_block(text_input(placeholder=plain("x" * n)))),
    ),
    (
        "max_length of an input",
        "plain_text_input.length",
        "modal",
        lambda n: modal(input_block(text_input(max_length=n))),
    ),
    ("button text", "button.text", "message", lambda n: message(actions(button("x" * n)))),
    ("button value", "button.value", "message", lambda n: message(actions(button(value="x" * n)))),
    (
        "accessibility_label",
        "button.accessibility_label",
        "message",
        lambda n: message(actions(button(accessibility_label="x" * n))),
    ),
    (
        "button url",
        "url",
        "message",
        lambda n: message(actions(button(url="https://a/".ljust(n, "x")))),
    ),
    (
        "option text",
        "option.text",
        "modal",
        lambda n: element_in_input(select(options=[option("v", "x" * n)])),
    ),
    (
        "option value",
        "option.value",
        "modal",
        lambda n: element_in_input(select(options=[option("x" * n, "text")])),
    ),
    (
        "option description",
        "option.description",
        "modal",
        lambda n: element_in_input(select(options=[option(description=plain("x" * n))])),
    ),
    (
        "options",
        "options",
        "modal",
        lambda n: element_in_input(select(options=[option(f"o{i}") for i in range(n)])),
    ),
    (
        "option groups",
        "option_groups",
        "modal",
        lambda n: element_in_input(
            {
                "type": "static_select",
                "option_groups": [{"label": plain(), "options": [option()]} for _ in range(n)],
            }
        ),
    ),
    (
        "option group label",
        "option_group.label",
        "modal",
        lambda n: element_in_input(
            {
                "type": "static_select",
                "option_groups": [{"label": plain("x" * n), "options": [option()]}],
            }
        ),
    ),
    (
        "overflow options",
        "overflow.options",
        "message",
        lambda n: message(actions({"type": "overflow", "options": [option(f"{i}") for i in range(n)]})),
    ),
    (
        "radio buttons",
        "radio_buttons.options",
        "modal",
        lambda n: element_in_input({"type": "radio_buttons", "options": [option(f"{i}") for i in range(n)]}),
    ),
    (
        "checkboxes",
        "checkboxes.options",
        "modal",
        lambda n: element_in_input({"type": "checkboxes", "options": [option(f"{i}") for i in range(n)]}),
    ),
    (
        "confirm title",
        "confirm.title",
        "message",
        lambda n: message(actions(button(confirm=confirm(title=plain("x" * n))))),
    ),
    (
        "confirm text",
        "confirm.text",
        "message",
        lambda n: message(actions(button(confirm=confirm(text=plain("x" * n))))),
    ),
    (
        "confirm yes",
        "confirm.confirm",
        "message",
        lambda n: message(actions(button(confirm=confirm(confirm=plain("x" * n))))),
    ),
    (
        "confirm no",
        "confirm.deny",
        "message",
        lambda n: message(actions(button(confirm=confirm(deny=plain("x" * n))))),
    ),
    ("alt text", "image.alt_text", "message", lambda n: message(image(alt_text="x" * n))),
    ("image title", "image.title", "message", lambda n: message(image(title=plain("x" * n)))),
    ("table rows", "table.rows", "message", lambda n: message(table(n, 1))),
    ("table cells", "table.cells", "message", lambda n: message(table(1, n))),
    (
        "column settings",
        "table.column_settings",
        "message",
        lambda n: message({**table(1, 1), "column_settings": [{"align": "left"}] * n}),
    ),
    (
        "markdown",
        "markdown.text",
        "message",
        lambda n: message({"type": "markdown", "text": "x" * n}),
    ),
    ("alert", "alert.text", "modal", lambda n: modal({"type": "alert", "text": plain("x" * n)})),
    (
        "children of a container",
        "container.child_blocks",
        "message",
        lambda n: message({"type": "container", "title": plain(), "child_blocks": [section()] * n}),
    ),
    (
        "characters of all blocks",
        "message.blocks.characters",
        "message",
        lambda n: message(*[section("x" * 1000)] * 12, section("x" * (n - 12_000))),
    ),
]


@pytest.mark.parametrize(
    ("surface", "build", "limit"), [(s, b, k) for _, k, s, b in SIZED], ids=[s[0] for s in SIZED]
)
def test_the_greatest_allowed_size_passes_and_one_more_is_refused(
    surface: Surface, build: Callable[[int], Json], limit: str
) -> None:
    most = LIMITS[limit]

    assert found(surface, build(most)) == ""
    assert found(surface, build(most + 1)) != ""


def test_each_limit_has_a_test_of_its_own() -> None:
    elsewhere = {"text", "message.tables", "file_input.max_files"}
    rare = {"card.title", "card.body", "card.actions", "carousel.elements", "container.title"}

    untested = LIMITS.keys() - {limit for _, limit, _, _ in SIZED} - elsewhere - rare

    assert untested == {"context_actions.elements"}
