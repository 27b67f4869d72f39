"""Only this machine's own page may talk to the sandbox: host, origin, headers, and errors as JSON."""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web

from bot.sandbox.page.wire import NoSuch

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADERS: Final = {
    # No inline script or style, nothing from elsewhere, and no other page may put this one into a frame.
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_NAMES: Final = frozenset({"127.0.0.1", "localhost"})


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """For `on_response_prepare`: every answer carries them, refusals and the event stream included."""
    response.headers.update(HEADERS)


@web.middleware
async def only_this_page(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses other sites' pages (Origin, Sec-Fetch-Site) and names that only point here (DNS rebinding)."""
    name, _, port = request.host.rpartition(":")
    socket = request.transport.get_extra_info("sockname") if request.transport is not None else None
    if name not in _NAMES or socket is None or port != str(socket[1]):
        return refusal(403, "The sandbox answers only to 127.0.0.1 and localhost.")
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{request.host}":
        return refusal(403, "The sandbox answers only to its own page.")
    # A link elsewhere may lead here: the page itself does nothing and cannot be framed.
    if request.path != "/" and request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}:
        return refusal(403, "The sandbox answers only to its own page.")
    return await handler(request)


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A sentence for whoever sits before the page; what is no refusal stays an error and shows in the terminal."""
    try:
        return await handler(request)
    except NoSuch as no:
        return refusal(no.status, str(no))
    except web.HTTPRequestEntityTooLarge:
        return refusal(413, "That is too long.")
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return refusal(error.status, f"{error.reason}: {request.method} {request.path[:100]}")


def refusal(status: int, sentence: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status)
