"""What is drawn on a terminal is what a person reads in Slack, and only real mentions count as mentions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bot.sandbox.slack.render import as_text, mentions
from bot.sandbox.slack.scene import small_workspace
from tests.unit.bot.sandbox.slack.samples import (
    actions,
    button,
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
    text_input,
)

if TYPE_CHECKING:
    from bot.sandbox.slack.actor import Actor
    from bot.sandbox.slack.server import SlackDouble

MENTION = {
    "type": "rich_text_section",
    "elements": [
        {"type": "usergroup", "usergroup_id": "S0SSOADMINS"},
        {"type": "text", "text": " please, "},
        {"type": "user", "user_id": "U0ALICE"},
        {"type": "broadcast", "range": "here"},
    ],
}


def test_a_card_reads_from_top_to_bottom() -> None:
    card = message(
        {"type": "header", "text": plain("WA-1")},
        section("*Alice* asks", fields=[mrkdwn("Accounts"), plain("2")], accessory=button("Open")),
        rich_text(
            quote("because\nreally"),
            {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "+ Allow"}]},
            {
                "type": "rich_text_list",
                "style": "ordered",
                "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "one"}]}],
            },
        ),
        {"type": "divider"},
        {"type": "table", "rows": [[raw("account"), raw("level")], [raw("1"), raw("PROVEN")]]},
        actions(button("Approve"), button("Deny", "deny")),
        {"type": "context", "elements": [plain("nobody decided yet")]},
    )

    assert as_text(card).split("\n") == [
        "WA-1",
        "════",
        "*Alice* asks",
        "  Accounts",
        "  2",
        "  [ Open ]",
        "> because",
        "> really",
        "    + Allow",
        "1. one",
        "─" * 40,
        "account  level",
        "1        PROVEN",
        "[ Approve ] [ Deny ]",
        "  · nobody decided yet",
    ]


def test_escaped_sequences_stay_text_and_real_ones_become_names() -> None:
    text = "&lt;!channel&gt; &amp; <@U0ALICE> <!here> <!subteam^S0SSOADMINS> <#C0GENERAL> <https://a.b|site> <https://a.b>"

    shown = as_text(message(text=text), names=small_workspace())

    assert shown == "<!channel> & @alice @here @sso-admins #general site (https://a.b) https://a.b"


def test_twice_escaped_text_is_decoded_once() -> None:
    assert as_text(message(text="&amp;lt;!channel&amp;gt;")) == "&lt;!channel&gt;"


def test_a_date_is_shown_in_the_readers_zone_and_falls_back_when_it_cannot_be() -> None:
    good = "<!date^1795341600^{date_short_pretty} at {time}|2026-11-22 10:00 UTC>"
    bad = "<!date^soon^{date}|later>"

    assert as_text(message(text=good), tz="UTC") == "Nov 22, 2026 at 10:00 AM"
    assert as_text(message(text=good), tz="Europe/Berlin") == "Nov 22, 2026 at 11:00 AM"
    assert as_text(message(text=bad)) == "later"


async def test_a_form_shows_labels_choices_and_errors(slack: SlackDouble, alice: Actor) -> None:
    radio = {"type": "radio_buttons", "action_id": "who", "options": [option("me"), option("all")]}
    view = slack.workspace.open_view(
        "U0ALICE",
        modal(
            input_block(select(placeholder=plain("Choose")), "Set"),
            input_block(radio, "Who gets it", optional=True),
            input_block(text_input(), "Reason", block_id="reason", hint=plain("Why")),
        ),
    )
    await alice.select(view, "Set", "two")
    await alice.select(view, "who", "all")
    await alice.submit(view)

    assert as_text(view).split("\n") == [
        "═══ Title ═══",
        "Set *",
        "  ‹two› ▾  {one | two}",
        "Who gets it",
        "  ( ) me  (•) all",
        "Reason *",
        "  ‹›",
        "  (Why)",
        "  ! Please complete this required field.",
        "[ Send ]",
    ]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (message(text="<!channel> <@U0ALICE|alice>"), {"<!channel>", "<@U0ALICE>"}),
        (message(text="&lt;!channel&gt; @channel"), set()),
        (message(text="@channel") | {"parse": "full"}, {"<!channel>"}),
        (message(section("<!subteam^S1|@g> <!date^1^{date}|x>")), {"<!subteam^S1>"}),
        (message({"type": "section", "text": plain("<!here> <@U0ALICE>")}), set()),
        (message(section("@here")), {"<!here>"}),
        (message({"type": "section", "text": mrkdwn("@here", verbatim=True)}), set()),
        (message(rich_text(quote("<!channel> <@U0ALICE> @here"))), set()),
        (message(rich_text(MENTION)), {"<!subteam^S0SSOADMINS>", "<@U0ALICE>", "<!here>"}),
        (message({"type": "context", "elements": [mrkdwn("<@U0BOB>")]}), {"<@U0BOB>"}),
        (
            message({"type": "table", "rows": [[raw("<@U0BOB>"), rich_text(MENTION)]]}),
            {"<!subteam^S0SSOADMINS>", "<@U0ALICE>", "<!here>"},
        ),
    ],
)
def test_only_what_slack_parses_is_a_mention(payload: dict[str, Any], expected: set[str]) -> None:
    assert mentions(payload) == expected


async def test_a_stored_message_tells_its_mentions_and_its_text(slack: SlackDouble) -> None:
    content = slack.workspace.content("x", [section("<@U0ALICE>", accessory=button())])
    stored = slack.workspace.post("C0APPROVALS", content, files=[{"name": "a.csv"}])

    assert mentions(stored) == {"<@U0ALICE>"}
    assert as_text(stored, names=slack.workspace) == "@alice\n  [ Approve ]\n[file: a.csv]"
