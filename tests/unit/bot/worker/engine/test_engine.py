"""The loop that claims due work, runs it under a lease, and puts it back."""

import asyncio
import logging
from datetime import datetime, timedelta

import pytest

from bot.domain.errors import Code, Conflict, CorruptRow, NotFound, Unavailable
from bot.ports.store import Tx, Work, WorkKind
from bot.worker.engine import LONGEST_BACK_OFF, back_off
from tests.fakes.clock import NOON
from tests.fakes.crashes import BreakableStore, Breaker
from tests.unit.bot.worker.engine.bench import SOON, Bench, running


async def test_due_work_is_done_once_and_gone(bench: Bench) -> None:
    await bench.poke()

    async with running(bench.engine(bench.raising(None))):
        await bench.done.wait()

    assert [work.key for work in bench.seen] == ["1"]
    assert await bench.due() is None


async def test_work_that_is_poked_while_the_engine_waits_is_done_at_once(bench: Bench) -> None:
    async with running(bench.engine(bench.raising(None))):
        await asyncio.sleep(0)
        await bench.poke()
        await bench.done.wait()

    assert len(bench.seen) == 1


async def test_work_for_later_is_left_alone(bench: Bench) -> None:
    await bench.poke("later", due_at=NOON + SOON)
    await bench.poke("now")

    async with running(bench.engine(bench.raising(None))):
        await bench.done.wait()

    assert [work.key for work in bench.seen] == ["now"]
    assert await bench.due() == NOON + SOON


async def test_work_comes_back_when_its_handler_says(bench: Bench) -> None:
    async def handle(work: Work) -> datetime | None:
        bench.seen.append(work)
        bench.done.set()
        return NOON + SOON

    await bench.poke()

    async with running(bench.engine(handle)):
        await bench.done.wait()

    assert len(bench.seen) == 1
    assert await bench.due() == NOON + SOON


async def test_work_that_is_poked_while_it_is_done_is_done_again(bench: Bench) -> None:
    async def handle(work: Work) -> datetime | None:
        bench.seen.append(work)
        if len(bench.seen) == 1:
            await bench.poke()
        else:
            bench.done.set()
        return None

    await bench.poke()

    async with running(bench.engine(handle)):
        await bench.done.wait()

    assert len(bench.seen) == 2
    assert await bench.due() is None


async def test_a_kind_that_nobody_here_knows_is_kept_for_whoever_does(bench: Bench) -> None:
    await bench.poke()

    failed = asyncio.Event()

    class Watched(BreakableStore):
        async def fail(self, work: Work, *, again_at: datetime, error: str) -> None:
            await super().fail(work, again_at=again_at, error=error)
            failed.set()

    async with running(bench.engine(None, store=Watched(bench.database, Breaker()))):
        await failed.wait()

    assert await bench.due() == NOON + LONGEST_BACK_OFF


@pytest.mark.parametrize(
    "error",
    [
        Unavailable(Code.AWS_UNAVAILABLE),
        Conflict(Code.CONFLICT),
        NotFound(Code.NOT_FOUND),
        ValueError("a bug"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_work_that_failed_is_kept_and_backs_off(bench: Bench, error: Exception) -> None:
    await bench.poke()

    async with running(bench.engine(bench.raising(error))):
        await bench.done.wait()

    assert await bench.due() == NOON + timedelta(seconds=0.5)


async def test_whoever_waits_for_work_with_a_bug_is_told_the_id_that_the_log_carries(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    await bench.poke("1")
    await bench.poke("2")

    with caplog.at_level(logging.ERROR):
        async with running(bench.engine(bench.raising(ValueError("a bug"), Conflict(Code.CONFLICT)))):
            await bench.done.wait()

    ((key, incident),) = bench.incidents
    assert key == "1"
    (record,) = [each for each in caplog.records if each.getMessage() == "work_bug"]
    assert incident in str(record.__dict__)


async def test_a_row_that_cannot_be_read_has_the_incident_that_stands_in_the_log(bench: Bench) -> None:
    corrupt = CorruptRow("requests", 1)
    await bench.poke("1")
    await bench.poke("2")

    async with running(bench.engine(bench.raising(corrupt, Conflict(Code.CONFLICT)))):
        await bench.done.wait()

    assert bench.incidents == [("1", corrupt.incident)]


async def test_a_bug_that_nobody_could_be_told_of_is_kept_all_the_same(bench: Bench) -> None:
    async def cannot(work: Work, incident: str) -> None:
        raise Unavailable(Code.STORE_UNAVAILABLE)

    engine = bench.engine(bench.raising(ValueError("a bug")))
    engine.on_bug = cannot
    await bench.poke()

    async with running(engine):
        await bench.done.wait()

    assert await bench.due() == NOON + timedelta(seconds=0.5)


async def test_the_back_off_grows_from_try_to_try(bench: Bench) -> None:
    await bench.poke()
    waits = []
    for _ in range(3):
        bench.done.clear()
        async with running(bench.engine(bench.raising(Unavailable(Code.AWS_UNAVAILABLE)))):
            await bench.done.wait()
        due = await bench.due()
        assert due is not None
        waits.append((due - bench.clock.now()).total_seconds())
        bench.clock.set(due)

    assert waits == [0.5, 1, 2]


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(0, 0.5), (1, 0.5), (2, 1), (3, 2), (9, 128), (11, 300), (10_000, 300)]
)
def test_the_back_off_doubles_up_to_five_minutes(attempts: int, seconds: float) -> None:
    assert back_off(attempts) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("asked", "seconds"), [(120, 120), (0, 0.5)])
async def test_who_says_when_to_come_back_is_listened_to(bench: Bench, asked: int, seconds: float) -> None:
    await bench.poke()
    error = Unavailable(Code.SLACK_UNAVAILABLE, retry_after=asked)

    async with running(bench.engine(bench.raising(error))):
        await bench.done.wait()

    assert await bench.due() == NOON + timedelta(seconds=seconds)


async def test_one_piece_that_fails_keeps_no_other_from_being_done(bench: Bench) -> None:
    for key in ("1", "2", "3"):
        await bench.poke(key)

    async with running(bench.engine(bench.raising(ValueError("a bug"), None, None))):
        await bench.done.wait()

    assert sorted(work.key for work in bench.seen) == ["1", "2", "3"]


async def test_pieces_of_work_run_side_by_side(bench: Bench) -> None:
    together = asyncio.Barrier(3)

    async def handle(work: Work) -> datetime | None:
        await together.wait()
        bench.seen.append(work)
        if len(bench.seen) == 3:
            bench.done.set()
        return None

    for key in ("1", "2", "3"):
        await bench.poke(key)

    async with running(bench.engine(handle)):
        await bench.done.wait()

    assert await bench.due() is None


@pytest.mark.parametrize(
    "kind", [WorkKind.VERIFY, WorkKind.PREPARE, WorkKind.MESSAGE, WorkKind.PERMISSION_SET]
)
async def test_a_crowd_of_others_keeps_nobodys_click_waiting(bench: Bench, kind: WorkKind) -> None:
    release = asyncio.Event()
    clicked = asyncio.Event()

    async def wait(work: Work) -> datetime | None:
        await release.wait()
        return None

    async def click(work: Work) -> datetime | None:
        clicked.set()
        return None

    def crowd(tx: Tx) -> None:
        for number in range(100):
            tx.poke(kind, str(number), due_at=tx.now - timedelta(seconds=1))
        tx.poke(WorkKind.CLICK, "1")

    await bench.database.run(crowd)
    engine = bench.engine(wait)
    engine.handlers = {kind: wait, WorkKind.CLICK: click}
    async with running(engine):
        await clicked.wait()
        release.set()
