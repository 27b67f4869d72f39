"""An error of ours as the message that one person reads, and the way there."""

from collections.abc import Awaitable, Callable

from bot.domain.errors import AccessError
from bot.usecases.decide_request import refused
from handlers.respond import Respond
from handlers.views.answer import answer
from handlers.views.parts import Message


def told(error: AccessError, *, support: str) -> Message:
    """What happened, why, and what to do next."""
    return answer(refused(error), support=support)


def teller(respond: Respond, response_url: str, *, support: str) -> Callable[[AccessError], Awaitable[None]]:
    """Says errors through a payload's response_url."""

    async def tell(error: AccessError) -> None:
        await respond(response_url, told(error, support=support))

    return tell
