"""A form that is sent, closed or typed into reaches the app, and what it answers means what it means in Slack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.unit.bot.sandbox.slack.samples import (
    input_block,
    modal,
    option,
    plain,
    section,
    select,
    text_input,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from slack_bolt.async_app import AsyncApp
    from slack_sdk.web.async_client import AsyncWebClient

    from bot.sandbox.slack.actor import Actor
    from bot.sandbox.slack.records import View
    from bot.sandbox.slack.server import SlackDouble


async def a_form(slack: SlackDouble, client: AsyncWebClient, **view: Any) -> View:
    """A modal with one input, on Alice's screen."""
    blocks = view.pop("blocks", None) or [input_block(text_input(initial_value="because"), block_id="reason")]
    trigger = slack.workspace.new_trigger("U0ALICE")
    await client.views_open(trigger_id=trigger, view=modal(*blocks, callback_id="form", **view))
    shown = slack.as_user("U0ALICE").open_view
    assert shown is not None
    return shown


async def test_a_submission_carries_the_whole_state_and_an_empty_answer_closes_the_form(
    app: AsyncApp, slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    seen: list[dict[str, Any]] = []

    @app.view("form")
    async def listener(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        seen.append(body)

    form = await a_form(
        slack,
        client,
        private_metadata="WA-1",
        blocks=[
            input_block(text_input(initial_value="because"), block_id="reason"),
            input_block(select("multi_static_select"), "Roles", block_id="roles"),
            input_block(text_input("note"), "Note", block_id="note", optional=True),
        ],
    )
    await alice.select(form, "Roles", ["two"])
    ack = await alice.submit(form)

    assert ack.ok
    view = seen[0]["view"]
    assert view["state"]["values"] == {
        "reason": {"reason": {"type": "plain_text_input", "value": "because"}},
        "roles": {
            "pick": {
                "type": "multi_static_select",
                "selected_options": [
                    {"text": {"type": "plain_text", "text": "two", "emoji": True}, "value": "two"}
                ],
            }
        },
        "note": {"note": {"type": "plain_text_input", "value": None}},
    }
    assert (view["private_metadata"], view["callback_id"]) == ("WA-1", "form")
    assert view["root_view_id"] == view["id"] == form.id
    assert seen[0]["response_urls"] == []
    assert alice.open_view is None


async def test_errors_of_the_bot_stand_at_the_field_and_the_form_stays(
    app: AsyncApp, slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    @app.view("form")
    async def listener(ack: Any) -> None:
        await ack(response_action="errors", errors={"reason": "Too vague."})

    form = await a_form(slack, client)
    ack = await alice.submit(form)

    assert not ack.ok
    assert ack.errors == form.errors == {"reason": "Too vague."}
    assert alice.open_view is form


async def test_errors_at_a_block_that_is_no_input_are_trouble(
    app: AsyncApp, slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    @app.view("form")
    async def listener(ack: Any) -> None:
        await ack(response_action="errors", errors={"elsewhere": "x"})

    ack = await alice.submit(await a_form(slack, client))

    assert ack.problems
    assert slack.problems
    assert alice.notices == ["We had some trouble connecting. Try again?"]


async def test_an_answer_may_redraw_push_or_clear(
    app: AsyncApp, slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    answers: Iterator[dict[str, Any]] = iter(
        [
            {"response_action": "update", "view": modal(title=plain("Redrawn"), callback_id="form")},
            {"response_action": "push", "view": modal(section(), title=plain("Above"), callback_id="form")},
            {"response_action": "clear"},
        ]
    )

    @app.view("form")
    async def listener(ack: Any) -> None:
        await ack(**next(answers))

    form = await a_form(slack, client)
    await alice.submit(form)
    redrawn = form.title
    await alice.select(form, "reason", "x")
    await alice.submit(form)
    above = alice.open_view
    assert above is not None
    await alice.submit(above)

    assert (redrawn, above.title, above.previous_view_id) == ("Redrawn", "Above", form.id)
    assert alice.open_view is None
    assert slack.workspace.stack("U0ALICE") == []


async def test_a_broken_answer_leaves_the_form_open(
    app: AsyncApp, slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    form = await a_form(slack, client)

    ack = await alice.submit(form)

    assert (ack.shown, ack.status) == ("dispatch_failed", 404)
    assert alice.open_view is form


async def test_closing_is_told_only_where_the_form_asks_for_it(
    app: AsyncApp, slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    seen: list[dict[str, Any]] = []

    @app.view_closed("form")
    async def listener(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        seen.append(body)

    assert await alice.close(await a_form(slack, client)) is None
    told = await alice.close(await a_form(slack, client, notify_on_close=True))

    assert told is not None
    assert told.ok
    assert [body["is_cleared"] for body in seen] == [False]
    assert alice.open_view is None


# Options


async def test_options_are_asked_with_the_view_and_offered_to_the_person(
    app: AsyncApp, slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    seen: list[dict[str, Any]] = []

    @app.options("accounts")
    async def listener(ack: Any, body: dict[str, Any]) -> None:
        seen.append(body)
        await ack(options=[option("111111111111", "prod")])

    external = select("multi_external_select", "accounts", min_query_length=0)
    form = await a_form(slack, client, blocks=[input_block(external, "Accounts", block_id="accounts")])
    offered = await alice.type_ahead(form, "Accounts", "pro")
    await alice.select(form, "Accounts", ["prod"])

    assert [one["value"] for one in offered] == ["111111111111"]
    assert alice.value(form, "accounts") == ["111111111111"]
    assert (seen[0]["value"], seen[0]["block_id"], seen[0]["view"]["id"]) == ("pro", "accounts", form.id)


async def test_more_than_a_hundred_options_are_none(
    app: AsyncApp, slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    @app.options("accounts")
    async def listener(ack: Any) -> None:
        await ack(options=[option(str(number)) for number in range(101)])

    form = await a_form(slack, client, blocks=[input_block(select("external_select", "accounts"))])

    assert await alice.type_ahead(form, "accounts", "pro") == []
    assert "no more than 100 items" in slack.problems[0]
