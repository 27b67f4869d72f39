"""The ack while twenty rounds run: twenty permission sets with open grants, three provisionings at a time.

Measured are the answer to `help`, which needs no database, and the click on a button, which is stored before it
is acknowledged. Both also without rounds, for comparison, by the same client in the same minute.
"""

from collections.abc import Sequence
from dataclasses import replace

from bench.harness import ROLES, Stage, accounts, kinds, meet_alice, set_names, stage, until
from bench.load import Order, Run, sent
from bench.requests import Wish, approve_body, help_body, prepare
from bench.table import Result, report

ROUNDS = 20
CONCURRENCY = 16
SECONDS = 4.0
CLICKS = 480
"""Late clicks on a request that is decided already: each is stored, decided and answered."""


async def measure() -> Sequence[Result]:
    """The same on each database."""
    results: list[Result] = []
    for kind in kinds():
        results += await _on(kind)
    return results


async def _on(kind: str) -> list[Result]:
    async with stage(kind, sets=ROUNDS, provisioning_seconds=3.0) as on:
        wishes = [
            Wish(permission_set=name, accounts=accounts(4), roles=[ROLES[1]]) for name in set_names(ROUNDS)
        ]
        # Twelve requests for each set, so that its cards and grants are more than a handful.
        requests = await prepare(on, wishes * 12)
        bot = await on.start()
        await meet_alice(on)
        await on.quiet(2)
        helped = Order(
            port=bot.port,
            secret=on.slack.signing_secret,
            body=help_body(on),
            concurrency=CONCURRENCY,
            seconds=SECONDS,
            expect='"blocks"',
        )
        clicked = replace(helped, body=approve_body(on), expect="", seconds=60)
        await sent(replace(helped, seconds=0.5))
        quiet = await sent(helped)
        numbers = [int(request) for request in requests]
        await sent(replace(clicked, numbers=numbers))
        await until(lambda: _rounds(on) == ROUNDS, seconds=30)
        help_busy = await sent(helped)
        rounds_then = _rounds(on)
        late = await sent(replace(clicked, numbers=(numbers * 2)[:CLICKS]))
        rounds_at_end = _rounds(on)
    return [
        Result(what=f"ack of help at concurrency 16, no rounds, {kind}", measured=_told(quiet)),
        _result(f"    while {rounds_then} rounds run", help_busy),
        _result(f"    ack of a click while {rounds_at_end} rounds run", late),
    ]


def _rounds(on: Stage) -> int:
    """Permission sets on which something is under way."""
    return on.database.number(
        "SELECT count(DISTINCT permission_set) FROM grants WHERE status = 'provisioning'"
    )


def _result(what: str, run: Run) -> Result:
    return Result(what=what, measured=_told(run), bar="p99 ≤ 50 ms", ok=run.percentile(99) <= 50)


def _told(run: Run) -> str:
    return (
        f"p50 {run.percentile(50):.1f} ms, p99 {run.percentile(99):.1f} ms, "
        f"most {run.percentile(100):.0f} ms, {run.rate:.0f}/s"
    )


if __name__ == "__main__":
    report(measure)
