"""Slack's people and groups: cached for the form, read afresh for a decision, one read for all who wait."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.errors import NotFound, Unavailable
from bot.domain.names import SlackUserId
from bot.domain.people import Person
from handlers import people as people_module
from handlers.people import GROUP_FOR, PERSON_FOR, FreshReads, SlackPeople
from tests.builders import ADMINS, ALICE, BOB, HOME
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.slack_client import FakeClient, api_error

TICK = timedelta(microseconds=1)
LASTS = timedelta(minutes=1)


@dataclass
class Reader:
    """Counts reads; each takes until the test lets it end."""

    reads: list["asyncio.Future[str]"] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __call__(self, key: str) -> str:
        mine: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        async with self.changed:
            self.reads.append(mine)
            self.changed.notify_all()
        return await mine

    async def begun(self, count: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.reads) >= count)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def reads(reader: Reader, clock: FakeClock) -> FreshReads[str, str]:
    return FreshReads(reader, clock, LASTS)


async def test_one_read_serves_all_who_wait(reads: FreshReads[str, str], reader: Reader) -> None:
    waiting = [asyncio.create_task(reads.get("a", not_before=NOON)) for _ in range(20)]
    await reader.begun(1)

    reader.reads[0].set_result("fresh")

    assert await asyncio.gather(*waiting) == ["fresh"] * 20
    assert len(reader.reads) == 1


async def test_a_read_under_way_does_not_serve_a_later_click(
    reads: FreshReads[str, str], reader: Reader, clock: FakeClock
) -> None:
    early = asyncio.create_task(reads.get("a", not_before=NOON))
    await reader.begun(1)
    clock.advance(TICK)
    late = asyncio.create_task(reads.get("a", not_before=clock.now()))
    await reader.begun(2)

    reader.reads[0].set_result("old")
    assert await early == "old"
    assert not late.done()
    reader.reads[1].set_result("new")

    assert await late == "new"


async def test_an_older_read_that_ends_last_does_not_replace_the_newer(
    reads: FreshReads[str, str], reader: Reader, clock: FakeClock
) -> None:
    early = asyncio.create_task(reads.get("a", not_before=NOON))
    await reader.begun(1)
    clock.advance(TICK)
    late = asyncio.create_task(reads.get("a", not_before=clock.now()))
    await reader.begun(2)

    reader.reads[1].set_result("new")
    assert await late == "new"
    reader.reads[0].set_result("old")
    assert await early == "old"

    assert reads.peek("a") == "new"
    assert await reads.get("a", not_before=clock.now()) == "new"


async def test_an_older_read_that_ends_does_not_hide_the_newer_from_who_comes_next(
    reads: FreshReads[str, str], reader: Reader, clock: FakeClock
) -> None:
    early = asyncio.create_task(reads.get("a", not_before=NOON))
    await reader.begun(1)
    clock.advance(TICK)
    late = asyncio.create_task(reads.get("a", not_before=clock.now()))
    await reader.begun(2)
    reader.reads[0].set_result("old")
    await early

    next_one = asyncio.create_task(reads.get("a", not_before=clock.now()))
    await asyncio.sleep(0)
    reader.reads[1].set_result("new")

    assert await late == "new"
    assert len(reader.reads) == 2
    assert await next_one == "new"


async def test_what_is_remembered_does_not_grow_for_ever(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people_module, "CACHED_AT_MOST", 2)

    async def read(key: str) -> str:
        return key

    reads = FreshReads(read, clock, LASTS)
    for key in ("a", "b", "c"):
        await reads.get(key, not_before=None)

    assert reads.peek("a") is None
    assert reads.peek("c") == "c"


async def test_the_next_read_serves_everybody_who_came_during_the_last(
    reads: FreshReads[str, str], reader: Reader, clock: FakeClock
) -> None:
    first = asyncio.create_task(reads.get("a", not_before=NOON))
    await reader.begun(1)
    clock.advance(TICK)
    clicked_at = clock.now()
    others = [asyncio.create_task(reads.get("a", not_before=clicked_at)) for _ in range(5)]
    await reader.begun(2)

    for future in reader.reads:
        future.set_result("x")
    await asyncio.gather(first, *others)

    assert len(reader.reads) == 2


async def test_what_was_read_after_the_click_is_not_read_again(
    reads: FreshReads[str, str], reader: Reader, clock: FakeClock
) -> None:
    clicked_at = clock.now()
    clock.advance(LASTS * 10)
    waiting = asyncio.create_task(reads.get("a", not_before=clicked_at))
    await reader.begun(1)
    reader.reads[0].set_result("x")
    await waiting

    assert await reads.get("a", not_before=clicked_at + LASTS) == "x"
    assert len(reader.reads) == 1


async def test_a_cached_value_serves_for_a_while(
    reads: FreshReads[str, str], reader: Reader, clock: FakeClock
) -> None:
    waiting = asyncio.create_task(reads.get("a", not_before=None))
    await reader.begun(1)
    reader.reads[0].set_result("x")
    await waiting

    clock.advance(LASTS)
    assert await reads.get("a", not_before=None) == "x"
    assert reads.peek("a") == "x"
    clock.advance(TICK)
    assert reads.peek("a") is None
    again = asyncio.create_task(reads.get("a", not_before=None))
    await reader.begun(2)
    reader.reads[1].set_result("y")

    assert await again == "y"


async def test_an_error_goes_to_those_who_wait_and_poisons_nothing(
    reads: FreshReads[str, str], reader: Reader
) -> None:
    waiting = [asyncio.create_task(reads.get("a", not_before=NOON)) for _ in range(3)]
    await reader.begun(1)
    reader.reads[0].set_exception(ValueError("Slack is down"))
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(each, ValueError) for each in ended)
    assert reads.peek("a") is None

    again = asyncio.create_task(reads.get("a", not_before=NOON))
    await reader.begun(2)
    reader.reads[1].set_result("x")

    assert await again == "x"


async def test_one_who_gives_up_does_not_stop_the_read_of_the_others(
    reads: FreshReads[str, str], reader: Reader
) -> None:
    one, other = (asyncio.create_task(reads.get("a", not_before=NOON)) for _ in range(2))
    await reader.begun(1)

    one.cancel()
    await asyncio.wait([one])
    reader.reads[0].set_result("x")

    assert await other == "x"


async def test_keys_are_read_apart(reads: FreshReads[str, str], reader: Reader) -> None:
    waiting = [asyncio.create_task(reads.get(key, not_before=NOON)) for key in ("a", "b")]
    await reader.begun(2)

    for number, future in enumerate(reader.reads):
        future.set_result(str(number))

    assert await asyncio.gather(*waiting) == ["0", "1"]


# On Slack's Web API


def a_user(**fields: Any) -> dict[str, Any]:
    profile = {"real_name": "Alice Smith", "email": "alice@example.com"}
    return {
        "user": {"id": ALICE, "team_id": HOME, "is_email_confirmed": True, "profile": profile} | fields,
    }


async def person_of(**fields: Any) -> Person:
    people = SlackPeople(FakeClient(users_info=a_user(**fields)).as_client, FakeClock())
    return await people.person(ALICE)


async def test_a_profile_is_read_as_slack_tells_it() -> None:
    assert await person_of() == Person(
        user_id=ALICE,
        team_id=HOME,
        name="Alice Smith",
        email="alice@example.com",
        email_confirmed=True,
        is_deactivated=False,
        is_bot=False,
        is_guest=False,
        is_stranger=False,
    )


@pytest.mark.parametrize(
    ("fields", "flag"),
    [
        ({"deleted": True}, "is_deactivated"),
        ({"is_bot": True}, "is_bot"),
        ({"id": "USLACKBOT"}, "is_bot"),
        ({"is_restricted": True}, "is_guest"),
        ({"is_ultra_restricted": True}, "is_guest"),
        ({"is_stranger": True}, "is_stranger"),
    ],
)
async def test_each_reason_to_refuse_somebody_is_seen(fields: dict[str, object], flag: str) -> None:
    person = await person_of(**fields)

    flags = ("is_deactivated", "is_bot", "is_guest", "is_stranger")
    assert [each for each in flags if getattr(person, each)] == [flag]


@pytest.mark.parametrize("fields", [{"is_email_confirmed": False}, {"is_email_confirmed": None}])
async def test_an_address_is_confirmed_only_if_slack_says_so(fields: dict[str, object]) -> None:
    assert not (await person_of(**fields)).email_confirmed


async def test_a_profile_with_next_to_nothing_is_no_surprise() -> None:
    people = SlackPeople(FakeClient(users_info={"user": {"id": ALICE}}).as_client, FakeClock())

    person = await people.person(ALICE)

    assert (person.name, person.email, person.email_confirmed, person.team_id) == (ALICE, None, False, "")


async def test_a_profile_is_known_for_some_minutes_and_then_not() -> None:
    clock, client = FakeClock(), FakeClient(users_info=a_user())
    people = SlackPeople(client.as_client, clock)
    assert people.known(ALICE) is None
    person = await people.person(ALICE)

    clock.advance(PERSON_FOR)
    assert people.known(ALICE) == person
    await people.person(ALICE)
    assert len(client.calls["users_info"]) == 1
    clock.advance(TICK)
    assert people.known(ALICE) is None


@pytest.mark.parametrize("error", ["user_not_found", "user_not_visible"])
async def test_an_id_that_slack_does_not_know_is_not_found(error: str) -> None:
    people = SlackPeople(FakeClient(users_info=api_error(error)).as_client, FakeClock())

    with pytest.raises(NotFound):
        await people.person(ALICE)


async def test_a_group_has_its_members() -> None:
    client = FakeClient(usergroups_users_list={"users": [ALICE, BOB]})
    people = SlackPeople(client.as_client, FakeClock())

    assert await people.members(ADMINS) == {ALICE, BOB}
    assert client.calls["usergroups_users_list"] == [{"usergroup": ADMINS}]


async def test_a_group_is_read_again_for_a_decision() -> None:
    clock = FakeClock()
    client = FakeClient(usergroups_users_list=[{"users": [ALICE]}, {"users": [BOB]}])
    people = SlackPeople(client.as_client, clock)
    await people.members(ADMINS)
    clock.advance(GROUP_FOR)
    assert await people.members(ADMINS) == {ALICE}

    assert await people.members(ADMINS, not_before=clock.now()) == {BOB}


@pytest.mark.parametrize("error", ["no_such_subteam", "subteam_disabled"])
async def test_a_group_that_is_gone_has_nobody(error: str) -> None:
    people = SlackPeople(FakeClient(usergroups_users_list=api_error(error)).as_client, FakeClock())

    assert await people.members(ADMINS) == frozenset()


@pytest.mark.parametrize("error", ["ratelimited", "internal_error"])
async def test_a_group_that_cannot_be_read_lets_nobody_in(error: str) -> None:
    people = SlackPeople(FakeClient(usergroups_users_list=api_error(error)).as_client, FakeClock())

    with pytest.raises(Unavailable):
        await people.members(ADMINS)


async def test_a_strange_id_is_only_an_id() -> None:
    client = FakeClient(users_info=api_error("user_not_found"))
    people = SlackPeople(client.as_client, FakeClock())

    with pytest.raises(NotFound):
        await people.person(SlackUserId(""))
