"""A thousand approvals at once, on one permission set and four accounts: coalesced, within AWS's limits, none lost.

The requests are in the store, prepared; then Ben's thousand signed clicks come over 64 connections. What is
measured ends with the last active grant: Slack's own pace lets the messages trail behind by minutes. Until the
end of the measurement the verifications run, too, and count against the rates, though not as calls of the grants.
Then all of it ends at one instant, while people go on clicking.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bench.grant_calls import POLL, PROVISION, PUT
from bench.harness import ROLES, Stage, accounts, kinds, set_names, stage, until
from bench.load import CLICKED, Order, Run, sent
from bench.requests import Wish, approve_body, prepare
from bench.table import Result, report
from bot.sandbox.scene import ALICE

APPROVALS = 1_000
ACCOUNTS = 4
CONCURRENCY = 64
AFTERWARDS = 5.0
"""Seconds of the verifications that count into the rates."""

ENDING_SECONDS = 20.0
"""How long clicks go on while everything ends."""

PATIENCE = 60.0
"""Seconds that somebody on another set waits at most before we look no longer."""

GET = "GetInlinePolicyForPermissionSet"
ACTIVE = "SELECT count(*) FROM grants WHERE status = 'active'"


async def measure() -> Sequence[Result]:
    """The same on each database."""
    results: list[Result] = []
    for kind in kinds():
        results += await _on(kind)
    return results


def wishes() -> list[Wish]:
    """Each for one role in all accounts, permanent or for a week."""
    name = set_names(1)[0]
    return [
        Wish(
            permission_set=name,
            accounts=accounts(ACCOUNTS),
            roles=[ROLES[number % len(ROLES)]],
            span=timedelta(days=7) if number % 2 else None,
            requester=ALICE,
        )
        for number in range(APPROVALS)
    ]


def _other() -> Wish:
    """One request on another permission set: whoever comes after a thousand should not have to wait for them."""
    return Wish(permission_set=set_names(2)[1], accounts=accounts(1), roles=[ROLES[0]])


async def _on(kind: str) -> list[Result]:
    async with stage(kind, sets=2, account_count=ACCOUNTS, provisioning_seconds=1.0) as on:
        *requests, other = await prepare(on, [*wishes(), _other()])
        bot = await on.start()
        await on.quiet(2)
        on.aws.calls.clear()
        on.slack.calls.clear()
        begun = bot.cpu()
        order = Order(
            port=bot.port,
            secret=on.slack.signing_secret,
            body=approve_body(on),
            concurrency=CONCURRENCY,
            seconds=120,
            numbers=[int(request) for request in requests],
        )
        run = await sent(order)
        wanted = APPROVALS * ACCOUNTS
        active_at = await until(lambda: on.database.number(ACTIVE) == wanted, seconds=300)
        calls = Counter(call.operation for call in on.aws.calls.of("sso-admin") if call.at <= active_at)
        cpu = bot.cpu() - begun
        await asyncio.sleep(AFTERWARDS)
        results = _results(on, kind, run, calls, active_at - run.first_at)
        last = await sent(replace(order, numbers=[int(other)], concurrency=1))
        try:
            active_at = await until(lambda: on.database.number(ACTIVE) == wanted + 1, seconds=PATIENCE)
            waited = f"active {active_at - last.first_at:.1f} s after its click, 1 s of which is AWS's"
        except TimeoutError:
            waited = f"not active {PATIENCE:.0f} s after its click: stuck behind the thousand"
        return [
            *results,
            Result(what="    then one grant on another set", measured=waited),
            *await _endings(on, order, int(other)),
            Result(
                what="    the bot's processor time and memory",
                measured=f"{cpu / APPROVALS * 1000:.1f} ms for each request, {bot.peak_memory():.0f} MiB at most",
            ),
        ]


async def _endings(on: Stage, order: Order, decided: int) -> list[Result]:
    """All that is active on one set ends at one instant, as dates do; clicks on a request that is decided go on."""
    of_the_set = f"permission_set = '{set_names(1)[0]}'"
    count = on.database.number(f"SELECT count(*) FROM grants WHERE {of_the_set} AND status = 'active'")  # noqa: S608 -- our names
    still = f"SELECT count(*) FROM grants WHERE {of_the_set} AND status != 'ended'"  # noqa: S608 -- our names
    on.aws.calls.clear()
    past = (datetime.now(UTC) - timedelta(hours=1)).replace(microsecond=0).isoformat(timespec="microseconds")
    body = order.body.replace(CLICKED, str(decided))
    clicks = asyncio.create_task(
        sent(replace(order, body=body, numbers=[], concurrency=4, seconds=ENDING_SECONDS))
    )
    await asyncio.sleep(1)
    begun = time.time()
    on.database.change(
        [
            f"UPDATE grants SET ends_at = '{past}' WHERE {of_the_set}",  # noqa: S608 -- our names
            f"UPDATE work SET due_at = '{past}' WHERE kind = 'set'",  # noqa: S608 -- our names
        ]
    )
    ended_at = await until(lambda: on.database.number(still) == 0, seconds=300)
    run = await clicks
    calls = Counter(call.operation for call in on.aws.calls.of("sso-admin") if call.at <= ended_at)
    return [
        Result(
            what=f"    then {count:,} grants end at one instant",
            measured=f"{calls[PUT]} Put, {calls[PROVISION]} Provision, all ended {ended_at - begun:.1f} s later",
            bar="≤ 3 Puts",
            ok=calls[PUT] <= 3,
        ),
        Result(
            what="    ack of a click meanwhile, concurrency 4",
            measured=f"p50 {run.percentile(50):.0f} ms, p99 {run.percentile(99):.0f} ms, "
            f"max {run.percentile(100):.0f} ms, {run.rate:.0f}/s",
        ),
    ]


def _results(on: Stage, kind: str, run: Run, calls: Counter[str], seconds: float) -> list[Result]:
    approved = on.database.number("SELECT count(*) FROM requests WHERE status = 'approved'")
    open_clicks = on.database.number("SELECT count(*) FROM clicks WHERE done_at IS NULL")
    rounds = max(_rounds(on).values(), default=0)
    counts = f"{calls[GET]} Get, {calls[PUT]} Put, {calls[PROVISION]} Provision, {calls[POLL]} polls"
    others = sum(calls.values()) - calls[GET] - calls[PUT] - calls[PROVISION] - calls[POLL]
    peak, flights = on.aws.calls.peak_per_second("sso-admin"), on.aws.org.provisioning.most_in_flight
    slack = Counter(call.method for call in on.slack.calls)
    asked = ", ".join(f"{name} {count}" for name, count in slack.most_common(5))
    lost = APPROVALS - approved + open_clicks
    return [
        Result(
            what=f"1,000 approvals on one set × 4 accounts, {kind}: calls",
            measured=f"{counts}, {others} others",
            bar="≤ 3 Puts, ≤ 3 provisioning rounds",
            ok=calls[PUT] <= 3 and rounds <= 3,
        ),
        Result(what="    provisioning rounds", measured=str(rounds), bar="≤ 3", ok=rounds <= 3),
        Result(
            what="    most calls to sso-admin in any second", measured=str(peak), bar="≤ 20", ok=peak <= 20
        ),
        Result(what="    most provisionings in flight", measured=str(flights), bar="≤ 3", ok=flights <= 3),
        Result(
            what="    lost",
            measured=f"{lost}: {approved} approved, {APPROVALS * ACCOUNTS} grants active, {open_clicks} clicks open",
            bar="0",
            ok=lost == 0,
        ),
        Result(
            what="    grants",
            measured=f"{APPROVALS * ACCOUNTS / seconds:.0f}/s ({APPROVALS / seconds:.0f} requests/s): "
            f"all active {seconds:.1f} s after the first click",
        ),
        Result(
            what="    ack of a click, concurrency 64",
            measured=f"p50 {run.percentile(50):.0f} ms, p99 {run.percentile(99):.0f} ms, {run.rate:.0f}/s",
        ),
        Result(what="    Slack was asked meanwhile", measured=asked),
    ]


def _rounds(on: Stage) -> Counter[str]:
    """How often each account was provisioned; a call for all accounts counts for each."""
    made = on.aws.org.provisioning.requests.values()
    return Counter(step.account for request in made for step in request.steps)


if __name__ == "__main__":
    report(measure)
