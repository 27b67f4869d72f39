"""From the start of the process to the first 200 of `/readyz`, and the memory that the bot keeps.

The reference is an interpreter that does nothing but import the libraries: below that no bot can start.
"""

import asyncio
import resource
import sys
import time
from collections.abc import Sequence

from bench.harness import ROLES, accounts, kept_environment, kinds, median, set_names, stage, until
from bench.load import Order, sent
from bench.requests import Wish, approve_body, prepare
from bench.table import Result, report

TIMES = 5
LIBRARIES = "import aiohttp, alembic.command, boto3, pydantic, slack_bolt.async_app, sqlalchemy"


async def measure() -> Sequence[Result]:
    """On each database: starts, then one grant, then the memory."""
    await _imports()  # the first one compiles
    before = children_cpu()
    imports = [await _imports() for _ in range(TIMES)]
    worked = (children_cpu() - before) / TIMES
    results = [
        Result(
            what="importing the libraries alone",
            measured=f"{min(imports):.2f} s [{median(imports):.2f} s]; {worked:.2f} s of processor time",
        )
    ]
    for kind in kinds():
        results += await _on(kind, min(imports))
    return results


async def _on(kind: str, imports: float) -> list[Result]:
    async with stage(kind) as on:
        wish = Wish(permission_set=set_names(1)[0], accounts=accounts(1), roles=[ROLES[1]])
        (request,) = await prepare(on, [wish])
        await (await on.start()).stop()  # the first start compiles
        starts, worked = [], []
        for _ in range(TIMES):
            bot = await on.start()
            starts.append(bot.started_in)
            worked.append(bot.cpu())
            await bot.stop()
        bot = await on.start()
        order = Order(
            port=bot.port,
            secret=on.slack.signing_secret,
            body=approve_body(on),
            concurrency=1,
            seconds=5,
            numbers=[int(request)],
        )
        await sent(order)
        verified = "SELECT count(*) FROM outcomes"
        await until(lambda: on.database.number(verified) == 1, seconds=30)
        await on.quiet(2)
        memory, peak = bot.memory(), bot.peak_memory()
    return [
        Result(
            what=f"start to ready, {kind}",
            measured=f"{min(starts):.2f} s [{median(starts):.2f} s], {min(starts) / imports:.1f}× the imports; "
            f"{min(worked):.2f} s of processor time",
            bar="≤ 2 s",
            ok=min(starts) <= 2,
        ),
        Result(
            what=f"resident memory after one grant, {kind}",
            measured=f"{memory:.0f} MiB, peak {peak:.0f} MiB",
            bar="≤ 150 MB",
            ok=memory * 1.048576 <= 150,
        ),
    ]


def children_cpu() -> float:
    """Seconds of processor time of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _imports() -> float:
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", LIBRARIES, env=kept_environment())
    await process.wait()
    return time.perf_counter() - begun


if __name__ == "__main__":
    report(measure)
