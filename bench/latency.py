"""From the click on Approve to the active grant, less what AWS itself took: what the bot adds.

One grant after the other, each of another role and account. AWS's own time is that of the provisioning at the
organisation, from its acceptance to its end.
"""

import time
from collections.abc import Sequence

from bench.harness import ROLES, Stage, accounts, kinds, median, set_names, stage, until
from bench.load import Order, sent
from bench.requests import Wish, approve_body, prepare
from bench.table import Result, report
from bot.domain.request import RequestId

PROVISIONING_SECONDS = 2.3
"""Not a multiple of the bot's polls."""


async def measure() -> Sequence[Result]:
    """Twelve grants on each database."""
    return [await _on(kind) for kind in kinds()]


async def _on(kind: str) -> Result:
    async with stage(kind, provisioning_seconds=PROVISIONING_SECONDS) as on:
        (name,) = set_names(1)
        wishes = [
            Wish(permission_set=name, accounts=[account], roles=[role])
            for role in ROLES
            for account in accounts(4)
        ]
        requests = await prepare(on, wishes)
        bot = await on.start()
        await on.quiet(2)
        added = [await _added(on, bot.port, request) for request in requests]
    return Result(
        what=f"click to active less AWS's own time, {kind}",
        measured=f"{median(added):.2f} s in the median, best {min(added):.2f}; "
        f"in turn {', '.join(f'{each:.1f}' for each in added)}",
        bar="≤ 1.5 s",
        ok=median(added) <= 1.5,
    )


async def _added(on: Stage, port: int, request: RequestId) -> float:
    order = Order(
        port=port,
        secret=on.slack.signing_secret,
        body=approve_body(on),
        concurrency=1,
        seconds=5,
        numbers=[int(request)],
    )
    known = set(on.aws.org.provisioning.requests)
    clicked_at = (await sent(order)).first_at
    active = f"SELECT count(*) FROM grants WHERE status = 'active' AND request = {request}"  # noqa: S608 -- a number
    active_at = await until(lambda: on.database.number(active) == 1, seconds=60, every=0.005)
    theirs = [each for key, each in on.aws.org.provisioning.requests.items() if key not in known]
    took = sum((each.finished_at or time.time()) - each.created_at for each in theirs)
    await on.quiet(1)
    return active_at - clicked_at - took


if __name__ == "__main__":
    report(measure)
