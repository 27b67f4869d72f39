"""What stands before every listener: our workspace only, and nobody known to be refused."""

import json
import logging
from typing import Any

import pytest
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.response import BoltResponse

from bot.domain.names import SlackTeamId
from bot.usecases.admission import Admission
from handlers.jobs import Jobs
from handlers.middleware import Door
from handlers.views.parts import Message
from tests.builders import ALICE, HOME, a_person, some_rules
from tests.fakes.people import FakePeople
from tests.fakes.slack_client import FakeClient, api_error

URL = "https://hooks.slack.test/1"
ELSEWHERE = SlackTeamId("T0ELSEWHERE")
PASSED = BoltResponse(status=200, body="passed")


def payloads(team: str = HOME) -> dict[str, dict[str, Any]]:
    """One of each type that Slack sends."""
    user, where = {"id": ALICE, "team_id": team}, {"id": team}
    return {
        "command": {"command": "/workbench-access", "user_id": ALICE, "team_id": team, "response_url": URL},
        "block_actions": {"type": "block_actions", "user": user, "team": where, "response_url": URL},
        "view_submission": {"type": "view_submission", "user": user, "team": where},
        "view_closed": {"type": "view_closed", "user": user, "team": where},
        "block_suggestion": {"type": "block_suggestion", "user": user, "team": where},
        "shortcut": {"type": "shortcut", "user": user, "team": where, "trigger_id": "1.2"},
        "event": {"type": "event_callback", "team_id": team, "event": {"user": ALICE}},
    }


class Room:
    """The door, and what was said to people at it."""

    def __init__(self) -> None:
        self.people = FakePeople()
        self.jobs = Jobs()
        self.told: list[tuple[str, Message]] = []
        self.client = FakeClient()
        self.ack = AsyncAck()  # type: ignore[no-untyped-call]
        self.door = Door(
            admission=Admission(people=self.people, rules=some_rules(), team=HOME),
            jobs=self.jobs,
            respond=self._respond,
            client=self.client.as_client,
            support="#workbench-support",
        )

    async def _respond(self, response_url: str, message: Message) -> None:
        self.told.append((response_url, message))

    async def knock(self, body: dict[str, Any]) -> BoltResponse:
        async def following() -> BoltResponse:
            return PASSED

        response = await self.door(self.ack, body, following)
        await self.jobs.drain(1)
        return response


@pytest.fixture
async def room() -> Room:
    return Room()


def body_of(response: BoltResponse) -> dict[str, Any]:
    read = json.loads(response.body or "{}")
    assert isinstance(read, dict)
    return read


@pytest.mark.parametrize("kind", list(payloads()))
async def test_a_member_passes_known_or_not(room: Room, kind: str) -> None:
    assert await room.knock(payloads()[kind]) is PASSED
    room.people.know([ALICE])
    assert await room.knock(payloads()[kind]) is PASSED
    assert room.told == []


@pytest.mark.parametrize("kind", list(payloads()))
@pytest.mark.parametrize("reason", ["elsewhere", "guest", "nobody"])
async def test_nobody_who_is_refused_passes_with_any_payload(room: Room, kind: str, reason: str) -> None:
    body = payloads(ELSEWHERE if reason == "elsewhere" else HOME)[kind]
    if reason == "guest":
        room.people.persons[ALICE] = a_person(is_guest=True)
        room.people.know([ALICE])
    if reason == "nobody":
        body = {name: value for name, value in body.items() if name in {"type", "command", "response_url"}}

    response = await room.knock(body)

    assert response is not PASSED
    assert response.status == 200


async def test_a_command_is_answered_with_its_ack(room: Room) -> None:
    answer = body_of(await room.knock(payloads(ELSEWHERE)["command"]))

    assert answer["response_type"] == "ephemeral"
    assert "#workbench-support" in answer["text"]
    assert room.told == []


async def test_a_form_turns_into_the_refusal(room: Room) -> None:
    answer = body_of(await room.knock(payloads(ELSEWHERE)["view_submission"]))

    assert answer["response_action"] == "update"
    assert answer["view"]["type"] == "modal"


async def test_a_list_of_options_is_empty(room: Room) -> None:
    assert body_of(await room.knock(payloads(ELSEWHERE)["block_suggestion"])) == {"options": []}


@pytest.mark.parametrize(("kind", "url"), [("block_actions", URL), ("event", "")])
async def test_everybody_else_is_told_where_slack_lets_us(room: Room, kind: str, url: str) -> None:
    response = await room.knock(payloads(ELSEWHERE)[kind])

    assert not response.body
    ((told_at, message),) = room.told
    assert told_at == url
    assert message.text


@pytest.mark.parametrize(("team", "passes"), [(HOME, True), (ELSEWHERE, False)])
async def test_a_guest_reads_in_the_home_tab_why_it_is_empty(room: Room, team: str, passes: bool) -> None:
    room.people.persons[ALICE] = a_person(is_guest=True)
    room.people.know([ALICE])
    opened = payloads(team)["event"] | {"event": {"type": "app_home_opened", "user": ALICE}}

    response = await room.knock(opened)

    assert (response is PASSED) == passes


async def test_a_shortcut_is_answered_in_a_modal(room: Room) -> None:
    response = await room.knock(payloads(ELSEWHERE)["shortcut"])

    assert not response.body
    (call,) = room.client.calls["views_open"]
    assert call["trigger_id"] == "1.2"
    assert call["view"]["type"] == "modal"


async def test_a_modal_that_slack_does_not_open_is_no_bug(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    room.client.answers["views_open"] = [api_error("expired_trigger_id")]

    with caplog.at_level(logging.ERROR):
        await room.knock(payloads(ELSEWHERE)["shortcut"])

    assert caplog.records == []


async def test_who_is_not_known_is_not_looked_up_before_the_ack(room: Room) -> None:
    await room.knock(payloads()["command"])

    assert room.people.asked == []
