"""An error of ours as the message that one person reads."""

from bot.domain.errors import AccessError
from bot.usecases.decide_request import refused
from handlers.views.answer import answer
from handlers.views.parts import Message


def told(error: AccessError, *, support: str) -> Message:
    """What happened, why, and what to do next."""
    return answer(refused(error), support=support)
