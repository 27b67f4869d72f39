"""`POST /prove/{nonce}`: tokens come here from people's terminals by curl, and plain lines go back.

Anybody on the network can post here. So: what cannot be a nonce costs nothing, a nonce that is not open costs one
look into the database, and a body is read only as far as an open challenge can need it. Addresses that guess too
often wait; an open challenge has its own ten deliveries, so that nobody's guesses keep others from theirs.
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from bot.domain.errors import AccessError, Code, Refusal, Unavailable
from bot.domain.names import AccountId
from bot.domain.proof import body_limit
from bot.log import get_logger
from bot.usecases.prove_access import ProveAccess, has_shape
from handlers.views.proved import report_lines
from handlers.views.wording import sentence

log = get_logger(__name__)

PATH = "/prove/{nonce}"
BODY_SECONDS = 15.0
PER_MINUTE = 30
"""Guesses from one address. Behind a load balancer everybody has its address; a person makes none."""
ADDRESSES = 10_000
"""How many addresses are remembered; the one that was quiet for longest is forgotten first."""
TOO_OFTEN = "not proved: too many tries from your address. Wait a minute, then try again."
PACKED = "not proved: send the tokens as they are, not compressed. Run the commands as they are."
BROKEN = "not proved: what was sent broke off. Run the commands again."
TOO_MUCH = "not proved: this is more than the tokens that were asked for. Run the commands as they are."


class Pace:
    """Counts guesses by address over a minute, in this process only."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def allows(self, address: str) -> bool:
        """Whether this address may guess now; a guess that may not does not count."""
        now = self._now()
        times = self._seen.setdefault(address, deque())
        self._seen.move_to_end(address)
        if len(self._seen) > ADDRESSES:
            self._seen.popitem(last=False)
        while times and times[0] <= now - 60:
            times.popleft()
        if len(times) >= PER_MINUTE:
            return False
        times.append(now)
        return True


def prove_route(
    prove: ProveAccess, account_name: Callable[[AccountId], str], *, support: str, pace: Pace | None = None
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The listener. It answers in lines for people, and never with anything that was sent."""
    limit = pace if pace is not None else Pace()

    async def listen(request: web.Request) -> web.StreamResponse:
        nonce = request.match_info["nonce"]
        try:
            challenge = await prove.open(nonce)
            if hdrs.CONTENT_ENCODING in request.headers:
                # It is unpacked as it is read, and a little of it may be very much.
                return _text(415, [PACKED])
            body = await _read(request, body_limit(challenge))
            if body is None:
                return _text(413, [TOO_MUCH])
            report = await prove(nonce, body.decode("ascii", "replace"))
        except Unavailable as error:
            return _text(503, [f"not proved: {_said(error, support)}"])
        except Refusal as error:
            gone = error.code is Code.PROOF_GONE
            if gone and has_shape(nonce) and not limit.allows(request.remote or ""):
                return _text(429, [TOO_OFTEN])
            return _text(404 if gone else 403, [f"not proved: {_said(error, support)}"])
        except (web.RequestPayloadError, ConnectionResetError):
            return _text(400, [BROKEN])
        return _text(200, report_lines(report, account_name))

    return listen


async def _read(request: web.Request, limit: int) -> bytes | None:
    """The body, or None for one that is too long, of which no more is read; raises `Unavailable` for a slow one.

    Raises `RequestPayloadError` or `ConnectionResetError` for one that makes no sense or breaks off.
    """
    if request.content_length is not None and request.content_length > limit:
        return None
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > limit:
                    return None
    except TimeoutError:
        raise Unavailable(Code.INTERRUPTED) from None
    return bytes(body)


def _said(error: AccessError, support: str) -> str:
    return sentence(error.code, error.facts, support=support)


def _text(status: int, lines: list[str]) -> web.Response:
    response = web.Response(status=status, text="\n".join([*lines, ""]))
    response.headers["Cache-Control"] = "no-store"
    if status != 200:
        # What was not read must not be taken for the next request.
        response.force_close()
    return response
