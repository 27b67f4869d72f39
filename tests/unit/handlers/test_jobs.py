"""Work that a listener starts after its ack: owned, bounded, drained on the way out."""

import asyncio
import logging

import pytest

from bot.domain.errors import AccessError, Code, CorruptRow
from handlers import jobs as jobs_module
from handlers.jobs import Jobs


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


async def test_a_job_runs_in_the_background(jobs: Jobs) -> None:
    done = asyncio.Event()

    async def job() -> None:
        done.set()

    jobs.start(job(), name="a job")
    await done.wait()
    await jobs.drain(1)


async def test_what_runs_is_finished_on_the_way_out(jobs: Jobs) -> None:
    may_end, done = asyncio.Event(), []

    async def job() -> None:
        await may_end.wait()
        done.append("done")

    jobs.start(job(), name="a job")
    draining = asyncio.create_task(jobs.drain(5))
    await asyncio.sleep(0)
    may_end.set()
    await draining

    assert done == ["done"]


async def test_what_takes_too_long_is_cancelled(jobs: Jobs) -> None:
    ended = []

    async def job() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    jobs.start(job(), name="a job")
    await jobs.drain(0)

    assert ended == ["cancelled"]


async def test_nothing_to_drain_takes_no_time(jobs: Jobs) -> None:
    await jobs.drain(60)


async def test_an_error_in_a_job_is_a_bug_and_is_logged_whole(
    jobs: Jobs, caplog: pytest.LogCaptureFixture
) -> None:
    async def job() -> None:
        raise ValueError("a bug")

    with caplog.at_level(logging.ERROR):
        jobs.start(job(), name="a job")
        await jobs.drain(1)
        await asyncio.sleep(0)

    (record,) = caplog.records
    assert record.getMessage() == "job_failed"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


async def test_a_row_that_cannot_be_read_is_told_with_the_incident_that_stands_in_the_log(jobs: Jobs) -> None:
    corrupt, told = CorruptRow("requests", 1), []

    async def job() -> None:
        raise corrupt

    async def tell(error: AccessError) -> None:
        told.append((error.code, error.facts["incident"]))

    jobs.start(job(), name="a job", tell=tell)
    await jobs.drain(1)

    assert told == [(Code.INCIDENT, corrupt.incident)]


async def test_a_job_that_never_ends_is_ended(
    jobs: Jobs, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs_module, "LONGEST", 0.01)
    ended = asyncio.Event()

    async def job() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with caplog.at_level(logging.ERROR):
        jobs.start(job(), name="a job")
        await ended.wait()
        await jobs.drain(1)
        await asyncio.sleep(0)

    assert [record.getMessage() for record in caplog.records] == ["job_failed"]


async def test_one_job_that_fails_does_not_touch_the_others(jobs: Jobs) -> None:
    done = []

    async def failing() -> None:
        raise ValueError("a bug")

    async def working() -> None:
        await asyncio.sleep(0)
        done.append("done")

    jobs.start(failing(), name="failing")
    jobs.start(working(), name="working")
    await jobs.drain(1)

    assert done == ["done"]
