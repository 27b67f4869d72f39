"""The ack while twenty rounds run: twenty permission sets with open grants, three provisionings at a time.

Measured are the answer to `help`, which needs no database, and the click on a button, which is stored before it
is acknowledged. Short windows, in turns with bare Bolt in its own process: what the machine does to both is no
fault of the bot's. The best window counts, the median one stands beside it.
"""

from collections.abc import Sequence
from dataclasses import replace

from bench.ack import bare
from bench.harness import ROLES, Stage, accounts, kinds, median, meet_alice, set_names, stage, until
from bench.load import Order, Run, sent
from bench.requests import Wish, approve_body, help_body, prepare
from bench.table import Result, report

ROUNDS = 20
CONCURRENCY = 16
WINDOWS = 5
SECONDS = 1.0
CLICKS = 120
"""In one window: late clicks on requests that are decided already; each is stored, decided and answered."""


async def measure() -> Sequence[Result]:
    """The same on each database."""
    results: list[Result] = []
    for kind in kinds():
        results += await _on(kind)
    return results


async def _on(kind: str) -> list[Result]:
    async with stage(kind, sets=ROUNDS, provisioning_seconds=6.0) as on, bare(on) as (bare_port, _):
        wishes = [
            Wish(permission_set=name, accounts=accounts(4), roles=[ROLES[1]]) for name in set_names(ROUNDS)
        ]
        requests = [int(request) for request in await prepare(on, wishes)]
        bot = await on.start()
        await meet_alice(on)
        await on.quiet(2)
        theirs = Order(
            port=bare_port,
            secret=on.slack.signing_secret,
            body=help_body(on),
            concurrency=CONCURRENCY,
            seconds=SECONDS,
        )
        helped = replace(theirs, port=bot.port, expect='"blocks"')
        clicked = replace(theirs, port=bot.port, body=approve_body(on), seconds=60)
        for order in (theirs, helped):
            await sent(replace(order, seconds=0.5))
        quiet = [await sent(helped) for _ in range(WINDOWS)]
        await sent(replace(clicked, numbers=requests))
        await until(lambda: _rounds(on) == ROUNDS, seconds=30)
        alone, busy = [], []
        for _ in range(WINDOWS):
            alone.append(await sent(theirs))
            busy.append(await sent(helped))
        after_help = _rounds(on)
        again = replace(clicked, numbers=(requests * CLICKS)[:CLICKS])
        late = [await sent(again) for _ in range(WINDOWS)]
        after_clicks = _rounds(on)
    return [
        Result(what=f"ack of help at concurrency 16, no rounds, {kind}", measured=_told(quiet)),
        Result(what="    bare Bolt while the rounds run", measured=_told(alone)),
        _result(f"    help while {after_help} to {ROUNDS} rounds run", busy),
        _result(f"    a click while {after_clicks} to {after_help} rounds run", late),
    ]


def _rounds(on: Stage) -> int:
    """Permission sets on which something is under way."""
    return on.database.number(
        "SELECT count(DISTINCT permission_set) FROM grants WHERE status = 'provisioning'"
    )


def _result(what: str, runs: Sequence[Run]) -> Result:
    ok = min(run.percentile(99) for run in runs) <= 50
    return Result(what=what, measured=_told(runs), bar="p99 ≤ 50 ms", ok=ok)


def _told(runs: Sequence[Run]) -> str:
    middles, highs = [run.percentile(50) for run in runs], [run.percentile(99) for run in runs]
    return (
        f"p99 {min(highs):.1f} ms [{median(highs):.1f}], p50 {min(middles):.1f} ms [{median(middles):.1f}], "
        f"{max(run.rate for run in runs):.0f}/s"
    )


if __name__ == "__main__":
    report(measure)
