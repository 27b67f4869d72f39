"""The clock that doubles and bot share across processes."""

from datetime import timedelta
from pathlib import Path

from bot.sandbox.clock import SharedClock


def test_whoever_opened_the_same_file_sees_a_move_at_once(tmp_path: Path) -> None:
    here, there = SharedClock(tmp_path / "clock"), SharedClock(tmp_path / "clock")
    before = there.seconds()

    here.advance(timedelta(days=7))
    here.advance(timedelta(hours=1))

    assert there.shift == 7 * 86_400 + 3_600
    assert there.seconds() - before >= there.shift
    assert (there.now() - here.now()) < timedelta(seconds=5)


def test_a_clock_that_is_opened_again_goes_on_where_it_was(tmp_path: Path) -> None:
    first = SharedClock(tmp_path / "clock")
    first.advance(timedelta(days=1))
    first.close()

    assert SharedClock(tmp_path / "clock").shift == 86_400
