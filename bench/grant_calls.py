"""What one grant in one account asks of AWS: counted at the organisation's door, in the order of arrival.

The calls of the grant are those from the click to the moment at which the grant is stored as active; what
comes after is the verification. A second request for the same access must write nothing.
"""

from collections import Counter
from collections.abc import Sequence

from bench.harness import ROLES, Stage, accounts, set_names, stage, until
from bench.load import Order, sent
from bench.requests import Wish, approve_body, prepare
from bench.table import Result, report
from bot.domain.request import RequestId

POLL = "DescribePermissionSetProvisioningStatus"
PUT, PROVISION = "PutInlinePolicyToPermissionSet", "ProvisionPermissionSet"


async def measure() -> Sequence[Result]:
    """Grant once, then the same again."""
    async with stage(provisioning_seconds=1.0) as on:
        wish = Wish(permission_set=set_names(1)[0], accounts=accounts(1), roles=[ROLES[1]])
        first, second = await prepare(on, [wish, wish])
        bot = await on.start()
        await on.quiet(2)
        grant, verification = await _granted(on, bot.port, first)
        again, _ = await _granted(on, bot.port, second)
    polls = grant.count(POLL)
    return [
        Result(
            what="one grant, one account: calls to sso-admin",
            measured=f"{len(grant) - polls} + {polls} polls: {listed(grant)}",
            bar="≤ 5 + polls",
            ok=len(grant) - polls <= 5,
        ),
        Result(what="its verification afterwards", measured=f"{len(verification)}: {listed(verification)}"),
        Result(
            what="already granted",
            measured=f"{again.count(PUT)} Put, {again.count(PROVISION)} Provision: {listed(again)}",
            bar="no Put, no Provision",
            ok=PUT not in again and PROVISION not in again,
        ),
    ]


async def _granted(on: Stage, port: int, request: RequestId) -> tuple[list[str], list[str]]:
    """Approve it; the operations up to the active grant, and those after it."""
    on.aws.calls.clear()
    order = Order(
        port=port,
        secret=on.slack.signing_secret,
        body=approve_body(on),
        concurrency=1,
        seconds=5,
        numbers=[int(request)],
    )
    await sent(order)
    active = f"SELECT count(*) FROM grants WHERE status = 'active' AND request = {request}"  # noqa: S608 -- a number
    active_at = await until(lambda: on.database.number(active) == 1, seconds=30, every=0.002)
    verified = f"SELECT count(*) FROM outcomes WHERE request = {request}"  # noqa: S608 -- a number
    await until(lambda: on.database.number(verified) == 1, seconds=30)
    await on.quiet(2)
    calls = on.aws.calls.of("sso-admin")
    before = [call.operation for call in calls if call.at <= active_at]
    return before, [call.operation for call in calls if call.at > active_at]


def listed(operations: Sequence[str]) -> str:
    """The operations in the order of their first call, with how often each was called."""
    return ", ".join(f"{name} ×{count}" if count > 1 else name for name, count in Counter(operations).items())


if __name__ == "__main__":
    report(measure)
