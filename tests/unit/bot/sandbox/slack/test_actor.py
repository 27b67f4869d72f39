"""A person can do what Slack's client offers, and nothing else."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from bot.sandbox.slack.actor import forged
from bot.sandbox.slack.inputs import REQUIRED, ClientRefusedError
from tests.unit.bot.sandbox.slack.samples import (
    actions,
    button,
    confirm,
    input_block,
    modal,
    option,
    section,
    select,
    text_input,
)

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_sdk.web.async_client import AsyncWebClient

    from bot.sandbox.slack.actor import Actor
    from bot.sandbox.slack.records import Message, View
    from bot.sandbox.slack.server import SlackDouble

APPROVALS = "C0APPROVALS"


def form(slack: SlackDouble, *blocks: dict[str, Any], **more: Any) -> View:
    return slack.workspace.open_view("U0ALICE", modal(*blocks, **more))


def card(slack: SlackDouble, *blocks: dict[str, Any]) -> Message:
    return slack.workspace.post(APPROVALS, slack.workspace.content("Card", list(blocks)))


@pytest.fixture
def heard(app: AsyncApp) -> list[dict[str, Any]]:
    """Every block_actions payload that the bot got."""
    payloads: list[dict[str, Any]] = []

    @app.action({"type": "block_actions", "action_id": "approve"})
    async def approve(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        payloads.append(body)

    @app.action("pick")
    async def pick(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        payloads.append(body)

    return payloads


async def test_a_button_that_is_not_there_cannot_be_pressed(slack: SlackDouble, ada: Actor) -> None:
    with pytest.raises(ClientRefusedError, match="0 buttons"):
        await ada.click(card(slack, actions()), "Deny")


async def test_two_buttons_alike_are_told_apart_by_their_value(
    slack: SlackDouble, ada: Actor, heard: list[dict[str, Any]]
) -> None:
    message = card(slack, actions(button(value="1")), actions(button(value="2")))

    with pytest.raises(ClientRefusedError, match="2 buttons"):
        await ada.click(message, "Approve")
    await ada.click(message, "Approve", value="2")

    assert heard[0]["actions"][0]["value"] == "2"


async def test_the_confirmation_is_read_and_may_be_declined(
    slack: SlackDouble, ada: Actor, heard: list[dict[str, Any]]
) -> None:
    message = card(slack, actions(button(confirm=confirm())))

    declined = await ada.click(message, "Approve", accept=False)
    accepted = await ada.click(message, "Approve")

    assert (declined.shown, accepted.shown, len(heard)) == ("not_sent", "ok", 1)
    assert [(one.text, one.accepted) for one in ada.confirmations] == [
        ("It cannot be undone.", False),
        ("It cannot be undone.", True),
    ]


async def test_a_stale_screen_still_shows_the_old_button(
    slack: SlackDouble, ada: Actor, heard: list[dict[str, Any]]
) -> None:
    message = card(slack, actions(button(value="old")))
    slack.workspace.edit(message, slack.workspace.content("Decided"))

    with pytest.raises(ClientRefusedError):
        await ada.click(message, "Approve")
    await ada.click(message, "Approve", version=0)

    assert heard[0]["actions"][0]["value"] == "old"


async def test_nobody_clicks_in_a_channel_or_form_of_others(
    slack: SlackDouble, alice: Actor, ada: Actor
) -> None:
    message, view = card(slack, actions()), form(slack, actions())

    with pytest.raises(ClientRefusedError, match="does not see"):
        await alice.click(message, "Approve")
    with pytest.raises(ClientRefusedError, match="not on the person's screen"):
        await ada.click(view, "Approve")
    with pytest.raises(ClientRefusedError, match="is not in"):
        alice.messages(APPROVALS)


async def test_a_payload_can_be_forged_in_any_place(
    slack: SlackDouble, ada: Actor, heard: list[dict[str, Any]]
) -> None:
    forgery = {"user": {"id": "U0STRANGER", "team_id": "T9"}, "actions": [{"value": "WA-99"}]}

    await ada.click(card(slack, actions(button(value="WA-1"))), "Approve", forge=forgery)

    assert (heard[0]["user"]["id"], heard[0]["user"]["name"]) == ("U0STRANGER", "ada")
    assert heard[0]["actions"][0]["value"] == "WA-99"


def test_forging_merges_objects_and_replaces_the_rest() -> None:
    assert forged({"a": {"b": 1, "c": 2}, "d": [1, 2]}, {"a": {"b": None}, "d": [3], "e": 4}) == {
        "a": {"b": None, "c": 2},
        "d": [3, 2],
        "e": 4,
    }


async def test_a_stranger_carries_a_team_of_their_own(
    slack: SlackDouble, heard: list[dict[str, Any]]
) -> None:
    await slack.as_user("U0STRANGER").click(card(slack, actions()), "Approve")

    assert heard[0]["user"]["team_id"] == "T0ELSEWHERE" != heard[0]["team"]["id"]


async def test_a_button_with_an_address_opens_it(
    slack: SlackDouble, ada: Actor, heard: list[dict[str, Any]]
) -> None:
    await ada.click(card(slack, actions(button(url="https://example.com"))), "Approve")

    assert ada.opened_urls == ["https://example.com"]
    assert len(heard) == 1


async def test_an_incomplete_form_is_not_sent(slack: SlackDouble, alice: Actor) -> None:
    view = form(
        slack,
        input_block(text_input("a"), block_id="required"),
        input_block(text_input("b"), block_id="optional", optional=True),
        input_block(text_input("c", min_length=3, initial_value="ab"), block_id="short"),
        input_block(text_input("d", max_length=3), block_id="long"),
        input_block(text_input("e"), block_id="default"),
        input_block(select("multi_static_select"), block_id="list"),
    )
    await alice.select(view, "d", "abcd")
    await alice.select(view, "e", "x" * 3001)

    ack = await alice.submit(view)

    assert ack.shown == "not_sent"
    assert (
        ack.errors
        == view.errors
        == {
            "required": REQUIRED,
            "list": REQUIRED,
            "short": "Must be at least 3 characters.",
            "long": "Must be at most 3 characters.",
            "default": "Must be at most 3000 characters.",
        }
    )


async def test_typed_addresses_and_numbers_are_checked_by_the_client(
    slack: SlackDouble, alice: Actor
) -> None:
    def typed(kind: str, value: str, **more: Any) -> dict[str, Any]:
        element = {"type": kind, "action_id": kind, "initial_value": value, **more}
        return input_block(element, block_id=f"{kind}-{value}")

    view = form(
        slack,
        typed("email_text_input", "nobody"),
        typed("url_text_input", "example"),
        typed("number_input", "1.5", is_decimal_allowed=False),
        typed("number_input", "x", is_decimal_allowed=True),
        typed("number_input", "7", is_decimal_allowed=False, min_value="1", max_value="9"),
    )

    ack = await alice.submit(view)

    assert set(ack.errors) == {
        "email_text_input-nobody",
        "url_text_input-example",
        "number_input-1.5",
        "number_input-x",
    }


async def test_a_view_without_submit_cannot_be_submitted(slack: SlackDouble, alice: Actor) -> None:
    view = slack.workspace.open_view("U0ALICE", {k: v for k, v in modal(section()).items() if k != "submit"})

    with pytest.raises(ClientRefusedError, match="no submit button"):
        await alice.submit(view)


async def test_only_offered_options_can_be_chosen(slack: SlackDouble, alice: Actor) -> None:
    view = form(
        slack,
        input_block(select(), "Static"),
        input_block(select("external_select", "ext", initial_option=option("known")), "External"),
    )

    await alice.select(view, "External", "known")
    with pytest.raises(ClientRefusedError, match="offers no 'three'"):
        await alice.select(view, "Static", "three")
    with pytest.raises(ClientRefusedError, match="offers no 'other'"):
        await alice.select(view, "External", "other")


async def test_a_list_takes_no_more_than_it_allows(slack: SlackDouble, alice: Actor) -> None:
    view = form(slack, input_block(select("multi_static_select", max_selected_items=1), "Roles"))

    with pytest.raises(ClientRefusedError, match="at most 1"):
        await alice.select(view, "Roles", ["one", "two"])
    with pytest.raises(ClientRefusedError, match="takes a list"):
        await alice.select(view, "Roles", "one")


async def test_a_field_that_is_not_there_or_twice_there_is_refused(slack: SlackDouble, alice: Actor) -> None:
    view = form(slack, input_block(text_input("a"), block_id="1"), input_block(text_input("a"), block_id="2"))

    with pytest.raises(ClientRefusedError, match="0 fields"):
        await alice.select(view, "b", "x")
    with pytest.raises(ClientRefusedError, match="2 fields"):
        await alice.select(view, "a", "x")
    await alice.select(view, "a", "x", block_id="2")
    assert alice.value(view, "a", block_id="2") == "x"


async def test_an_input_tells_the_bot_only_where_it_dispatches(
    slack: SlackDouble, alice: Actor, heard: list[dict[str, Any]]
) -> None:
    quiet = form(slack, input_block(select(), block_id="quiet"))
    assert await alice.select(quiet, "pick", "one") is None

    loud = form(slack, input_block(select(), block_id="loud", dispatch_action=True))
    ack = await alice.select(loud, "pick", "two")

    assert ack is not None
    assert ack.ok
    assert heard[0]["actions"][0]["selected_option"]["value"] == "two"
    assert heard[0]["view"]["state"]["values"]["loud"]["pick"]["selected_option"]["value"] == "two"
    assert heard[0]["container"] == {"type": "view", "view_id": loud.id}


async def test_a_select_in_a_message_tells_the_bot_at_once(
    slack: SlackDouble, ada: Actor, heard: list[dict[str, Any]]
) -> None:
    message = card(slack, section(accessory=select()))

    await ada.select(message, "pick", "two")

    assert heard[0]["actions"][0]["selected_option"]["value"] == "two"


async def test_an_overflow_menu_is_chosen_from(
    slack: SlackDouble, ada: Actor, heard: list[dict[str, Any]]
) -> None:
    menu = {"type": "overflow", "action_id": "pick", "options": [option("details", "Details")]}

    await ada.select(card(slack, section(accessory=menu)), "pick", "Details")

    assert heard[0]["actions"][0]["selected_option"]["value"] == "details"


async def test_checkboxes_radio_buttons_and_people_keep_what_is_chosen(
    slack: SlackDouble, alice: Actor
) -> None:
    options = [option("a"), option("b")]
    view = form(
        slack,
        input_block({"type": "checkboxes", "action_id": "boxes", "options": options}),
        input_block(
            {"type": "radio_buttons", "action_id": "radio", "options": options, "initial_option": options[0]}
        ),
        input_block({"type": "users_select", "action_id": "who"}),
        input_block({"type": "multi_users_select", "action_id": "all", "initial_users": ["U0BOB"]}),
    )

    await alice.select(view, "boxes", ["a", "b"])
    await alice.select(view, "who", "U0BOB")

    values = [alice.value(view, name) for name in ("boxes", "radio", "who", "all")]
    assert values == [["a", "b"], "a", "U0BOB", ["U0BOB"]]


async def test_the_client_asks_for_options_from_the_third_character_unless_told_otherwise(
    slack: SlackDouble, alice: Actor
) -> None:
    view = form(slack, input_block(select("external_select", "ext")))

    with pytest.raises(ClientRefusedError, match="from 3 characters"):
        await alice.type_ahead(view, "ext", "pr")


async def test_a_reload_loses_ephemerals_and_open_forms(slack: SlackDouble, alice: Actor) -> None:
    slack.workspace.post_ephemeral("C0GENERAL", "U0ALICE", slack.workspace.content("psst"))
    form(slack)

    alice.reload()

    assert (alice.ephemerals(), alice.open_view) == ([], None)


async def test_a_wait_ends_as_soon_as_something_changes(
    slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    waiting = asyncio.ensure_future(slack.wait_for(alice.dm))
    await client.chat_postMessage(channel="U0ALICE", text="Hello")

    assert [message.text for message in await waiting] == ["Hello"]


async def test_a_wait_in_vain_tells_what_happened_instead(
    slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    await client.chat_postMessage(channel=APPROVALS, text="Something else")

    with pytest.raises(
        TimeoutError, match=r"no DM happened in time(.|\n)*chat.postMessage → ok(.|\n)*Something else"
    ):
        await slack.wait_for(alice.dm, timeout=0.01, what="no DM")


async def test_an_unknown_person_cannot_be_driven(slack: SlackDouble) -> None:
    with pytest.raises(KeyError):
        slack.as_user("U0NOBODY")
