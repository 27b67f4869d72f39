"""From a permission set's name to its ARN, which AWS offers no call for: list all, describe each, remember.

An organisation may have 3,500 sets, four minutes under the budget. So a search runs on its own, ends as soon
as every name that somebody waits for is found, and never describes a set twice: names cannot be changed.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from bot.adapters.aws.budget import Urgency
from bot.adapters.aws.client import AwsClient
from bot.domain.errors import AccessError, Code, NotFound, Unavailable
from bot.domain.names import PermissionSetArn, PermissionSetName
from bot.ports.clock import Clock

_KNOWN_FOR = timedelta(minutes=10)
_MISSING_FOR = timedelta(seconds=30)
_WORKERS = 4
"""Few, so that a call for a person waits behind four of the search's and not behind thousands."""


class PermissionSets:
    """Names and ARNs as last seen. `instance` tells the instance's ARN; close before the client."""

    def __init__(
        self, aws: AwsClient, instance: Callable[[], Awaitable[str]], clock: Clock, *, patience: float = 10.0
    ) -> None:
        self._aws = aws
        self._instance = instance
        self._clock = clock
        self._patience = patience
        self._names: dict[PermissionSetArn, PermissionSetName] = {}
        self._arns: dict[PermissionSetName, tuple[PermissionSetArn, datetime]] = {}
        self._missing: dict[PermissionSetName, datetime] = {}
        self._waiting: dict[PermissionSetName, asyncio.Future[PermissionSetArn]] = {}
        self._search: asyncio.Task[None] | None = None
        self._failure: AccessError | None = None

    async def arn(self, name: PermissionSetName) -> PermissionSetArn:
        """Raises NotFound(PERMISSION_SET_MISSING), and Unavailable(AWS_UNAVAILABLE) while the search goes on."""
        known = self._arns.get(name)
        if known is not None and self._clock.now() - known[1] < _KNOWN_FOR:
            return known[0]
        missing_at = self._missing.get(name)
        if missing_at is not None and self._clock.now() - missing_at < _MISSING_FOR:
            raise NotFound(Code.PERMISSION_SET_MISSING, permission_set=name)
        found, search = self._searched(name)
        either: set[asyncio.Future[Any]] = {found, search}
        await asyncio.wait(either, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED)
        if found.done():
            return found.result()
        if not search.done():
            raise Unavailable(Code.AWS_UNAVAILABLE, permission_set=name)
        if search.cancelled():
            raise Unavailable(Code.INTERRUPTED, permission_set=name)
        search.result()
        if self._failure is not None:
            raise self._failure
        raise NotFound(Code.PERMISSION_SET_MISSING, permission_set=name)

    def forget(self, arn: PermissionSetArn) -> None:
        """AWS says that this set is gone; another of its name may exist."""
        name = self._names.pop(arn, None)
        if name is not None:
            self._arns.pop(name, None)

    async def close(self) -> None:
        """End the search."""
        if self._search is not None:
            self._search.cancel()
            await asyncio.gather(self._search, return_exceptions=True)

    def _searched(
        self, name: PermissionSetName
    ) -> tuple[asyncio.Future[PermissionSetArn], asyncio.Task[None]]:
        if name not in self._waiting:
            self._waiting[name] = asyncio.get_running_loop().create_future()
        if self._search is None or self._search.done():
            self._search = asyncio.create_task(self._look(), name="permission-sets")
        return self._waiting[name], self._search

    async def _look(self) -> None:
        self._failure = None
        try:
            asked: set[asyncio.Future[PermissionSetArn]] = set()
            # What was asked for during a pass may have been passed already; the next costs a listing.
            while set(self._waiting.values()) - asked:
                asked = set(self._waiting.values())
                await self._list_and_describe()
            self._missing |= dict.fromkeys(self._waiting, self._clock.now())
        except* AccessError as errors:
            self._failure = _first(errors)
        finally:
            self._waiting = {}

    async def _list_and_describe(self) -> None:
        instance = await self._instance()
        listed: list[PermissionSetArn] = await self._aws.collect(
            "sso-admin",
            "ListPermissionSets",
            "PermissionSets",
            urgency=Urgency.READ,
            InstanceArn=instance,
            MaxResults=100,
        )
        for gone in self._names.keys() - set(listed):
            self.forget(gone)
        for arn in listed:
            if arn in self._names:
                self._remember(arn, self._names[arn])
        left = deque(arn for arn in listed if arn not in self._names)
        # Somebody may ask for one more name when the last of the others has just been found.
        while left and self._waiting:
            async with asyncio.TaskGroup() as workers:
                for _ in range(_WORKERS):
                    workers.create_task(self._describe(left, instance))

    async def _describe(self, left: deque[PermissionSetArn], instance: str) -> None:
        while left and self._waiting:
            arn = left.popleft()
            try:
                answer = await self._aws.call(
                    "sso-admin",
                    "DescribePermissionSet",
                    urgency=Urgency.READ,
                    InstanceArn=instance,
                    PermissionSetArn=arn,
                )
            except NotFound:
                continue  # It was deleted since it was listed.
            self._remember(arn, PermissionSetName(answer["PermissionSet"]["Name"]))

    def _remember(self, arn: PermissionSetArn, name: PermissionSetName) -> None:
        self._names[arn] = name
        self._arns[name] = (arn, self._clock.now())
        self._missing.pop(name, None)
        if (future := self._waiting.pop(name, None)) is not None:
            future.set_result(arn)


def _first(errors: BaseExceptionGroup[AccessError]) -> AccessError:
    for error in errors.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError("an exception group is never empty")
