"""The HTTP face of the Web API: bodies, tokens, rate limits, faults and the call log around each method."""

from __future__ import annotations

import json
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from bot.sandbox.slack import web_api
from bot.sandbox.slack.faults import Call, CallLog, Fault, Faults, RateLimits
from bot.sandbox.slack.web_api.call import ApiCall
from bot.sandbox.slack.workspace import SlackError, Workspace

if TYPE_CHECKING:
    from bot.sandbox.slack.records import Json

SECRET_ARGS: Final = frozenset({"token", "client_secret"})


class Gateway:
    """Answers `/api/<method>`."""

    def __init__(self, workspace: Workspace, *, bot_token: str, scopes: frozenset[str], problems: list[str]):
        self.workspace = workspace
        self.bot_token = bot_token
        self.scopes = scopes
        self.problems = problems
        self.faults = Faults()
        self.calls = CallLog()
        self.limits = RateLimits(workspace.clock)
        self.messages_tab_enabled = True
        self.public_url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        args = await _arguments(request, method)
        token = _token(request, args)
        kept = {key: value for key, value in args.items() if key not in SECRET_ARGS}
        call = Call(method=method, at=self.workspace.clock(), args=kept)
        self.calls.all.append(call)
        self.workspace.changed()
        try:
            return await self._answer(request, call, token)
        finally:
            self.calls.end(call)
            self.workspace.changed()

    async def trouble(self, request: web.Request, method: str) -> web.StreamResponse | None:
        """The fault that an address of Slack beside the Web API meets; None when the call may go on."""
        fault = self.faults.take(method, {})
        if fault is None or fault.when == "after":
            return None
        return await _strike(request, Call(method=method, at=self.workspace.clock(), args={}), fault)

    async def _answer(self, request: web.Request, call: Call, token: str | None) -> web.StreamResponse:
        wait = self.limits.retry_after(call.method, call.args) if self.faults.enforce_rate_limits else None
        if wait is not None:
            return _reply(
                call, {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": str(wait)}
            )
        fault = self.faults.take(call.method, call.args)
        if fault is not None and fault.when == "before":
            early = await _strike(request, call, fault)
            if early is not None:
                return early
        body = await self._run(call, token)
        if fault is not None and fault.when == "after":
            late = await _strike(request, call, fault)
            if late is not None:
                return late
        date = formatdate(self.workspace.clock(), usegmt=True)
        return _reply(call, body, headers={"X-OAuth-Scopes": ",".join(sorted(self.scopes)), "Date": date})

    async def _run(self, call: Call, token: str | None) -> Json:
        try:
            if call.method not in web_api.METHODS:
                raise SlackError("unknown_method", req_method=call.method)
            self._authenticate(token)
            api_call = ApiCall(
                workspace=self.workspace,
                method=call.method,
                args=call.args,
                scopes=self.scopes,
                public_url=self.public_url,
                messages_tab_enabled=self.messages_tab_enabled,
            )
            answer = await web_api.answer(api_call)
            self.problems.extend(api_call.complaints)
        except SlackError as refusal:
            return {"ok": False, "error": refusal.code, **refusal.extra}
        return answer

    def _authenticate(self, token: str | None) -> None:
        if not token:
            raise SlackError("not_authed")
        if token != self.bot_token:
            raise SlackError("invalid_auth")


async def _strike(request: web.Request, call: Call, fault: Fault) -> web.StreamResponse | None:
    """Lets a fault happen; None when the call may go on."""
    if fault.kind == "hang":
        await fault.wait()
        if fault.when == "before" and _gone(request):
            # Nobody waits any more, and nothing has been applied: it stays so.
            call.outcome = "abandoned"
            return web.Response(status=499)
        return None
    if fault.kind == "drop":
        call.outcome = "dropped"
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=499)
    return _reply(call, fault.body, status=fault.status, headers=fault.headers)


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _reply(
    call: Call, body: Json, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    call.status = status
    call.outcome = "ok" if body.get("ok") else str(body.get("error", "unknown"))
    return web.json_response(body, status=status, headers=headers)


async def _arguments(request: web.Request, method: str) -> Json:
    """Query, form or JSON, as Slack reads them."""
    args: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        raw = await request.text()
        if method in web_api.FORM_ONLY:
            return args
        try:
            body = json.loads(raw) if raw else {}
        except json.JSONDecodeError:
            body = {}
        return args | (body if isinstance(body, dict) else {})
    if request.can_read_body:
        args |= {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    return args


def _token(request: web.Request, args: Json) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    given = args.get("token")
    return str(given) if given else None
