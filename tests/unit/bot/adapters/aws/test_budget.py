"""The budget: never above the rate, writes first, background last."""

import asyncio
from bisect import bisect_left
from collections.abc import Coroutine
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.adapters.aws.budget import WINDOW, Budget, Urgency, background, present_urgency


class VirtualLoop(asyncio.SelectorEventLoop):
    """Sleeps take no time: when nothing is ready, the clock jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.moment = 1000.0

    def time(self) -> float:
        return self.moment

    def _run_once(self) -> None:
        loop: Any = self
        if not loop._ready and loop._scheduled:
            self.moment = max(self.moment, loop._scheduled[0]._when)
        parent: Any = super()
        parent._run_once()


def in_virtual_time(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main)


def budget(rate: int, background_rate: int | None = None) -> Budget:
    return Budget(rate, background_rate=background_rate, now=asyncio.get_running_loop().time)


def busiest_window(moments: list[float], seconds: float = WINDOW) -> int:
    moments = sorted(moments)
    # A microsecond is lost to rounding when a wait is computed from its end.
    return max(bisect_left(moments, moment + seconds - 1e-6) - index for index, moment in enumerate(moments))


class Visitors:
    """Calls that take a slot and hold a thread for a while; remembers in which order they started."""

    def __init__(self, rate: Budget, threads: int = 16) -> None:
        self.budget = rate
        self.gate = asyncio.Semaphore(threads)
        self.started: list[tuple[str, float]] = []

    async def visit(self, name: str, urgency: Urgency, *, after: float = 0.0, hold: float = 0.0) -> None:
        await asyncio.sleep(after)
        await self.budget.take(urgency, self.gate)
        self.started.append((name, asyncio.get_running_loop().time()))
        await asyncio.sleep(hold)
        self.gate.release()

    @property
    def order(self) -> list[str]:
        return [name for name, _ in self.started]

    @property
    def moments(self) -> list[float]:
        return [moment for _, moment in self.started]


VISITS = st.lists(
    st.tuples(
        st.sampled_from(Urgency),
        st.floats(min_value=0, max_value=4),
        st.floats(min_value=0, max_value=3),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=60, deadline=None)
@given(visits=VISITS, rate=st.integers(1, 15), threads=st.integers(1, 16))
def test_no_window_of_a_second_ever_holds_more_calls_than_the_rate(
    visits: list[tuple[Urgency, float, float]], rate: int, threads: int
) -> None:
    async def main() -> None:
        visitors = Visitors(budget(rate), threads)
        async with asyncio.TaskGroup() as group:
            for urgency, after, hold in visits:
                group.create_task(visitors.visit("any", urgency, after=after, hold=hold))

        assert len(visitors.started) == len(visits)
        assert busiest_window(visitors.moments) <= rate
        assert visitors.budget.waiting == 0

    in_virtual_time(main())


def test_the_rate_is_used_up_and_not_only_kept() -> None:
    async def main() -> None:
        visitors = Visitors(budget(15))
        async with asyncio.TaskGroup() as group:
            for number in range(46):
                group.create_task(visitors.visit(str(number), Urgency.READ))

        assert round(visitors.moments[-1] - visitors.moments[0], 3) == 3.0

    in_virtual_time(main())


def test_calls_leave_spread_over_the_second_and_not_in_one_burst() -> None:
    async def main() -> None:
        visitors = Visitors(budget(15))
        async with asyncio.TaskGroup() as group:
            for number in range(46):
                group.create_task(visitors.visit(str(number), Urgency.READ))

        assert busiest_window(visitors.moments, WINDOW / 5) == 3

    in_virtual_time(main())


def test_equals_go_in_the_order_in_which_they_came() -> None:
    async def main() -> None:
        visitors = Visitors(budget(3))
        names = [str(number) for number in range(20)]
        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(visitors.visit(name, Urgency.READ))

        assert visitors.order == names

    in_virtual_time(main())


def test_a_write_that_comes_later_overtakes_waiting_reads_and_background_work() -> None:
    async def main() -> None:
        visitors = Visitors(budget(1))
        async with asyncio.TaskGroup() as group:
            group.create_task(visitors.visit("first", Urgency.READ))
            group.create_task(visitors.visit("background", Urgency.BACKGROUND, after=0.1))
            group.create_task(visitors.visit("read", Urgency.READ, after=0.2))
            group.create_task(visitors.visit("write", Urgency.WRITE, after=0.3))

        assert visitors.order == ["first", "write", "read", "background"]

    in_virtual_time(main())


def test_a_write_overtakes_a_read_that_waits_for_a_thread() -> None:
    async def main() -> None:
        visitors = Visitors(budget(15), threads=1)
        async with asyncio.TaskGroup() as group:
            group.create_task(visitors.visit("hanging", Urgency.READ, hold=5))
            group.create_task(visitors.visit("read", Urgency.READ, after=1))
            group.create_task(visitors.visit("write", Urgency.WRITE, after=2))

        assert visitors.order == ["hanging", "write", "read"]

    in_virtual_time(main())


def test_background_work_leaves_room_for_a_call_that_comes_suddenly() -> None:
    async def main() -> None:
        visitors = Visitors(budget(6, background_rate=4))
        async with asyncio.TaskGroup() as group:
            for _ in range(40):
                group.create_task(visitors.visit("background", Urgency.BACKGROUND))
            group.create_task(visitors.visit("read", Urgency.READ, after=0.8))
        behind = [moment for name, moment in visitors.started if name == "background"]

        assert ("read", 1000.8) in visitors.started
        assert busiest_window(behind) == 4

    in_virtual_time(main())


def test_whoever_gives_up_waiting_makes_room_for_the_next() -> None:
    async def main() -> None:
        visitors = Visitors(budget(1))
        await visitors.visit("first", Urgency.READ)
        impatient = asyncio.create_task(visitors.visit("impatient", Urgency.READ))
        patient = asyncio.create_task(visitors.visit("patient", Urgency.READ))
        await asyncio.sleep(0.5)

        impatient.cancel()
        await patient

        assert visitors.order == ["first", "patient"]
        assert visitors.moments[1] == 1001.0
        assert visitors.budget.waiting == 0

    in_virtual_time(main())


def test_reads_are_background_work_only_where_it_is_said() -> None:
    with background():
        inside = present_urgency()

    assert inside is Urgency.BACKGROUND
    assert present_urgency() is Urgency.READ
