"""Being written."""

from bot.domain.messages import Story
from handlers.views.parts import Message, header, message


def ended(story: Story, *, support: str) -> Message:
    return message("Ended.", [header("Ended")])


def ended_copy(story: Story, *, support: str) -> Message:
    return message("Ended.", [header("Ended")])
