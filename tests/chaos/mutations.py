"""Engines broken on purpose: each must make the suite fail, or the suite is worth nothing.

Switched on inside the bot's process, by its runner; no product code knows of them.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from bot.adapters.aws.identity_center import AwsIdentityCenter
from bot.adapters.storage import work as work_rows
from bot.domain.grant import Grant, GrantStatus, Push
from bot.domain.messages import OwedMessage
from bot.domain.names import PermissionSetArn
from bot.domain.rounds import covers
from bot.ports.store import Work
from bot.usecases import transitions
from bot.usecases.record_click import RecordClick
from bot.worker import outbox, provisioning, reconcile, set_view
from bot.worker.set_view import SetView
from handlers.notifier import SlackNotifier


def posts_before_remembering() -> None:
    """A message is posted without a note that it was tried: after a kill nobody looks for it."""

    @asynccontextmanager
    async def forgetful(
        self: outbox.Outbox, message: OwedMessage, *, repetition: bool
    ) -> AsyncIterator[OwedMessage]:
        yield message

    _replace(outbox.Outbox, "_trying", forgetful)


def never_looks_before_posting_again() -> None:
    """What may have been posted is posted again without a search."""

    async def blind(self: SlackNotifier, *what: Any, **more: Any) -> None:
        return

    _replace(SlackNotifier, "find", blind)


def writes_what_it_knew_at_first() -> None:
    """What others have added since the beginning is not taken over into what is put."""
    read = AwsIdentityCenter.read_policy

    async def old(self: AwsIdentityCenter, arn: PermissionSetArn) -> str:
        document: dict[str, Any] = json.loads(await read(self, arn))
        known = [each for each in document["Statement"] if not each["Sid"].startswith("ByHand")]
        return json.dumps({**document, "Statement": known})

    _replace(AwsIdentityCenter, "read_policy", old)


def never_ends_what_ran_out() -> None:
    """The end of a grant is noted, and taken for granted: nothing is taken out of any policy."""
    move = transitions.move_grant

    def careless(tx: Any, grant: Grant, status: GrantStatus, **more: Any) -> Grant:
        moved = move(tx, grant, status, **more)
        return move(tx, moved, GrantStatus.ENDED) if status is GrantStatus.ENDING else moved

    _replace(transitions, "move_grant", careless)
    _replace(set_view, "move_grant", careless)


def takes_no_lease() -> None:
    """What is claimed can be claimed again at once, and nobody asks whether it is still theirs."""
    claim = work_rows.claim

    def open_handed(connection: Any, now: datetime, *, lease_for: timedelta, **more: Any) -> Sequence[Work]:
        return claim(connection, now, lease_for=timedelta(0), **more)

    def careless(connection: Any, claimed: Work) -> bool:
        return True

    def always(connection: Any, now: datetime, claimed: Work, *, lease_for: timedelta) -> bool:
        return True

    _replace(work_rows, "claim", open_handed)
    _replace(work_rows, "is_held", careless)
    _replace(work_rows, "renew", always)


def settles_without_waiting_for_aws() -> None:
    """Access is called granted once it stands in the policy: a Put alone changes nothing for anyone."""
    follow = provisioning.Pushes.follow

    async def impatient(self: provisioning.Pushes, view: SetView, arn: PermissionSetArn) -> bool:
        await follow(self, view, arn)
        return False

    def hopeful(grant: Grant, document: str, push: Push | None, *, now: datetime) -> bool:
        return covers(document, grant)

    _replace(provisioning.Pushes, "follow", impatient)
    _replace(reconcile, "has_arrived", hopeful)


def acknowledges_before_storing() -> None:
    """A press is acknowledged, and stored a moment later."""
    store_it = RecordClick.__call__
    later: set[asyncio.Task[None]] = set()

    async def hasty(self: RecordClick, *what: Any, **more: Any) -> None:
        async def store_later() -> None:
            await asyncio.sleep(0.5)
            await store_it(self, *what, **more)

        task = asyncio.create_task(store_later())
        later.add(task)
        task.add_done_callback(later.discard)

    _replace(RecordClick, "__call__", hasty)


def _replace(holder: Any, name: str, what: Any) -> None:
    assert callable(getattr(holder, name)), f"{name} is gone: the mutation has to follow the code"
    setattr(holder, name, what)


MUTATIONS: dict[str, Callable[[], None]] = {
    mutation.__name__: mutation
    for mutation in (
        posts_before_remembering,
        never_looks_before_posting_again,
        writes_what_it_knew_at_first,
        never_ends_what_ran_out,
        takes_no_lease,
        settles_without_waiting_for_aws,
        acknowledges_before_storing,
    )
}


def switch_on(name: str) -> None:
    MUTATIONS[name]()
