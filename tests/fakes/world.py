"""The bot without Slack and AWS: real use cases, worker and SQLite between fakes, one piece of work at a time."""

import atexit
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import event

from bot.adapters.storage import tables
from bot.adapters.storage.store import SqlStore
from bot.adapters.storage.tx import SqlTx
from bot.domain.errors import AccessError
from bot.domain.grant import Grant, GrantStatus, Push
from bot.domain.messages import AuditEntry, Click, ClickKind, OwedMessage
from bot.domain.names import PermissionSetName, SlackUserId
from bot.domain.request import AccessRequest, Ask, RequestId
from bot.domain.rules import Rules
from bot.ports.store import Store, Tx, Work, WorkKind
from bot.usecases.admission import Admission
from bot.usecases.decide_request import HandleClick
from bot.usecases.precheck import Precheck
from bot.usecases.remind import Remind
from bot.usecases.request_access import ExpireRequest, PrepareRequest, RequestAccess
from bot.usecases.self_check import SelfCheck
from bot.usecases.verify_change import VerifyChange
from bot.worker.engine import back_off
from bot.worker.outbox import Outbox
from bot.worker.provisioning import Pushes
from bot.worker.reconcile import Reconcile
from tests.builders import BOB, CHANNEL, HOME, PROD, SET, an_ask, some_rules
from tests.fakes.clock import FakeClock
from tests.fakes.identity_center import FakeIdentityCenter
from tests.fakes.members import FakeMembers
from tests.fakes.notifier import FakeNotifier
from tests.fakes.people import FakeDirectory, FakePeople

T = TypeVar("T")

LEASE = timedelta(seconds=10)


@dataclass
class World:
    """Everything that survives a crash, and the bot of this moment, made anew whenever it is asked for."""

    database: SqlStore
    clock: FakeClock
    aws: FakeIdentityCenter
    slack: FakeNotifier
    people: FakePeople
    rules: Rules
    store: Store
    """What the bot is given: the database, or something between it and the bot."""
    directory: FakeDirectory = field(default_factory=FakeDirectory)
    members: FakeMembers | None = None
    """None: no member role is configured."""

    # The bot

    @property
    def admission(self) -> Admission:
        return Admission(people=self.people, rules=self.rules, team=HOME)

    @property
    def request_access(self) -> RequestAccess:
        return RequestAccess(store=self.store, rules=self.rules)

    @property
    def precheck(self) -> Precheck:
        return Precheck(
            identity_center=self.aws,
            directory=self.directory,
            people=self.people,
            store=self.store,
            clock=self.clock,
            rules=self.rules,
            admission=self.admission,
            members=self.members,
        )

    @property
    def prepare(self) -> PrepareRequest:
        return PrepareRequest(
            store=self.store,
            rules=self.rules,
            admission=self.admission,
            identity_center=self.aws,
            precheck=self.precheck,
        )

    @property
    def expire(self) -> ExpireRequest:
        return ExpireRequest(store=self.store, rules=self.rules)

    @property
    def handle_click(self) -> HandleClick:
        return HandleClick(
            store=self.store,
            rules=self.rules,
            admission=self.admission,
            people=self.people,
            identity_center=self.aws,
        )

    @property
    def pushes(self) -> Pushes:
        return Pushes(store=self.store, identity_center=self.aws, clock=self.clock, rules=self.rules)

    @property
    def reconcile(self) -> Reconcile:
        return Reconcile(
            store=self.store,
            identity_center=self.aws,
            clock=self.clock,
            rules=self.rules,
            pushes=self.pushes,
        )

    @property
    def self_check(self) -> SelfCheck:
        return SelfCheck(
            identity_center=self.aws,
            store=self.store,
            clock=self.clock,
            rules=self.rules,
            admission=self.admission,
            members=self.members,
        )

    @property
    def verify(self) -> VerifyChange:
        return VerifyChange(store=self.store, clock=self.clock, rules=self.rules, self_check=self.self_check)

    @property
    def outbox(self) -> Outbox:
        return Outbox(store=self.store, notifier=self.slack)

    async def do(self, work: Work) -> datetime | None:
        """What `bot.bootstrap` routes each kind of work to."""
        match work.kind:
            case WorkKind.CLICK:
                await self.handle_click(int(work.key))
            case WorkKind.PREPARE:
                await self.prepare(RequestId(int(work.key)))
            case WorkKind.DEADLINE:
                await self.expire(RequestId(int(work.key)))
            case WorkKind.VERIFY:
                return await self.verify(RequestId(int(work.key)))
            case WorkKind.PERMISSION_SET:
                return await self.reconcile(PermissionSetName(work.key))
            case WorkKind.REMINDER:
                return await Remind(store=self.store)(RequestId(int(work.key)))
            case WorkKind.MESSAGE:
                return await self.outbox(work.key)
        return None

    # Working

    async def work(self, *, until: datetime | None = None, at_most: int = 400) -> None:
        """Do what is due, one piece after the other, and move the clock to what comes next.

        Ends when nothing is left before `until` (a quarter of an hour from now by default).
        """
        end = until if until is not None else self.clock.now() + timedelta(minutes=15)
        for _ in range(at_most):
            claimed = await self.store.claim(at_most=1, lease_for=LEASE)
            if claimed:
                await self._one(claimed[0])
                continue
            due = min((await self.store.due()).values(), default=None)
            if due is None or due > end:
                return
            self.clock.set(max(due, self.clock.now()))
        raise AssertionError(f"still busy after {at_most} pieces of work: it goes round in circles")

    async def _one(self, work: Work) -> None:
        try:
            with self.store.holding(work):
                again_at = await self.do(work)
        except AccessError as error:
            asked = error.facts.get("retry_after")
            wait = max(back_off(work.attempts), timedelta(seconds=asked if isinstance(asked, int) else 0))
            again_at = self.clock.now() + wait
            await self.store.fail(work, again_at=again_at, error=str(error))
        else:
            await self.store.finish(work, again_at=again_at)

    # Doing and looking

    async def read(self, look: Callable[[Tx], T]) -> T:
        return await self.database.run(look)

    async def ask(self, ask: Ask | None = None) -> AccessRequest:
        return await self.request_access(ask if ask is not None else an_ask())

    async def click(
        self,
        kind: ClickKind = ClickKind.APPROVE,
        *,
        by: SlackUserId = BOB,
        request: int = 1,
        note: str = "",
    ) -> Click:
        """Store a click as the listener does."""

        def store(tx: Tx) -> Click:
            return tx.add_click(
                kind=kind, request=RequestId(request), by=by, team=HOME, channel=CHANNEL, note=note
            )

        return await self.database.run(store)

    async def granted(self, ask: Ask | None = None) -> AccessRequest:
        """A request that was asked for, prepared, approved and provisioned."""
        request = await self.ask(ask)
        await self.work()
        await self.click(request=request.id)
        await self.work()
        return await self.request(request.id)

    async def request(self, number: int = 1) -> AccessRequest:
        return await self.read(lambda tx: tx.request(RequestId(number)))

    async def grants(self, number: int = 1) -> tuple[Grant, ...]:
        return await self.read(lambda tx: tx.grants_of(RequestId(number)))

    async def grant(self, number: int = 1) -> Grant:
        (grant,) = await self.grants(number)
        return grant

    async def statuses(self, number: int = 1) -> set[GrantStatus]:
        return {grant.status for grant in await self.grants(number)}

    async def pushed(self) -> tuple[Push, ...]:
        return await self.read(lambda tx: tx.pushes_of(SET))

    async def in_flight(self) -> list[Push]:
        return [push for push in await self.pushed() if push.is_in_flight]

    async def history(self, number: int = 1) -> list[str]:
        entries: tuple[AuditEntry, ...] = await self.read(lambda tx: tx.history(RequestId(number)))
        return [entry.event for entry in entries]

    async def message(self, key: str) -> OwedMessage:
        message = await self.read(lambda tx: tx.message(key))
        assert message is not None
        return message

    def told(self, user: SlackUserId) -> list[str]:
        """What one person was answered: codes, or outcomes in words."""
        answers = [message.answer for message in self.slack.whispers if message.to == user]
        return [
            answer.code.value if answer.code is not None else answer.said
            for answer in answers
            if answer is not None
        ]


@asynccontextmanager
async def a_world(*, rules: Rules | None = None) -> AsyncIterator[World]:
    """A world whose database is empty; one at a time."""
    clock = FakeClock()
    async with _database.empty(clock) as database:
        aws = FakeIdentityCenter()
        aws.provision_everywhere(PROD)
        yield World(
            database=database,
            clock=clock,
            aws=aws,
            slack=FakeNotifier(),
            people=FakePeople(),
            rules=rules if rules is not None else some_rules(),
            store=database,
        )


class _Database:
    """One SQLite file for all worlds of a run: opening it, and compiling its SQL, takes longer than most tests."""

    def __init__(self) -> None:
        self._store: SqlStore | None = None
        self._clock = FakeClock()
        self._in_use = False

    def now(self) -> datetime:
        return self._clock.now()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    @asynccontextmanager
    async def empty(self, clock: FakeClock) -> AsyncIterator[SqlStore]:
        assert not self._in_use, "two worlds would share one database"
        self._in_use, self._clock = True, clock
        try:
            store = await self._opened()
            await store.run(_forget_everything)
            yield store
        finally:
            self._in_use = False

    async def _opened(self) -> SqlStore:
        if self._store is None:
            directory = tempfile.mkdtemp(prefix="worlds-")
            store = SqlStore(f"sqlite:///{directory}/world.db", clock=self)
            event.listen(store._engine, "connect", _without_syncing)
            await store.open()
            atexit.register(_close, store, directory)
            self._store = store
        return self._store


def _close(store: SqlStore, directory: str) -> None:
    # No event loop gets threads any more when the interpreter goes: the file is closed, the rest goes with it.
    store._held.close()
    shutil.rmtree(directory)


def _forget_everything(tx: Tx) -> None:
    assert isinstance(tx, SqlTx)
    for table in tables.metadata.sorted_tables[::-1]:
        if table is tables.counters:
            tx.connection.execute(table.update().values(value=0))
        else:
            tx.connection.execute(table.delete())


def _without_syncing(connection: sqlite3.Connection, _: object) -> None:
    """Crashes here are of the process, not of the machine: nothing has to reach the disk."""
    connection.execute("PRAGMA synchronous=OFF")


_database = _Database()
