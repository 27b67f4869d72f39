"""What a person has asked for, and what waits for them: to everybody else it does not exist."""

from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import text

from bot.adapters.storage.tx import SqlTx
from bot.domain.errors import Code, CorruptRow, NotFound, Refusal, Unavailable
from bot.domain.messages import ClickKind
from bot.domain.names import SlackUserId
from bot.domain.request import RequestId
from bot.ports.store import Tx
from bot.usecases.read_status import SHOWN, ReadStatus
from bot.usecases.record_click import RecordClick
from tests.builders import (
    ADMINS,
    ALICE,
    BOB,
    CAROL,
    CHANNEL,
    DAN,
    HOME,
    OTHER_SET,
    a_person,
    a_rule,
    an_ask,
    set_rules,
    some_rules,
)
from tests.fakes.world import World, a_world

ONE = RequestId(1)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        yield world


def sql(statement: str) -> Callable[[Tx], None]:
    def run(tx: Tx) -> None:
        assert isinstance(tx, SqlTx)
        assert tx.connection.execute(text(statement)).rowcount > 0

    return run


def status(world: World) -> ReadStatus:
    return ReadStatus(store=world.store, rules=world.rules, admission=world.admission, people=world.people)


async def asked(world: World, *, by: SlackUserId = ALICE, times: int = 1) -> None:
    for number in range(times):
        await world.ask(an_ask(requester=by, form_key=f"{by}{number}"))


async def numbers(world: World, user: SlackUserId) -> tuple[list[int], list[int]]:
    overview = await status(world).overview(user)
    return [s.request.id for s in overview.mine], [s.request.id for s in overview.waiting]


async def test_ones_own_requests_come_newest_first(world: World) -> None:
    await asked(world, times=3)

    assert await numbers(world, ALICE) == ([3, 2, 1], [])


async def test_an_approver_sees_what_waits_oldest_first(world: World) -> None:
    await asked(world, times=2)
    await asked(world, by=DAN)

    assert await numbers(world, BOB) == ([], [1, 2, 3])
    assert await numbers(world, DAN) == ([3], [])


async def test_ones_own_request_does_not_wait_for_oneself(world: World) -> None:
    await asked(world, by=BOB)

    assert await numbers(world, BOB) == ([1], [])
    assert await numbers(world, CAROL) == ([], [1])


async def test_what_was_decided_does_not_wait(world: World) -> None:
    await asked(world)
    await world.prepare(ONE)
    await world.handle_click((await world.click()).id)

    assert await numbers(world, BOB) == ([], [])
    assert await numbers(world, ALICE) == ([1], [])


async def test_an_overview_holds_what_one_message_holds(world: World) -> None:
    await asked(world, times=SHOWN + 2)

    mine, _ = await numbers(world, ALICE)
    _, waiting = await numbers(world, BOB)

    assert mine == list(range(SHOWN + 2, 2, -1))
    assert waiting == list(range(1, SHOWN + 1))
    overview = await status(world).overview(BOB)
    assert (overview.unlisted, overview.is_cut) == (2, False)


async def test_what_waits_for_others_takes_nobodys_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.usecases.read_status.WAITING_LOOKED_AT", 3)
    world.rules = some_rules(set_rules(), set_rules(a_rule(users=[DAN], groups=[]), name=OTHER_SET))
    await asked(world, times=5)
    await world.ask(an_ask(permission_set=OTHER_SET, form_key="the sixth"))

    assert await numbers(world, DAN) == ([], [6])
    assert await numbers(world, BOB) == ([], [1, 2, 3])
    overview = await status(world).overview(BOB)
    assert overview.is_cut


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE requests SET facts = '{' WHERE id = 2",
        "UPDATE requests SET status = 'pending', ruling = '{' WHERE id = 2",
        "UPDATE approvals SET at = 'noon' WHERE request = 2",
    ],
)
async def test_a_request_that_cannot_be_read_hides_no_other(world: World, damage: str) -> None:
    await asked(world, times=3)
    await world.database.run(lambda tx: tx.add_approval(RequestId(2), CAROL))
    await world.database.run(sql(damage))

    assert await numbers(world, BOB) == ([], [1, 3])
    assert await numbers(world, ALICE) == ([3, 1], [])
    (lost,) = (await status(world).overview(ALICE)).unreadable
    assert lost.label == "WA-2"
    assert len(lost.incident) == 8
    assert (await status(world).overview(BOB)).unreadable == ()
    with pytest.raises(CorruptRow) as caught:
        await status(world).one(ALICE, RequestId(2))
    assert caught.value.incident == lost.incident


async def test_a_grant_that_cannot_be_read_hides_only_its_request(world: World) -> None:
    await world.granted()
    await world.granted(an_ask(form_key="second"))
    await world.database.run(sql("UPDATE grants SET failure = '{' WHERE request = 1"))
    await world.database.run(sql("UPDATE pushes SET failure = '{'"))
    await world.database.run(sql("UPDATE outcomes SET body = '{'"))
    await world.database.run(sql("UPDATE permission_sets SET stopped = '{'"))

    overview = await status(world).overview(ALICE)

    assert [story.request.id for story in overview.mine] == [2]
    assert [each.label for each in overview.unreadable] == ["WA-1"]


async def test_a_message_about_one_request_is_drawn_whatever_is_wrong_with_another(world: World) -> None:
    await world.granted(an_ask(form_key="first"))
    await world.granted(an_ask(form_key="second", span=None))
    third = await world.granted(an_ask(form_key="third", span=None))
    await world.database.run(sql("UPDATE grants SET failure = '{' WHERE request = 2"))
    await world.database.run(sql("UPDATE permission_sets SET sids = '{'"))
    await world.database.run(sql("UPDATE pushes SET failure = '{'"))

    story = await status(world).one(ALICE, ONE)

    assert [still.request for still in story.still] == [third.id]


async def test_what_is_not_offered_any_more_waits_for_nobody(world: World) -> None:
    await asked(world)
    world.rules = some_rules(set_rules(name=OTHER_SET))

    assert await numbers(world, BOB) == ([], [])
    assert await numbers(world, ALICE) == ([1], [])


@pytest.mark.parametrize("user", [ALICE, BOB, CAROL])
async def test_a_request_is_shown_to_its_requester_and_to_approvers(world: World, user: SlackUserId) -> None:
    await asked(world)

    assert (await status(world).one(user, ONE)).request.id == ONE


async def test_to_everybody_else_it_does_not_exist(world: World) -> None:
    await asked(world)

    with pytest.raises(Refusal) as caught:
        await status(world).one(DAN, ONE)
    with pytest.raises(NotFound) as missing:
        await status(world).one(DAN, RequestId(99))

    assert caught.value.code is missing.value.code is Code.NOT_FOUND
    assert set(caught.value.facts) == set(missing.value.facts)


async def test_whoever_left_the_group_sees_nothing_any_more(world: World) -> None:
    await asked(world)
    world.people.groups[ADMINS] = frozenset({CAROL})

    assert await numbers(world, BOB) == ([], [])


async def test_a_guest_is_shown_nothing(world: World) -> None:
    await asked(world)
    world.people.persons[ALICE] = a_person(is_guest=True)

    with pytest.raises(Refusal) as caught:
        await status(world).overview(ALICE)
    assert caught.value.code is Code.GUEST
    with pytest.raises(Refusal):
        await status(world).one(ALICE, ONE)


async def test_a_slack_that_does_not_answer_shows_nothing(world: World) -> None:
    await asked(world)
    world.people.error = Unavailable(Code.SLACK_UNAVAILABLE)

    with pytest.raises(Unavailable):
        await status(world).one(BOB, ONE)


# Recording


@pytest.mark.parametrize(("channel", "answered_in"), [(CHANNEL, CHANNEL), ("", BOB)])
async def test_a_recorded_click_is_decided_and_answered_where_it_was_made(
    world: World, channel: str, answered_in: str
) -> None:
    await asked(world)
    await world.prepare(ONE)
    record = RecordClick(store=world.store)

    await record(
        ClickKind.DENY,
        ONE,
        by=BOB,
        team=HOME,
        channel=type(CHANNEL)(channel),
        note="Not this week",
    )
    await world.work()

    request = await world.request()
    assert request.ruling is not None
    assert request.ruling.note == "Not this week"
    (whisper,) = world.slack.whispers
    assert (whisper.channel, whisper.to) == (answered_in, BOB)
