"""The checker refuses what Slack refuses, and lets the rest pass."""

from __future__ import annotations

import pytest

from bot.sandbox.slack.checker import Surface, check_options
from tests.unit.bot.sandbox.slack.samples import (
    Json,
    actions,
    button,
    confirm,
    element_in_input,
    found,
    home,
    input_block,
    message,
    modal,
    mrkdwn,
    option,
    plain,
    quote,
    raw,
    rich_text,
    section,
    select,
    table,
    text_input,
)

GOOD: dict[str, tuple[Surface, Json]] = {
    "a full section": (
        "message",
        message(section(fields=[mrkdwn(), plain()], accessory=button(), expand=True, block_id="b")),
    ),
    "a button with everything": (
        "message",
        message(actions(button(style="primary", value="1", confirm=confirm(style="danger")))),
    ),
    "rich text of all kinds": (
        "message",
        message(
            rich_text(
                quote("said <!channel>"),
                {
                    "type": "rich_text_list",
                    "style": "bullet",
                    "indent": 1,
                    "elements": [
                        {
                            "type": "rich_text_section",
                            "elements": [
                                {"type": "text", "text": "bold", "style": {"bold": True}},
                                {"type": "user", "user_id": "U1"},
                                {"type": "usergroup", "usergroup_id": "S1"},
                                {"type": "broadcast", "range": "here"},
                                {"type": "link", "url": "https://example.com", "text": "here"},
                                {"type": "date", "timestamp": 1, "format": "{date}", "fallback": "then"},
                            ],
                        }
                    ],
                },
                {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "code"}]},
            )
        ),
    ),
    "a table of all cells": (
        "message",
        message(
            {
                "type": "table",
                "rows": [[raw("a"), {"type": "raw_number", "value": 1, "text": "1"}, rich_text(quote("x"))]],
                "column_settings": [{"is_wrapped": True}, None, {"align": "right"}],
            }
        ),
    ),
    "an alert in a modal": ("modal", modal({"type": "alert", "text": plain(), "level": "warning"})),
    "a modal without input needs no submit": (
        "modal",
        {"type": "modal", "title": plain("Details"), "blocks": [section()]},
    ),
    "a home": ("home", home(section(), actions())),
    "initial options as they stand": (
        "modal",
        element_in_input(
            select(
                "multi_static_select",
                options=[option("a"), option("b")],
                initial_options=[{"text": {**plain("a"), "emoji": True}, "value": "a"}],
            )
        ),
    ),
    "markdown in radio options": (
        "modal",
        element_in_input({"type": "radio_buttons", "options": [{"text": mrkdwn("*a*"), "value": "a"}]}),
    ),
    "external select with what was chosen before": (
        "modal",
        element_in_input(select("multi_external_select", min_query_length=0, initial_options=[option()])),
    ),
    "a message with metadata": (
        "message",
        message() | {"metadata": {"event_type": "card", "event_payload": {"id": "WA-1"}}},
    ),
    "the same action_id in two blocks": ("message", message(actions(button()), actions(button()))),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_slack_accepts_passes(name: str) -> None:
    surface, payload = GOOD[name]

    assert found(surface, payload) == ""


# What slack_sdk's models miss (facts, 2.4), and every other rule: payload and a word of the complaint.
BAD: dict[str, tuple[Surface, Json, str]] = {
    "field of 2001 characters": (
        "message",
        message({"type": "section", "fields": [mrkdwn("x" * 2001)]}),
        "/blocks/0/fields/0/text",
    ),
    "header with mrkdwn": ("message", message({"type": "header", "text": mrkdwn()}), "/blocks/0/text/type"),
    "input label with mrkdwn": (
        "modal",
        modal({"type": "input", "label": mrkdwn(), "element": text_input()}),
        "/blocks/0/label/type",
    ),
    "confirm without deny": (
        "message",
        message(actions(button(confirm=confirm(deny=None)))),
        "missing required field: deny",
    ),
    "modal without title": (
        "modal",
        {"type": "modal", "blocks": [], "submit": plain()},
        "missing required field: title",
    ),
    "modal with input and no submit": (
        "modal",
        {"type": "modal", "title": plain(), "blocks": [input_block()]},
        "submit",
    ),
    "two blocks of one id": (
        "message",
        message(section(block_id="b"), section(block_id="b")),
        "block_id b must be unique",
    ),
    "two elements of one id in a block": (
        "message",
        message(actions(button("A"), button("B"))),
        "action_id approve must be unique",
    ),
    "table of 101 rows": ("message", message(table(101, 20)), "no more than 100 items"),
    "table of 21 cells": ("message", message(table(1, 21)), "no more than 20 items"),
    "two tables": ("message", message(table(1, 1), table(1, 1)), "only one table"),
    "alert in a message": ("message", message({"type": "alert", "text": plain()}), "unsupported type: alert"),
    "table in a modal": ("modal", modal(table(1, 1)), "unsupported type: table"),
    "table in a home": ("home", home(table(1, 1)), "unsupported type: table"),
    "unknown block": ("message", message({"type": "sektion"}), "unsupported type: sektion"),
    "a block that is null": ("message", {"text": "x", "blocks": [None]}, "must provide an object"),
    "a block that the checker does not know": (
        "message",
        message({"type": "data_table"}),
        "not known to this checker",
    ),
    "unknown key": ("message", message(section(colour="red")), "invalid additional property: colour"),
    "unknown key of an element": (
        "message",
        message(actions(button(placeholder=plain()))),
        "invalid additional property: placeholder",
    ),
    "unknown element": ("message", message(actions({"type": "knob"})), "unsupported type: knob"),
    "text input outside an input block": (
        "message",
        message(actions(text_input())),
        "unsupported type: plain_text_input",
    ),
    "button inside an input block": ("modal", modal(input_block(button())), "unsupported type: button"),
    "file input in a message": (
        "message",
        message(input_block({"type": "file_input", "action_id": "f"})),
        "for modals only",
    ),
    "message without text": ("message", {"blocks": [section()]}, "missing required field: text"),
    "section without text or fields": ("message", message({"type": "section"}), "text or fields"),
    "empty text": ("message", message(section("")), "must be more than 0 characters"),
    "text that is a string": ("message", message({"type": "section", "text": "x"}), "must provide an object"),
    "emoji in mrkdwn": (
        "message",
        message({"type": "section", "text": mrkdwn(emoji=True)}),
        "invalid additional property: emoji",
    ),
    "no actions": ("message", message({"type": "actions", "elements": []}), "no fewer than 1"),
    "unknown button style": (
        "message",
        message(actions(button(style="warning"))),
        "must be one of ['danger', 'primary']",
    ),
    "a url that is none": ("message", message(actions(button(url="example"))), "must be a valid URL"),
    "options and option groups": (
        "modal",
        element_in_input(select(option_groups=[{"label": plain(), "options": [option()]}])),
        "either options or option_groups",
    ),
    "select without options": ("modal", element_in_input(select(options=[])), "no fewer than 1"),
    "initial option that is not offered": (
        "modal",
        element_in_input(select(initial_option=option("three"))),
        "must be one of the options",
    ),
    "initial option with another text": (
        "modal",
        element_in_input(select(initial_option=option("one", "One"))),
        "must be one of the options",
    ),
    "initial options that are not offered": (
        "modal",
        element_in_input(select("multi_static_select", initial_options=[option("three")])),
        "must be one of the options",
    ),
    "more initial options than may be selected": (
        "modal",
        element_in_input(
            select(
                "multi_static_select", max_selected_items=1, initial_options=[option("one"), option("two")]
            )
        ),
        "no more than 1 items",
    ),
    "placeholder with mrkdwn": (
        "modal",
        element_in_input(select(placeholder=mrkdwn())),
        "/element/placeholder/type",
    ),
    "option text with mrkdwn in a select": (
        "modal",
        element_in_input(select(options=[{"text": mrkdwn(), "value": "v"}])),
        "options/0/text/type",
    ),
    "option without value": (
        "modal",
        element_in_input(select(options=[{"text": plain()}])),
        "missing required field: value",
    ),
    "initial value longer than allowed": (
        "modal",
        element_in_input(text_input(max_length=3, initial_value="four")),
        "must be less than 4",
    ),
    "min_length above max_length": (
        "modal",
        element_in_input(text_input(min_length=5, max_length=4)),
        "greater than max_length",
    ),
    "date of another format": (
        "modal",
        element_in_input({"type": "datepicker", "initial_date": "22.11.2026"}),
        "wrong format",
    ),
    "two elements in focus": (
        "modal",
        modal(
            input_block(text_input("a", focus_on_load=True)), input_block(text_input("b", focus_on_load=True))
        ),
        "only one element can be focused",
    ),
    "a modal that says it is a home": ("modal", modal() | {"type": "home"}, "must be one of ['modal']"),
    "a home with a submit button": ("home", home(submit=plain()), "invalid additional property: submit"),
    "a view sent back as it came": ("modal", modal(hash="1.2"), "invalid additional property: hash"),
    "rich text list without style": (
        "message",
        message(rich_text({"type": "rich_text_list", "elements": []})),
        "missing required field: style",
    ),
    "text straight in a rich text block": (
        "message",
        message(rich_text({"type": "text", "text": "x"})),
        "unsupported type: text",
    ),
    "text straight in a list": (
        "message",
        message(
            rich_text(
                {"type": "rich_text_list", "style": "bullet", "elements": [{"type": "text", "text": "x"}]}
            )
        ),
        "rich_text_section only",
    ),
    "empty rich text": ("message", message(rich_text(quote(""))), "must be more than 0 characters"),
    "mention in preformatted text": (
        "message",
        message(
            rich_text({"type": "rich_text_preformatted", "elements": [{"type": "user", "user_id": "U1"}]})
        ),
        "unsupported type: user",
    ),
    "style that is none": (
        "message",
        message(
            rich_text(
                {
                    "type": "rich_text_section",
                    "elements": [{"type": "text", "text": "x", "style": {"blink": True}}],
                }
            )
        ),
        "invalid additional property: blink",
    ),
    "cell of another type": (
        "message",
        message({"type": "table", "rows": [[plain()]]}),
        "unsupported type: plain_text",
    ),
    "image without address": (
        "message",
        message({"type": "image", "alt_text": "a"}),
        "image_url or slack_file",
    ),
    "image without alt text": (
        "message",
        message({"type": "image", "image_url": "https://example.com/a.png"}),
        "missing required field: alt_text",
    ),
    "ids twice inside a container": (
        "message",
        message(
            section(block_id="b"),
            {"type": "container", "title": plain(), "child_blocks": [section(block_id="b")]},
        ),
        "must be unique",
    ),
    "metadata without payload": (
        "message",
        message() | {"metadata": {"event_type": "card"}},
        "missing required field: event_payload",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_slack_refuses_is_a_problem_at_its_place(name: str) -> None:
    surface, payload, words = BAD[name]

    assert words in found(surface, payload)


def test_options_of_a_typeahead_may_be_none_or_a_hundred_but_not_more() -> None:
    assert check_options({"options": []}) == []
    assert check_options({"options": [option(f"{i}") for i in range(100)]}) == []
    assert check_options({"options": [option(f"{i}") for i in range(101)]}) != []
    assert check_options({"option_groups": [{"label": plain(), "options": [option()]}]}) == []


def test_an_answer_without_options_is_a_problem() -> None:
    assert check_options({}) != []
