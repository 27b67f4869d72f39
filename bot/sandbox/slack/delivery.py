"""Carries signed payloads to the bot as Slack does, and shows the person what the bot's answer means."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlencode

import aiohttp

from bot.sandbox.slack import checker, payloads
from bot.sandbox.slack.workspace import SlackError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.sandbox.slack.records import Channel, Json, User, View
    from bot.sandbox.slack.workspace import Workspace

Shown = Literal["ok", "dispatch_failed", "operation_timeout", "not_sent"]
FORM: Final = "application/x-www-form-urlencoded"
TROUBLE: Final = "We had some trouble connecting. Try again?"
EVENT_DELAYS: Final = (0.0, 60.0, 300.0)
"""Seconds before each of the three redeliveries of an event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """How the bot took a payload, and what the person saw of it."""

    shown: Shown
    status: int | None = None
    body: Any = None
    """Parsed JSON, or the text, or None for an empty body."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    elapsed: float = 0.0
    notice: str = ""
    """What Slack's client says by itself when something is wrong."""
    errors: dict[str, str] = field(default_factory=dict)
    """At the fields of a form, by block_id: from the client when `shown` is "not_sent", else from the bot."""
    problems: tuple[str, ...] = ()
    """What is wrong with the bot's answer itself."""
    number: int = 0
    """Of the payload, counted from 1; 0 where nothing was sent."""

    @property
    def ok(self) -> bool:
        return self.shown == "ok" and not self.errors and not self.problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """How to sign; every part can be forged."""

    secret: str | None = None
    timestamp: str | None = None
    signature: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One payload as it travelled, and how it was taken."""

    at: float
    """On the workspace's clock."""
    body: bytes
    headers: Mapping[str, str]
    ack: Ack


class Delivery:
    """Slack's side of the request URL. `bot_url` may change, and the bot may be down."""

    def __init__(self, workspace: Workspace, *, signing_secret: str, ack_timeout: float = 3.0) -> None:
        self.workspace = workspace
        self.signing_secret = signing_secret
        self.ack_timeout = ack_timeout
        self.bot_url = ""
        self.retry_time_factor = 0.0
        """Slack's minutes between redeliveries of an event, times this."""
        self.problems: list[str] = []
        """Everything that the bot did wrong in its answers; a test may ask for an empty list."""
        self.clock: Callable[[], float] = time.time
        """The clock of signatures: the bot compares it with its own, hence not the workspace's."""
        self.watchers: list[Callable[[Sent], None]] = []
        """Told of each payload once it is answered, or given up."""
        self._numbers = itertools.count(1)
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        # A connection of its own for each payload: a bot that was killed leaves no half-dead socket behind.
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True, limit=0))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def send_raw(self, body: bytes, headers: Mapping[str, str]) -> Ack:
        """Posts exactly this."""
        if self._session is None:
            raise RuntimeError("the double is not running")
        at, number = self.workspace.clock(), next(self._numbers)
        ack = _with(await self._send(self._session, body, headers), number=number)
        for watcher in list(self.watchers):
            watcher(Sent(at=at, body=body, headers=headers, ack=ack))
        return ack

    async def _send(self, session: aiohttp.ClientSession, body: bytes, headers: Mapping[str, str]) -> Ack:
        started = time.monotonic()
        try:
            async with asyncio.timeout(self.ack_timeout):
                async with session.post(
                    self.bot_url, data=body, headers=headers, allow_redirects=False
                ) as answer:
                    raw = await answer.read()
        except TimeoutError:
            return Ack(shown="operation_timeout", elapsed=time.monotonic() - started)
        except (aiohttp.ClientError, OSError, ValueError):
            return Ack(shown="dispatch_failed", elapsed=time.monotonic() - started)
        return Ack(
            shown="ok" if answer.status == 200 else "dispatch_failed",
            status=answer.status,
            body=_parsed(raw, answer.content_type),
            headers=answer.headers,
            elapsed=time.monotonic() - started,
        )

    def signed_headers(
        self, body: bytes, content_type: str, signing: Signing | None = None
    ) -> dict[str, str]:
        """`v0` signatures: HMAC-SHA256 over `v0:timestamp:body`."""
        how = signing or Signing()
        timestamp = how.timestamp if how.timestamp is not None else str(int(self.clock()))
        secret = self.signing_secret if how.secret is None else how.secret
        digest = hmac.new(secret.encode(), b"v0:" + timestamp.encode() + b":" + body, hashlib.sha256)
        signature = how.signature if how.signature is not None else f"v0={digest.hexdigest()}"
        return {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature,
            **how.headers,
        }

    async def form(self, fields: Json, signing: Signing | None = None) -> Ack:
        """A slash command's form."""
        body = urlencode(fields).encode()
        return await self.send_raw(body, self.signed_headers(body, FORM, signing))

    async def interactive(self, payload: Json, signing: Signing | None = None) -> Ack:
        """Any interaction: one form field `payload` with JSON inside."""
        body = urlencode({"payload": json.dumps(payload)}).encode()
        return await self.send_raw(body, self.signed_headers(body, FORM, signing))

    async def event_body(self, body: Json, signing: Signing | None = None) -> Ack:
        raw = json.dumps(body).encode()
        return await self.send_raw(raw, self.signed_headers(raw, "application/json", signing))

    # What the person sees of the answer

    async def command(
        self, user: User, channel: Channel, fields: Json, signing: Signing | None = None
    ) -> Ack:
        """Sends a command and shows its answer: in the channel, or to the person alone."""
        ack = await self.form(fields, signing)
        if ack.shown != "ok":
            name = fields.get("command")
            return _with(ack, notice=f"{name} failed with the error “{ack.shown}”")
        if ack.body is None:
            return ack
        body = {"text": ack.body} if isinstance(ack.body, str) else ack.body
        problems = (
            self.show_answer(body, user.id, channel.id) if isinstance(body, dict) else ["not an object"]
        )
        if not problems:
            return ack
        notice = f"{fields.get('command')} failed with the error “invalid_command_response”"
        return self._complain(ack, "command answer", problems, notice=notice)

    def show_answer(self, body: Json, user: str, channel: str, thread_ts: str | None = None) -> list[str]:
        """Shows `{text, blocks, response_type}`; answers what is wrong with it (then nothing is shown)."""
        text, blocks = str(body.get("text") or ""), body.get("blocks") or []
        if not text and not blocks:
            return ["no_text"]
        if not text:
            self.problems.append("answer: blocks without a top-level text")
        problems = checker.check("message", {"text": text or "-", "blocks": blocks})
        if problems:
            return [str(problem) for problem in problems]
        content = self.workspace.content(text, blocks)
        if body.get("response_type") == "in_channel":
            self.workspace.post(channel, content, thread_ts=thread_ts)
        else:
            self.workspace.post_ephemeral(channel, user, content, thread_ts=thread_ts)
        return []

    async def actions(self, payload: Json, signing: Signing | None = None) -> Ack:
        """block_actions, shortcut, view_closed: the answer's body means nothing, only its status does."""
        ack = await self.interactive(payload, signing)
        if ack.shown != "ok":
            return _with(ack, notice=TROUBLE)
        return ack

    async def submission(self, view: View, payload: Json, signing: Signing | None = None) -> Ack:
        """view_submission: closes, redraws, pushes, clears, or shows errors at the fields."""
        ack = await self.interactive(payload, signing)
        if ack.shown != "ok":
            return _with(ack, notice=TROUBLE)
        answer = ack.body or {}
        problems = self._follow(view, answer) if isinstance(answer, dict) else ["not an object"]
        if problems:
            return self._complain(ack, "view_submission answer", problems, notice=TROUBLE)
        return _with(ack, errors=dict(view.errors))

    def _follow(self, view: View, answer: Json) -> list[str]:
        match answer.get("response_action"):
            case None if not answer:
                self.workspace.close_view(view)
            case "clear":
                self.workspace.close_view(view, whole_stack=True)
            case "errors":
                errors = answer.get("errors")
                inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
                if not isinstance(errors, dict) or not errors:
                    return ["errors: an object by block_id is required"]
                unknown = [key for key in errors if key not in inputs]
                if unknown:
                    return [f"errors: {unknown} are not block_ids of input blocks"]
                view.errors = {key: str(text) for key, text in errors.items()}
                self.workspace.changed(view)
            case "update" | "push" as what:
                body = answer.get("view")
                if not isinstance(body, dict):
                    return ["view: missing"]
                if found := checker.check("modal", body):
                    return [str(problem) for problem in found]
                try:
                    if what == "update":
                        self.workspace.update_view(view, body)
                    else:
                        self.workspace.open_view(view.user, body, push=True)
                except SlackError as refusal:
                    return [refusal.code]
            case other:
                return [f"response_action {other!r} is unknown"]
        return []

    async def suggestion(self, payload: Json, signing: Signing | None = None) -> tuple[Ack, list[Json]]:
        """block_suggestion: the options offered, in the bot's order; none if they are wrong."""
        ack = await self.interactive(payload, signing)
        if ack.shown != "ok":
            return _with(ack, notice=TROUBLE), []
        answer = ack.body if isinstance(ack.body, dict) else {}
        problems = [str(problem) for problem in checker.check_options(answer)]
        if problems:
            return self._complain(ack, "options answer", problems, notice="No results"), []
        options: list[Json] = list(answer.get("options") or [])
        for group in answer.get("option_groups") or []:
            options.extend(group["options"])
        return ack, options

    async def event(self, event: Json, signing: Signing | None = None) -> list[Ack]:
        """An event, redelivered up to three times until a 2xx answer; all attempts, the last one last."""
        body = payloads.event_callback(self.workspace, event)
        acks = [await self.event_body(body, signing)]
        for number, delay in enumerate(EVENT_DELAYS, start=1):
            last = acks[-1]
            taken = last.status is not None and 200 <= last.status < 300
            if taken or last.headers.get("X-Slack-No-Retry") == "1":
                break
            await asyncio.sleep(delay * self.retry_time_factor)
            base = signing or Signing()
            retry = {"X-Slack-Retry-Num": str(number), "X-Slack-Retry-Reason": _reason(last)}
            again = Signing(
                secret=base.secret,
                timestamp=base.timestamp,
                signature=base.signature,
                headers={**base.headers, **retry},
            )
            acks.append(await self.event_body(body, again))
        return acks

    async def url_verification(self, challenge: str, signing: Signing | None = None) -> Ack:
        body = {
            "token": payloads.VERIFICATION_TOKEN,
            "challenge": challenge,
            "type": "url_verification",
        }
        return await self.event_body(body, signing)

    def _complain(self, ack: Ack, what: str, problems: list[str], *, notice: str) -> Ack:
        self.problems.extend(f"{what}: {problem}" for problem in problems)
        return _with(ack, problems=tuple(problems), notice=notice)


def _with(ack: Ack, **changes: Any) -> Ack:
    return Ack(**({name: getattr(ack, name) for name in Ack.__dataclass_fields__} | changes))


def _parsed(raw: bytes, content_type: str) -> Any:
    text = raw.decode("utf-8", "replace")
    if not text.strip():
        return None
    if content_type == "application/json" or text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return text


def _reason(ack: Ack) -> str:
    if ack.shown == "operation_timeout":
        return "http_timeout"
    return "connection_failed" if ack.status is None else "http_error"
