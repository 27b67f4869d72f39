"""A thousand approvals at once, on one permission set and four accounts: coalesced, within AWS's limits, none lost.

The requests are in the store, prepared; then Ben's thousand signed clicks come over 64 connections. What is
measured ends with the last active grant: Slack's own pace lets the messages trail behind by minutes. Until the
end of the measurement the verifications run, too, and count against the rates, though not as calls of the grants.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from bench.grant_calls import POLL, PROVISION, PUT
from bench.harness import ROLES, Stage, accounts, kinds, set_names, stage, until
from bench.load import Order, Run, sent
from bench.requests import Wish, approve_body, prepare
from bench.table import Result, report
from bot.sandbox.scene import ALICE

APPROVALS = 1_000
ACCOUNTS = 4
CONCURRENCY = 64
AFTERWARDS = 5.0
"""Seconds of the verifications that count into the rates."""

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
            Result(
                what="    the bot's processor time and memory",
                measured=f"{cpu / APPROVALS * 1000:.1f} ms for each request, {bot.peak_memory():.0f} MiB at most",
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
