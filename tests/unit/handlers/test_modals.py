"""Modals that need a look first."""

from typing import Any

import pytest

from bot.domain.errors import Code, NotFound, Refusal
from handlers.modals import Modals
from handlers.views.parts import modal, section
from tests.fakes.slack_client import FakeClient, api_error
from tests.unit.handlers.views.judge import assert_sound
from tests.unit.handlers.views.stories import SUPPORT

OPENED = {"ok": True, "view": {"id": "V1"}}
VIEW = modal(title="WA-17", blocks=[section("All of it")], callback_id="x")


def modals(client: FakeClient) -> Modals:
    return Modals(client=client.as_client, support=SUPPORT)


async def test_a_modal_is_open_before_anything_is_looked_up() -> None:
    client = FakeClient(views_open=OPENED)
    open_then: list[int] = []

    async def draw() -> dict[str, Any]:
        open_then.append(len(client.calls["views_open"]))
        return VIEW

    await modals(client).open("1.trigger", draw, title="WA-17")

    assert open_then == [1]
    (opened,), (updated,) = client.calls["views_open"], client.calls["views_update"]
    assert opened["trigger_id"] == "1.trigger"
    assert "One moment" in str(opened["view"])
    assert (updated["view_id"], updated["view"]) == ("V1", VIEW)
    assert_sound(opened["view"], "modal")


async def test_what_is_refused_is_told_in_the_modals_place() -> None:
    client = FakeClient(views_open=OPENED)

    async def draw() -> dict[str, Any]:
        raise Refusal(Code.NOT_AN_APPROVER, label="WA-17")

    await modals(client).open("1.trigger", draw, title="WA-17")

    (updated,) = client.calls["views_update"]
    assert "Not possible" in str(updated["view"])
    assert_sound(updated["view"], "modal")


async def test_where_no_modal_can_be_opened_nothing_is_looked_up_and_the_caller_knows() -> None:
    client = FakeClient(views_open=api_error("expired_trigger_id"))

    async def draw() -> dict[str, Any]:
        raise AssertionError("nobody can see it")

    with pytest.raises(NotFound):
        await modals(client).open("1.trigger", draw, title="WA-17")
