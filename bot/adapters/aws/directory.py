"""The Directory port: who holds which configured set where, from memory, refreshed in the background."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from bot.adapters.aws.budget import background
from bot.domain.errors import AccessError, Code, NotFound, Unavailable
from bot.domain.names import AccountId, IdentityGroupId, IdentityUserId, PermissionSetArn, PermissionSetName
from bot.domain.people import Identity
from bot.domain.rules import SetRules
from bot.log import get_logger
from bot.ports.clock import Clock
from bot.ports.identity_center import Account, Assignees, Holdings, IdentityCenter

_log = get_logger(__name__)

T = TypeVar("T")
K = TypeVar("K")

FRESH_FOR = timedelta(minutes=10)
"""After this long the background reads accounts, sets and assignments again."""

USABLE_FOR = timedelta(hours=1)
"""Thousands of accounts take longer than `FRESH_FOR` to read; until then the older answer serves."""

PEOPLE_FRESH_FOR = timedelta(minutes=3)
PEOPLE_USABLE_FOR = timedelta(minutes=10)

_LIVE_READS = 8
"""In all, so that the bot's other calls wait behind a few of the forms' reads and not behind thousands."""

_BACKGROUND_READS = 4
_BETWEEN_PASSES = 30.0
_SHORTEST_RETRY = 5.0
_LONGEST_RETRY = 60.0


@dataclass(frozen=True, slots=True)
class _Seen(Generic[T]):
    value: T
    at: datetime


class _Cache(dict[K, _Seen[T]], Generic[K, T]):
    """Values with the time when they were read."""

    def young(self, key: K, now: datetime, limit: timedelta) -> T | None:
        seen = self.get(key)
        return seen.value if seen is not None and now - seen.at < limit else None

    def drop_old(self, now: datetime, limit: timedelta) -> None:
        for key in [key for key, seen in self.items() if now - seen.at >= limit]:
            del self[key]


@dataclass(frozen=True, slots=True)
class _Where:
    """A configured set in AWS, and the offered accounts in which it is provisioned."""

    arn: PermissionSetArn
    accounts: frozenset[AccountId]


Pair = tuple[PermissionSetName, AccountId]


class AwsDirectory:
    """See `bot.ports.identity_center`. The composition root owns `run` and closes it before the adapter."""

    def __init__(
        self,
        identity_center: IdentityCenter,
        sets: Mapping[PermissionSetName, SetRules],
        clock: Clock,
        *,
        patience: float = 8.0,
    ) -> None:
        """`patience`: seconds that `holdings` may read live before it answers with what it has."""
        self._identity_center = identity_center
        self._sets = sets
        self._clock = clock
        self._patience = patience
        self._names: dict[AccountId, str] = {}
        self._names_at: datetime | None = None
        self._where: _Cache[PermissionSetName, _Where] = _Cache()
        self._assignees: _Cache[Pair, Assignees] = _Cache()
        self._same: dict[Assignees, Assignees] = {}
        self._people: _Cache[str, Identity] = _Cache()
        self._groups: _Cache[IdentityUserId, frozenset[IdentityGroupId]] = _Cache()
        self._reads: dict[object, asyncio.Task[None]] = {}
        self._live = asyncio.Semaphore(_LIVE_READS)

    def account_name(self, account: AccountId) -> str:
        return self._names.get(account, "")

    def cached_holdings(self, email: str) -> Holdings | None:
        """None until this person and at least one set have been read."""
        now = self._clock.now()
        identity = self._people.young(email, now, PEOPLE_USABLE_FOR)
        groups = self._groups.young(identity.user_id, now, PEOPLE_USABLE_FOR) if identity else None
        if identity is None or groups is None:
            return None
        if not any(self._where.young(name, now, USABLE_FOR) for name in self._sets):
            return None
        return self._holdings(identity, groups, now)

    async def holdings(self, email: str) -> Holdings:
        """Reads what is not known yet, for at most `patience` seconds.

        Raises as `find_user` does, Unavailable(AWS_UNAVAILABLE) when the person could not be read in time, and
        AWS's error when no set at all could be read.
        """
        errors: list[AccessError] = []
        try:
            async with asyncio.timeout(self._patience) as deadline:
                identity = await self._identity(email)
                groups = await self._groups_of(identity.user_id)
                deadline_at = deadline.when()
        except TimeoutError as error:
            raise Unavailable(Code.AWS_UNAVAILABLE) from error
        try:
            async with asyncio.timeout_at(deadline_at):
                await self._read_all(self._sets, self._read_where, errors)
                await self._read_all(self._unknown_pairs(), self._read_assignees, errors)
        except TimeoutError:
            pass  # What was not read in time shows as `complete=False`.
        now = self._clock.now()
        if errors and not any(self._where.young(name, now, USABLE_FOR) for name in self._sets):
            raise errors[0]
        return self._holdings(identity, groups, now)

    async def refresh(self) -> None:
        """One pass: read what is missing or old, at the lowest urgency. Raises the first error at its end."""
        errors: list[AccessError] = []
        now = self._clock.now()
        self._people.drop_old(now, PEOPLE_USABLE_FOR)
        self._groups.drop_old(now, PEOPLE_USABLE_FOR)
        with background():
            async with asyncio.TaskGroup() as readers:
                # 150 pages of accounts take a minute, and nobody's access depends on their names.
                readers.create_task(self._refresh_names(errors))
                await self._refresh_sets(errors)
        self._same = {seen.value: seen.value for seen in self._assignees.values()}
        if errors:
            raise errors[0]

    async def run(self) -> None:
        """Refresh for ever. Ends by being cancelled."""
        retry = _SHORTEST_RETRY
        while True:
            try:
                await self.refresh()
            except AccessError as error:
                _log.warning("directory_refresh_failed", code=error.code, **error.facts)
                await self._clock.sleep(retry)
                retry = min(_LONGEST_RETRY, retry * 2)
            else:
                retry = _SHORTEST_RETRY
                await self._clock.sleep(_BETWEEN_PASSES)

    async def close(self) -> None:
        """End the reads that outlived their callers."""
        reads = list(self._reads.values())
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)

    # What is known, without any I/O.

    def _holdings(self, identity: Identity, groups: frozenset[IdentityGroupId], now: datetime) -> Holdings:
        complete = True
        held: list[tuple[PermissionSetName, tuple[Account, ...]]] = []
        too_old = now - USABLE_FOR
        # Equal assignees are one object, so a few answers serve thousands of accounts.
        answers: dict[int, bool] = {}
        for name in self._sets:
            where = self._where.young(name, now, USABLE_FOR)
            if where is None:
                complete = False
                continue
            accounts = []
            for account in where.accounts:
                seen = self._assignees.get((name, account))
                if seen is None or seen.at <= too_old:
                    complete = False
                    continue
                assignees = seen.value
                if id(assignees) not in answers:
                    answers[id(assignees)] = assignees.include(identity.user_id, groups)
                if answers[id(assignees)]:
                    accounts.append(Account(id=account, name=self.account_name(account)))
            if accounts:
                held.append((name, tuple(sorted(accounts, key=_by_name))))
        return Holdings(identity=identity, accounts=tuple(held), complete=complete)

    def _pairs(self) -> Iterable[Pair]:
        for name in self._sets:
            if (seen := self._where.get(name)) is not None:
                yield from ((name, account) for account in seen.value.accounts)

    def _unknown_pairs(self) -> list[Pair]:
        """In the order in which people read them."""
        now = self._clock.now()
        unknown = (pair for pair in self._pairs() if self._assignees.young(pair, now, USABLE_FOR) is None)
        return sorted(unknown, key=lambda pair: (self.account_name(pair[1]).casefold(), pair[1]))

    # Reading for somebody who waits.

    async def _identity(self, email: str) -> Identity:
        """Failures are not kept: whoever was just added to Identity Center gets in at the next try."""
        identity = self._people.young(email, self._clock.now(), PEOPLE_FRESH_FOR)
        if identity is None:
            identity = await self._identity_center.find_user(email)
            self._people[email] = _Seen(identity, self._clock.now())
        return identity

    async def _groups_of(self, user: IdentityUserId) -> frozenset[IdentityGroupId]:
        groups = self._groups.young(user, self._clock.now(), PEOPLE_FRESH_FOR)
        if groups is None:
            groups = await self._identity_center.groups_of(user)
            self._groups[user] = _Seen(groups, self._clock.now())
        return groups

    async def _read_all(
        self, keys: Iterable[K], read: Callable[[K], Awaitable[None]], errors: list[AccessError]
    ) -> None:
        """Read each key, a few at a time. A reader that meets an error ends, or it might meet 3,000."""
        left = deque(keys)

        async def work() -> None:
            while left:
                key = left.popleft()
                if not await self._collect_error(self._shared(key, read), errors):
                    return

        async with asyncio.TaskGroup() as readers:
            for _ in range(min(_LIVE_READS, len(left))):
                readers.create_task(work())

    async def _shared(self, key: K, read: Callable[[K], Awaitable[None]]) -> None:
        """Read once for all who wait for the same; goes on without them, so that it is known next time."""
        task = self._reads.get(key)
        if task is None:
            task = self._reads[key] = asyncio.create_task(self._in_turn(key, read))
            task.add_done_callback(lambda done: self._read_is_over(key, done))
        await asyncio.shield(task)

    def _read_is_over(self, key: object, done: asyncio.Task[None]) -> None:
        del self._reads[key]
        if not done.cancelled():
            done.exception()  # Looked at, since everybody may have stopped waiting.

    async def _in_turn(self, key: K, read: Callable[[K], Awaitable[None]]) -> None:
        async with self._live:
            await read(key)

    async def _read_where(self, name: PermissionSetName) -> None:
        if self._where.young(name, self._clock.now(), USABLE_FOR) is None:
            await self._fetch_where(name)

    async def _read_assignees(self, pair: Pair) -> None:
        await self._fetch_assignees(pair)

    # Reading in the background.

    async def _refresh_names(self, errors: list[AccessError]) -> None:
        if self._names_at is not None and self._clock.now() - self._names_at < FRESH_FOR:
            return
        try:
            accounts = await self._identity_center.accounts()
        except AccessError as error:
            errors.append(error)
            return
        self._names = {account.id: account.name for account in accounts}
        self._names_at = self._clock.now()

    async def _refresh_sets(self, errors: list[AccessError]) -> None:
        for name in self._sets:
            if self._where.young(name, self._clock.now(), FRESH_FOR) is None:
                await self._collect_error(self._fetch_where(name), errors)
        pairs = deque(self._pairs())
        for pair in self._assignees.keys() - set(pairs):
            del self._assignees[pair]
        async with asyncio.TaskGroup() as workers:
            for _ in range(_BACKGROUND_READS):
                workers.create_task(self._refresh_pairs(pairs, errors))

    async def _refresh_pairs(self, pairs: deque[Pair], errors: list[AccessError]) -> None:
        while pairs:
            pair = pairs.popleft()
            if self._assignees.young(pair, self._clock.now(), FRESH_FOR) is not None:
                continue
            if not await self._collect_error(self._fetch_assignees(pair), errors):
                return

    async def _collect_error(self, reading: Awaitable[None], errors: list[AccessError]) -> bool:
        try:
            await reading
        except AccessError as error:
            errors.append(error)
            return False
        return True

    # Reading.

    async def _fetch_where(self, name: PermissionSetName) -> None:
        """A configured set that does not exist is held by nobody; the requests say so."""
        try:
            arn = await self._identity_center.permission_set(name)
            provisioned = await self._identity_center.provisioned_accounts(arn)
        except NotFound:
            self._where[name] = _Seen(_Where(PermissionSetArn(""), frozenset()), self._clock.now())
            return
        offered = frozenset(account for account in provisioned if self._sets[name].offers(account))
        self._where[name] = _Seen(_Where(arn, offered), self._clock.now())

    async def _fetch_assignees(self, pair: Pair) -> None:
        name, account = pair
        where = self._where.get(name)
        if where is None:
            return
        try:
            assignees = await self._identity_center.assignees(where.value.arn, account)
        except NotFound:
            # The set or the account has gone since; the next pass asks where the set is now.
            assignees = Assignees(users=frozenset(), groups=frozenset())
            self._where.pop(name, None)
        # Most accounts have the same assignees; 3,000 copies of them would cost megabytes.
        self._assignees[pair] = _Seen(self._same.setdefault(assignees, assignees), self._clock.now())


def _by_name(account: Account) -> tuple[str, str]:
    return account.name.casefold(), account.id
