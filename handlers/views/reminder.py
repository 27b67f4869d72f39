"""Being written."""

from bot.domain.messages import Story
from handlers.views.parts import Message, header, message


def reminder(story: Story, *, support: str) -> Message:
    return message("Reminder.", [header("Reminder")])
