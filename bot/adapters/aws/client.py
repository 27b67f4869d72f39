"""The way to AWS: one session, few threads, every call counted, kept within its budget and tried again here.

botocore makes one attempt per call. Its own retries would leave without taking a slot of the budget, never
see ConflictException as worth a try, and sleep in a thread that others wait for.
"""

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, Self, cast

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError

from bot.adapters.aws.budget import Budget, Urgency, present_urgency
from bot.adapters.aws.errors import AWS_ERRORS, Trouble, retry_after, translate, trouble
from bot.domain.errors import Code, Misconfigured, Unavailable

Observe = Callable[[str, str, str, float], None]
"""Told after each attempt: service, operation, outcome (`ok` or AWS's error code), seconds."""

MOST_THREADS = 16
_BUDGETED = frozenset({"sso-admin", "identitystore", "organizations"})
SERVICES = ("sso-admin", "identitystore", "organizations", "sts")

_RATE = 15
_ORGANIZATIONS_RATE = 4
"""Its limits are unpublished and low; 3,000 accounts come in 150 pages, in the background."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long calls are tried again, in seconds from the moment they were asked for.

    Nothing is sent after that, whatever it waited for: a process that was paused must not wake up and write
    when its lease of 10 s is gone (engine.md §3). Background calls may wait for their turn without end.
    """

    reads: float = 15.0
    writes: float = 8.0
    first_pause: float = 0.25
    longest_pause: float = 3.0


class Calls:
    """How many calls went out, retries included."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, service: str, operation: str) -> None:
        self._counts[service, operation] += 1

    def of(self, service: str, operation: str | None = None) -> int:
        """Calls to one service, or to one of its operations (`ListInstances`)."""
        if operation is not None:
            return self._counts[service, operation]
        return sum(count for (name, _), count in self._counts.items() if name == service)

    def total(self) -> int:
        return self._counts.total()


class AwsClient:
    """Runs boto3 calls off the event loop. Open before use; the composition root closes it last."""

    def __init__(
        self,
        *,
        make_client: Callable[[str, dict[str, str]], BaseClient] | None = None,
        endpoint_url: str | None = None,
        region: str | None = None,
        rate: int = _RATE,
        patience: Patience | None = None,
        services: Sequence[str] = SERVICES,
        threads: int = MOST_THREADS,
        read_timeout: float = 10.0,
        observe: Observe | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Region, credentials and endpoint come from boto3's own variables and profiles unless given here.

        `services`: whose clients are made at once, the others on first use. `read_timeout`: seconds after which
        a silent answer gives its thread back.
        """
        self.calls = Calls()
        self._endpoint_url = endpoint_url
        self._region = region
        self._make_client = make_client or self._boto3_client
        self._session: boto3.Session | None = None
        self._rate = rate
        self._replicas = 1
        self._patience = patience or Patience()
        self._services = tuple(services)
        self._config = Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            connect_timeout=3,
            read_timeout=read_timeout,
            max_pool_connections=threads,
            user_agent_extra="workbench-access",
        )
        self._observe = observe
        self._now = now
        self._sleep = sleep
        self._jitter = jitter
        self._budgets: dict[str, Budget] = {}
        self._clients: dict[str, asyncio.Future[BaseClient]] = {}
        self._strangers: list[BaseClient] = []
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="aws")
        self._gate = asyncio.Semaphore(threads)
        # A botocore session must not make two clients at once.
        self._maker = ThreadPoolExecutor(1, thread_name_prefix="aws-client")

    async def __aenter__(self) -> Self:
        self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def open(self) -> None:
        """Begin to make the clients, in a thread: loading the service models takes a third of a second.

        Returns at once; the first call of each service waits for its client.
        """
        for service in self._services:
            self._clients[service] = self._making(service, {})

    async def close(self) -> None:
        """Give the connections back. Calls that still run in a thread end within their read time-out."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._maker.shutdown(wait=False, cancel_futures=True)
        made = await asyncio.gather(*self._clients.values(), return_exceptions=True)
        for client in (*made, *self._strangers):
            if isinstance(client, BaseClient):
                client.close()

    def share(self, replicas: int) -> None:
        """AWS's limits are the organisation's: take one part of so many, at least one call a second."""
        self._replicas = max(1, replicas)
        for key, budget in self._budgets.items():
            whole = min(self._rate, _ORGANIZATIONS_RATE) if key == "organizations" else self._rate
            budget.allow(max(1, whole // self._replicas))

    async def region(self) -> str:
        """The Region that all calls go to."""
        client = await self._client("sso-admin")
        return client.meta.region_name

    async def endpoint(self, service: str) -> str:
        """Where boto3 sends calls of a service: AWS's own address, or a configured one."""
        client = await self._client(service)
        return client.meta.endpoint_url

    async def client_as(self, service: str, credentials: dict[str, str]) -> BaseClient:
        """A client that acts as somebody else, for roles in member accounts.

        Keys: `aws_access_key_id`, `aws_secret_access_key`, `aws_session_token`. Pass the client to `call` as
        `through`, and to `forget` when it is not needed any more.
        """
        client = await self._making(service, credentials)
        self._strangers.append(client)
        return client

    def forget(self, client: BaseClient) -> None:
        """Close a client that `client_as` made."""
        self._strangers.remove(client)
        client.close()

    async def call(
        self,
        service: str,
        operation: str,
        *,
        urgency: Urgency | None = None,
        through: BaseClient | None = None,
        once: bool = False,
        **params: Any,
    ) -> dict[str, Any]:
        """One API call, e.g. `("sso-admin", "ListInstances")`, tried again while that makes sense.

        Reads and Provision (pushes what is current) may be sent twice. `once` is for Put and Delete of the
        inline policy: between two tries somebody else may have written, and only the caller can look.
        Raises what `errors.translate` makes of the last failure, Unavailable(THROTTLED) when no turn came in
        time, Unavailable(INTERRUPTED) once closed.
        """
        urgency = present_urgency() if urgency is None else urgency
        patience = self._patience.writes if urgency is Urgency.WRITE else self._patience.reads
        client = through or await self._client(service)
        until = self._now() + patience
        tries = 0
        while True:
            if urgency is Urgency.BACKGROUND and tries == 0:
                await self._turn(service, operation, urgency)
                until = self._now() + patience
            else:
                await self._turn_before(until, service, operation, urgency)
            try:
                return await self._attempt(client, service, operation, params)
            except AWS_ERRORS as error:
                pause = max(self._pause(tries), retry_after(error))
                if once or trouble(error) is Trouble.FINAL or self._now() + pause > until:
                    raise translate(error, service, operation) from error
            tries += 1
            await self._sleep(pause)

    async def pages(
        self, service: str, operation: str, member: str, **params: Any
    ) -> AsyncGenerator[list[Any], None]:
        """The items of a paged answer, page by page."""
        while True:
            answer = await self.call(service, operation, **params)
            yield answer.get(member, [])
            if not answer.get("NextToken"):
                return
            params["NextToken"] = answer["NextToken"]

    async def collect(
        self, service: str, operation: str, member: str, *, at_most: int | None = None, **params: Any
    ) -> list[Any]:
        """All items of a paged answer, or the first `at_most`."""
        items: list[Any] = []
        async with aclosing(self.pages(service, operation, member, **params)) as pages:
            async for page in pages:
                items.extend(page)
                if at_most is not None and len(items) >= at_most:
                    return items[:at_most]
        return items

    async def _client(self, service: str) -> BaseClient:
        making = self._clients.get(service)
        if making is None or (making.done() and making.exception() is not None):
            # A machine's credentials may come later than the process.
            making = self._clients[service] = self._making(service, {})
        # Another caller waits for the same client: being cancelled here must not cancel its making.
        return await asyncio.shield(making)

    def _making(self, service: str, credentials: dict[str, str]) -> asyncio.Future[BaseClient]:
        return asyncio.wrap_future(self._maker.submit(self._make_or_explain, service, credentials))

    def _make_or_explain(self, service: str, credentials: dict[str, str]) -> BaseClient:
        try:
            return self._make_client(service, credentials)
        except AWS_ERRORS as error:
            raise translate(error, service, "client") from error
        except ValueError as error:
            # What boto3 says to an endpoint or a Region that cannot be one.
            raise Misconfigured([f"AWS cannot be asked: {error}"]) from error

    def _boto3_client(self, service: str, credentials: dict[str, str]) -> BaseClient:
        if self._session is None:
            self._session = boto3.Session(region_name=self._region)
        # The stubs know every service's name as a literal; here it is a value.
        make = cast("Callable[..., BaseClient]", self._session.client)
        return make(service, config=self._config, endpoint_url=self._endpoint_url, **credentials)

    async def _turn_before(self, until: float, service: str, operation: str, urgency: Urgency) -> None:
        """A turn, or Unavailable(THROTTLED) where ours comes too late."""
        try:
            async with asyncio.timeout(max(0.0, until - self._now())):
                await self._turn(service, operation, urgency)
        except TimeoutError as error:
            raise Unavailable(Code.THROTTLED, operation=f"{service}:{operation}") from error
        if self._now() > until:
            self._gate.release()
            raise Unavailable(Code.THROTTLED, operation=f"{service}:{operation}")

    async def _turn(self, service: str, operation: str, urgency: Urgency) -> None:
        """Take a slot of the budget and a thread; `_attempt` gives the thread back."""
        budget = self._budget(service, operation)
        if budget is None:
            await self._gate.acquire()
        else:
            await budget.take(urgency, self._gate)

    def _budget(self, service: str, operation: str) -> Budget | None:
        """The limit that a call counts against; the identity store has one for each API (aws.md §1.3)."""
        if service not in _BUDGETED:
            return None
        key = operation if service == "identitystore" else service
        if key not in self._budgets:
            whole = min(self._rate, _ORGANIZATIONS_RATE) if service == "organizations" else self._rate
            rate = max(1, whole // self._replicas)
            # Only in sso-admin do background reads compete with people's; elsewhere they may have it all.
            behind = None if service == "sso-admin" else rate
            self._budgets[key] = Budget(rate, background_rate=behind, now=self._now, sleep=self._sleep)
        return self._budgets[key]

    async def _attempt(
        self, client: BaseClient, service: str, operation: str, params: dict[str, Any]
    ) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        function: Callable[..., dict[str, Any]] = getattr(client, _method(operation))
        began = time.monotonic()
        try:
            running: Future[dict[str, Any]] = self._threads.submit(function, **params)
        except RuntimeError as error:
            self._gate.release()
            raise Unavailable(Code.INTERRUPTED, operation=f"{service}:{operation}") from error
        self.calls.add(service, operation)

        def give_back(_: Future[dict[str, Any]]) -> None:
            # The thread is busy until here, even if nobody waits for the answer any more.
            with suppress(RuntimeError):  # The loop may have been closed meanwhile.
                loop.call_soon_threadsafe(self._gate.release)

        running.add_done_callback(give_back)
        outcome = "bug"
        try:
            answer = await asyncio.wrap_future(running)
        except asyncio.CancelledError:
            outcome = "abandoned"
            raise
        except AWS_ERRORS as error:
            outcome = _outcome(error)
            raise
        else:
            outcome = "ok"
            return answer
        finally:
            if self._observe is not None:
                self._observe(service, operation, outcome, time.monotonic() - began)

    def _pause(self, tries: int) -> float:
        """Exponential, with half of it left to chance so that callers who collided do not meet again."""
        longest: float = min(self._patience.longest_pause, self._patience.first_pause * 2.0**tries)
        return longest * (0.5 + self._jitter() / 2)


def _method(operation: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()


def _outcome(error: Exception) -> str:
    code = error.response.get("Error", {}).get("Code") if isinstance(error, ClientError) else None
    return code or type(error).__name__
