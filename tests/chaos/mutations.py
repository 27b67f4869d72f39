"""Engines broken on purpose: each must make the suite fail, or the suite is worth nothing.

Switched on inside the bot's process, by its runner; no product code knows of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.adapters.storage import store
from bot.domain.grant import Grant, Push
from bot.domain.messages import OwedMessage
from bot.domain.request import AccessRequest, Ask
from bot.ports.store import Work
from bot.usecases.request_access import RequestAccess
from bot.worker import outbox, reconcile


def posts_before_remembering() -> None:
    """A message is posted without a note that it was tried: after a kill nobody looks for it."""

    async def forgetful(self: outbox.Outbox, message: OwedMessage, at: datetime | None) -> None:
        return

    _replace(outbox.Outbox, "_try", forgetful)


def takes_no_lease() -> None:
    """What is claimed can be claimed again at once, and nobody asks whether it is still theirs."""
    claim = store.work_rows.claim

    def open_handed(connection: Any, now: datetime, *, at_most: int, lease_for: timedelta) -> Sequence[Work]:
        return claim(connection, now, at_most=at_most, lease_for=timedelta(0))

    def careless(connection: Any, claimed: Work) -> bool:
        return True

    def always(connection: Any, now: datetime, claimed: Work, *, lease_for: timedelta) -> bool:
        return True

    _replace(store.work_rows, "claim", open_handed)
    _replace(store.work_rows, "is_held", careless)
    _replace(store.work_rows, "renew", always)


def settles_without_reading_back() -> None:
    """Access is called granted as soon as provisioning was asked for."""

    def hopeful(grant: Grant, document: str, push: Push | None, *, now: datetime) -> bool:
        return push is not None and push.provisioning is not None

    _replace(reconcile, "has_arrived", hopeful)


def forgets_forms() -> None:
    """Each press of a form's button makes a request of its own."""
    ask_for = RequestAccess.__call__
    pressed = iter(range(1, 1_000_000_000))

    async def careless(self: RequestAccess, ask: Ask) -> AccessRequest:
        return await ask_for(self, replace(ask, form_key=f"{ask.form_key}-{next(pressed)}"))

    _replace(RequestAccess, "__call__", careless)


def _replace(holder: Any, name: str, what: Any) -> None:
    assert callable(getattr(holder, name)), f"{name} is gone: the mutation has to follow the code"
    setattr(holder, name, what)


MUTATIONS: dict[str, Callable[[], None]] = {
    mutation.__name__: mutation
    for mutation in (posts_before_remembering, takes_no_lease, settles_without_reading_back, forgets_forms)
}


def switch_on(name: str) -> None:
    MUTATIONS[name]()
