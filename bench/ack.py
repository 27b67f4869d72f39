"""The ack of `/workbench-access help`, against Bolt alone: how much the bot adds to its framework.

Both run in processes of their own and are measured in turns by the same client (`bench.load`), so that whatever
else this machine does happens to both. Ratios of the best runs; medians of the pairs beside them.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from bench.harness import REPOSITORY, Stage, cpu_of, median, meet_alice, stage
from bench.load import Order, Run, sent
from bench.requests import help_body
from bench.table import Result, report

TURNS = 7
SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One run of each, one right after the other."""

    bare: Run
    bot: Run
    bare_cpu: float
    """Microseconds of processor time for one request."""
    bot_cpu: float


async def measure() -> Sequence[Result]:
    """Requests a second at concurrency 16, and the median answer at concurrency 1."""
    async with stage() as on, bare(on) as (bare_port, bare_pid):
        bot = await on.start()
        await meet_alice(on)
        await on.quiet()
        base = Order(
            port=bare_port, secret=on.slack.signing_secret, body=help_body(on), concurrency=1, seconds=SECONDS
        )
        ours = replace(base, port=bot.port, expect='"blocks"')
        for order in (base, ours):
            await sent(replace(order, seconds=0.5))

        async def turn(concurrency: int) -> Turn:
            before = cpu_of(bare_pid)
            theirs = await sent(replace(base, concurrency=concurrency))
            between = cpu_of(bare_pid), bot.cpu()
            mine = await sent(replace(ours, concurrency=concurrency))
            return Turn(
                bare=theirs,
                bot=mine,
                bare_cpu=(between[0] - before) / len(theirs.latencies) * 1e6,
                bot_cpu=(bot.cpu() - between[1]) / len(mine.latencies) * 1e6,
            )

        alone = [await turn(1) for _ in range(TURNS)]
        many = [await turn(16) for _ in range(TURNS)]
    return [_rate(many), _latency(alone), _cpu(many)]


def _rate(turns: Sequence[Turn]) -> Result:
    bot, bare_ = max(t.bot.rate for t in turns), max(t.bare.rate for t in turns)
    pairs = median([t.bot.rate / t.bare.rate for t in turns])
    return Result(
        what="ack of help, concurrency 16, against bare Bolt",
        measured=f"{bot / bare_:.2f}× [{pairs:.2f}×]: {bot:.0f}/s against {bare_:.0f}/s",
        bar="≥ 0.6×",
        ok=bot / bare_ >= 0.6,
    )


def _latency(turns: Sequence[Turn]) -> Result:
    bot, bare_ = min(t.bot.percentile(50) for t in turns), min(t.bare.percentile(50) for t in turns)
    pairs = median([t.bot.percentile(50) / t.bare.percentile(50) for t in turns])
    return Result(
        what="p50 of the same, concurrency 1",
        measured=f"{bot / bare_:.2f}× [{pairs:.2f}×]: {bot:.2f} ms against {bare_:.2f} ms",
        bar="≤ 2×",
        ok=bot / bare_ <= 2,
    )


def _cpu(turns: Sequence[Turn]) -> Result:
    bot, bare_ = min(t.bot_cpu for t in turns), min(t.bare_cpu for t in turns)
    return Result(
        what="processor time of one ack, concurrency 16",
        measured=f"{bot / bare_:.2f}×: {bot:.0f} µs against {bare_:.0f} µs",
    )


@asynccontextmanager
async def bare(on: Stage) -> AsyncIterator[tuple[int, int]]:
    """Bolt alone; its port and its process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.bare",
        on.slack.signing_secret,
        stdout=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
    )
    try:
        assert process.stdout is not None
        yield int(await process.stdout.readline()), process.pid
    finally:
        process.kill()
        await process.wait()


if __name__ == "__main__":
    report(measure)
