"""The front door: one HTTP address on the loopback that unmodified boto3 clients can talk to."""

from __future__ import annotations

import asyncio
import re
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Final, Self

from aiohttp import web

from bot.sandbox.aws.calls import CallLog
from bot.sandbox.aws.errors import ServiceError
from bot.sandbox.aws.faults import Faults
from bot.sandbox.aws.iam import Iam
from bot.sandbox.aws.identity_store import IdentityStore
from bot.sandbox.aws.organizations import Organizations
from bot.sandbox.aws.sessions import BOT_KEY, BOT_SECRET
from bot.sandbox.aws.signature import is_fresh, read_signature, signature_holds
from bot.sandbox.aws.sso_admin import SsoAdmin
from bot.sandbox.aws.sts import Sts
from bot.sandbox.aws.throttle import Throttle
from bot.sandbox.aws.wire import Reply, failure, read_call, success

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.sandbox.aws.calls import Call
    from bot.sandbox.aws.organisation import AwsOrganisation
    from bot.sandbox.aws.sessions import Caller, Credentials
    from bot.sandbox.aws.signature import Signed
    from bot.sandbox.aws.wire import Incoming


_OUR_HOSTS: Final = frozenset({"127.0.0.1", "localhost"})
_STS: Final = re.compile(r"sts(-fips)?(\.[a-z0-9-]+)?\.(amazonaws\.com(\.cn)?|api\.aws)")
"""What a proof token was signed for: it comes here under AWS's own name, which no other site can have."""


@web.middleware
async def _only_loopback(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuses pages of any site (Origin), since no SDK is one, and names that only point here (DNS rebinding)."""
    host = request.host.rpartition(":")[0] or request.host
    is_ours = host in _OUR_HOSTS or _STS.fullmatch(host) is not None
    if not is_ours or "Origin" in request.headers:
        return web.Response(status=403, text="loopback only")
    return await handler(request)


class _DroppedError(Exception):
    """The connection is to be cut without an answer."""


class AwsDouble:
    """Serves an organisation. Use as `async with AwsDouble(org) as aws`, in the organisation's loop.

    `monotonic` measures rates: of the throttles and in the call log.
    """

    def __init__(
        self, org: AwsOrganisation, *, port: int = 0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.org = org
        self.calls = CallLog(monotonic=monotonic)
        self.faults = Faults()
        self.endpoint_url = ""
        self._port = port
        self._throttle = Throttle(monotonic)
        self._iam = Iam(org)
        self._services = {
            "sso-admin": SsoAdmin(org).answer,
            "identitystore": IdentityStore(org).answer,
            "organizations": Organizations(org).answer,
            "sts": Sts(org).answer,
        }
        self._changed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        app = web.Application(middlewares=[_only_loopback], client_max_size=2**20)
        app.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        port = self._runner.addresses[0][1]
        self.endpoint_url = f"http://127.0.0.1:{port}"

        def wake() -> None:
            loop.call_soon_threadsafe(self._woken)

        self._forget = self.org.on_change(wake)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._forget()
        self.faults.clear()
        if self._timer is not None:
            self._timer.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    def bot_environment(self) -> dict[str, str]:
        """Environment variables under which the bot (or any AWS SDK) talks to this organisation."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": BOT_KEY,
            "AWS_SECRET_ACCESS_KEY": BOT_SECRET,
            "AWS_DEFAULT_REGION": self.org.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def person_environment(self, credentials: Credentials) -> dict[str, str]:
        """The same for a person's session, for use with the AWS CLI."""
        names = {name.upper(): str(value) for name, value in credentials.items()}
        return self.bot_environment() | names

    # The deadline is a parameter because every caller needs one, and all need the same.
    async def wait_for(self, predicate: Callable[[], bool], timeout: float = 5.0) -> None:  # noqa: ASYNC109
        """Return once `predicate` holds; looks again after each change. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            self.settle()
            while not predicate():
                self._changed.clear()
                await self._changed.wait()

    def settle(self) -> None:
        """Let happen what is due by the organisation's clock; needed after moving a test's clock."""
        self.org.provisioning.settle()

    def _woken(self) -> None:
        self._changed.set()
        self._wind()

    def _wind(self) -> None:
        """With the real clock, be there when the next provisioning step is due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.org.provisioning.next_due()
        if due is not None and self.org.clock is time.time:
            delay = max(0.001, due - time.time())
            self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        """The loop's clock may run a little ahead of the wall clock: what is not due yet is wound again."""
        self._timer = None
        if not self.org.provisioning.settle():
            self._wind()

    # One call.

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = list(request.query.items())
        call = read_call(headers, query, body)
        if call is None:
            return web.Response(status=404, text="No simulated AWS service understands this request.")
        entry = self.calls.begin(call.service, call.operation, call.parameters, self.org.clock())
        # Whoever waits for this call to arrive looks again once it is under way.
        self._changed.set()
        outcome = "cancelled"
        try:
            signed = read_signature(request.method, request.path, query, headers, body)
            reply, outcome = await self._reply(call, entry, signed, headers, body)
        except _DroppedError:
            outcome = "dropped"
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        finally:
            self.calls.end(entry, outcome)
            self._changed.set()
        headers = reply.headers | {"date": formatdate(self.org.clock(), usegmt=True)}
        return web.Response(status=reply.status, body=reply.body.encode(), headers=headers)

    async def _reply(
        self, call: Incoming, entry: Call, signed: Signed | None, headers: dict[str, str], body: bytes
    ) -> tuple[Reply, str]:
        fault = self.faults.take(call.service, call.operation)
        try:
            if fault is not None and fault.kind == "hang":
                await fault.wait()
            elif fault is not None and fault.kind == "hang-lost":
                await fault.wait()
                raise _DroppedError
            elif fault is not None and fault.kind == "drop-before":
                raise _DroppedError
            elif fault is not None and fault.kind == "http":
                page = f"<html><body>{fault.status}</body></html>"
                return Reply(status=fault.status, body=page, headers={"content-type": "text/html"}), (
                    f"HTTP {fault.status}"
                )
            elif fault is not None and fault.kind == "error":
                raise fault.error()
            reply = self._serve(call, entry, signed, headers, body)
        except ServiceError as error:
            return failure(call, error), error.code
        if fault is not None and fault.kind == "hang-after":
            await fault.wait()
            raise _DroppedError
        if fault is not None and fault.kind == "drop-after":
            raise _DroppedError
        return reply, "ok" if reply.status < 400 else f"HTTP {reply.status}"

    def _serve(
        self, call: Incoming, entry: Call, signed: Signed | None, headers: dict[str, str], body: bytes
    ) -> Reply:
        self.settle()
        behaviour = self.org.behaviour
        if behaviour.throttle:
            self._throttle.take(call.service, call.operation, behaviour.rate)
        caller, region = self._authenticate(call, signed)
        entry.caller, entry.account = caller.arn, caller.account
        if call.service == "iam":
            return self._iam.answer(call, caller, self.endpoint_url + "/", headers, body)
        return success(call, self._services[call.service](call.operation, caller, region, call.parameters))

    def _authenticate(self, call: Incoming, signed: Signed | None) -> tuple[Caller, str]:
        """Who signed this, and for which Region. Raises ServiceError in each protocol's words."""
        suffix, query = ("Exception", False) if call.protocol == "json" else ("", True)
        if signed is None:
            raise ServiceError(
                f"MissingAuthenticationToken{suffix}", "Missing Authentication Token", status=403
            )
        session = self.org.sessions.find(signed.access_key)
        if session is None or session.token != signed.token:
            code = "InvalidClientTokenId" if query else "UnrecognizedClientException"
            raise ServiceError(code, "The security token included in the request is invalid.", status=403)
        if not signature_holds(signed, session.secret) or not is_fresh(signed):
            code = "SignatureDoesNotMatch" if query else "InvalidSignatureException"
            raise ServiceError(
                code,
                "The request signature we calculated does not match the signature you provided.",
                status=403,
            )
        if self.org.sessions.expired(session):
            raise ServiceError(
                f"ExpiredToken{suffix}", "The security token included in the request is expired", status=403
            )
        return session.caller, signed.region
