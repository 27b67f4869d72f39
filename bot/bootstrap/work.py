"""Work that nobody clicked for: which worker or use case looks after which kind, and how long it all runs."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from bot.bootstrap.parts import Ports, UseCases
from bot.domain.names import PermissionSetName
from bot.domain.request import RequestId
from bot.log import get_logger
from bot.ports.store import Work, WorkKind
from bot.worker.engine import Engine
from bot.worker.outbox import Outbox
from bot.worker.provisioning import Pushes
from bot.worker.reconcile import Reconcile
from bot.worker.replicas import Replicas
from bot.worker.tidy import Tidy

log = get_logger(__name__)

DRAIN = 8.0
"""Seconds for the work that runs at a stop; the rest is handed over by its lease."""


def make_engine(ports: Ports, do: UseCases, wake: asyncio.Event) -> Engine:
    """The engine with a handler for every kind of work."""

    async def on_bug(work: Work, incident: str) -> None:
        if work.kind is WorkKind.CLICK:
            await do.tell_incident(int(work.key), incident)

    return Engine(
        store=ports.store, on_bug=on_bug, clock=ports.clock, wake=wake, handlers=_handlers(ports, do)
    )


def _handlers(ports: Ports, do: UseCases) -> dict[WorkKind, Callable[[Work], Awaitable[datetime | None]]]:
    """Keys are what the poke said."""
    store, clock, rules, identity_center = ports.store, ports.clock, ports.rules, ports.identity_center
    reconcile = Reconcile(
        store=store,
        identity_center=identity_center,
        clock=clock,
        rules=rules,
        pushes=Pushes(store=store, identity_center=identity_center, clock=clock, rules=rules),
    )
    outbox = Outbox(store=store, notifier=ports.notifier)

    async def click(work: Work) -> None:
        await do.handle_click(int(work.key))

    async def preparing(work: Work) -> None:
        await do.prepare_request(RequestId(int(work.key)))

    async def deadline(work: Work) -> None:
        await do.expire_request(RequestId(int(work.key)))

    async def round_of(work: Work) -> datetime | None:
        return await reconcile(PermissionSetName(work.key))

    async def verifying(work: Work) -> datetime | None:
        return await do.verify_change(RequestId(int(work.key)))

    async def reminding(work: Work) -> datetime | None:
        return await do.remind(RequestId(int(work.key)))

    async def show(work: Work) -> datetime | None:
        return await outbox(work.key)

    tidy = Tidy(store=store, clock=clock)

    async def tidying(_: Work) -> datetime | None:
        return await tidy()

    return {
        WorkKind.CLICK: click,
        WorkKind.PREPARE: preparing,
        WorkKind.DEADLINE: deadline,
        WorkKind.PERMISSION_SET: round_of,
        WorkKind.VERIFY: verifying,
        WorkKind.REMINDER: reminding,
        WorkKind.MESSAGE: show,
        WorkKind.TIDY: tidying,
    }


@asynccontextmanager
async def background(
    engine: Engine, refresh: Callable[[], Awaitable[None]], replicas: Replicas
) -> AsyncIterator[None]:
    """The worker, the directory's refresh and the check-in, as long as the context lasts."""
    checking_in = asyncio.create_task(replicas.run(), name="replicas")
    working = asyncio.create_task(engine.run(), name="engine")
    refreshing = asyncio.ensure_future(refresh())
    try:
        yield
    finally:
        refreshing.cancel()
        engine.stop()
        await engine.drain(DRAIN)
        checking_in.cancel()
        tasks = {"engine": working, "directory": refreshing, "replicas": checking_in}
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        for name, task in tasks.items():
            if not task.cancelled() and (error := task.exception()) is not None:
                log.bug("background_failed", error, task=name)
        if sys.exc_info()[0] is None:
            log.info("worker_stopped")
