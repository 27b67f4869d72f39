"""Being written."""

from bot.domain.messages import Story
from handlers.views.parts import Json


def end_form(story: Story, *, by_requester: bool, channel: str) -> Json:
    raise NotImplementedError
