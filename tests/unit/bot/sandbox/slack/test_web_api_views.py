"""Modals and Home tabs over the Web API, asked through slack_sdk's own client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.sandbox.slack.server import SlackDouble
from tests.unit.bot.sandbox.slack.samples import (
    code,
    home,
    input_block,
    modal,
    plain,
    refusal,
    section,
    select,
    text_input,
)

if TYPE_CHECKING:
    from bot.sandbox.slack.actor import Actor
    from tests.unit.bot.sandbox.slack.conftest import FakeClock


async def opened(slack: SlackDouble, client: AsyncWebClient, view: dict[str, Any]) -> dict[str, Any]:
    trigger = slack.workspace.new_trigger("U0ALICE")
    answer: dict[str, Any] = (await client.views_open(trigger_id=trigger, view=view))["view"]
    return answer


async def test_a_trigger_opens_one_view_within_three_seconds(
    slack: SlackDouble, client: AsyncWebClient, alice: Actor, clock: FakeClock
) -> None:
    good, late = slack.workspace.new_trigger("U0ALICE"), slack.workspace.new_trigger("U0ALICE")

    await client.views_open(trigger_id=good, view=modal(private_metadata="WA-1"))
    twice = await code(client.views_open(trigger_id=good, view=modal()))
    clock.now += 3.1

    assert twice == "exchanged_trigger_id"
    assert await code(client.views_open(trigger_id=late, view=modal())) == "expired_trigger_id"
    assert await code(client.views_open(trigger_id="1.2.x", view=modal())) == "invalid_trigger_id"
    assert alice.open_view is not None
    assert alice.open_view.private_metadata == "WA-1"


async def test_a_wrong_view_is_refused_and_leaves_the_trigger_unspent(
    slack: SlackDouble, client: AsyncWebClient
) -> None:
    trigger = slack.workspace.new_trigger("U0ALICE")
    wrong = {"type": "modal", "title": plain(), "blocks": [input_block()]}

    data = await refusal(client.views_open(trigger_id=trigger, view=wrong))
    await client.views_open(trigger_id=trigger, view=modal())

    assert data["error"] == "invalid_arguments"
    assert "submit" in data["response_metadata"]["messages"][0]


async def test_a_view_of_more_than_250_kilobytes_is_too_large(
    slack: SlackDouble, client: AsyncWebClient
) -> None:
    view = modal(*[section("x" * 3000) for _ in range(90)])

    assert await code(opened(slack, client, view)) == "view_too_large"


async def test_an_update_with_an_old_hash_conflicts(
    slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    view = await opened(slack, client, modal())
    await client.views_update(view_id=view["id"], hash=view["hash"], view=modal(title=plain("Second")))

    stale = client.views_update(view_id=view["id"], hash=view["hash"], view=modal(title=plain("Third")))

    assert await code(stale) == "hash_conflict"
    assert alice.open_view is not None
    assert alice.open_view.title == "Second"


async def test_an_update_finds_a_view_by_its_external_id_and_no_closed_one(
    slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    view = await opened(slack, client, modal(external_id="form-1"))
    await client.views_update(external_id="form-1", view=modal(title=plain("Again"), external_id="form-1"))
    shown = alice.open_view
    assert shown is not None

    await alice.close(shown)

    assert shown.title == "Again"
    assert await code(client.views_update(view_id=view["id"], view=modal())) == "not_found"
    assert await code(client.views_update(external_id="form-1", view=modal())) == "not_found"


async def test_an_external_id_belongs_to_one_view(slack: SlackDouble, client: AsyncWebClient) -> None:
    view = modal(external_id="form-1")
    await opened(slack, client, view)

    assert await code(opened(slack, client, view)) == "duplicate_external_id"


async def test_what_a_person_chose_survives_an_update_where_the_ids_stay(
    slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    def form(second_block: str) -> dict[str, Any]:
        return modal(
            input_block(text_input("reason", initial_value="first"), block_id="reason"),
            input_block(select(), "Roles", block_id=second_block),
        )

    view = await opened(slack, client, form("roles-1"))
    shown = alice.open_view
    assert shown is not None
    await alice.select(shown, "reason", "mine")
    await alice.select(shown, "pick", "two")

    await client.views_update(view_id=view["id"], view=form("roles-1"))
    kept = alice.value(shown, "reason"), alice.value(shown, "pick")
    await client.views_update(view_id=view["id"], view=form("roles-2"))

    assert kept == ("mine", "two")
    assert (alice.value(shown, "reason"), alice.value(shown, "pick")) == ("mine", None)
    assert len(shown.versions) == 3


async def test_at_most_three_views_lie_on_the_stack(
    slack: SlackDouble, client: AsyncWebClient, alice: Actor
) -> None:
    await opened(slack, client, modal(title=plain("1")))

    async def push(title: str) -> Any:
        assert alice.open_view is not None
        trigger = slack.workspace.new_trigger("U0ALICE", alice.open_view.id)
        return await client.views_push(trigger_id=trigger, view=modal(title=plain(title)))

    second, third = await push("2"), await push("3")

    assert await code(push("4")) == "push_limit_reached"
    assert third["view"]["previous_view_id"] == second["view"]["id"]
    assert third["view"]["root_view_id"] == second["view"]["root_view_id"] != third["view"]["id"]


async def test_a_push_needs_a_trigger_from_inside_a_modal(slack: SlackDouble, client: AsyncWebClient) -> None:
    trigger = slack.workspace.new_trigger("U0ALICE")

    assert await code(client.views_push(trigger_id=trigger, view=modal())) == "not_found"


async def test_a_home_is_published_and_guarded_by_its_hash(client: AsyncWebClient, alice: Actor) -> None:
    first = await client.views_publish(user_id="U0ALICE", view=home(section("one")))
    again = await client.views_publish(
        user_id="U0ALICE", view=home(section("two")), hash=first["view"]["hash"]
    )
    stale = client.views_publish(user_id="U0ALICE", view=home(), hash=first["view"]["hash"])

    assert again["view"]["id"] == first["view"]["id"]
    assert await code(stale) == "hash_conflict"
    assert alice.home is not None
    assert alice.home.blocks[0]["text"]["text"] == "two"
    assert await code(client.views_publish(user_id="U0NOBODY", view=home())) == "invalid_arguments"
