"""Being written."""

from collections.abc import Sequence

from bot.domain.messages import Story
from handlers.views.parts import Message, header, message


def overview(mine: Sequence[Story], waiting: Sequence[Story], *, support: str) -> Message:
    return message("Status.", [header("Status")])


def one(story: Story, *, support: str) -> Message:
    return message("Status.", [header("Status")])
