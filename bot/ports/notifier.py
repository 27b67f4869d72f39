"""What Slack shows: posted once, then kept true by edits."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bot.domain.messages import OwedMessage, Story
from bot.domain.names import ChannelId


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    channel: ChannelId
    ts: str


class Notifier(Protocol):
    """Draws messages and sends them at once; one with `repetition` says that it may have been sent before.

    Raises `Unavailable(SLACK_UNAVAILABLE, retry_after=seconds)` when trying again makes sense, and
    `NotFound(SLACK_UNAVAILABLE, error=…)` when it does not (channel gone, person left).
    """

    async def post(self, message: OwedMessage, story: Story | None, *, thread: Posted | None) -> Posted:
        """Post a message for the first time, in its place or in the thread of another one."""
        ...

    async def edit(self, message: OwedMessage, story: Story, posted: Posted) -> None:
        """Make a posted message show the story."""
        ...

    async def whisper(self, message: OwedMessage) -> bool:
        """Tell one person alone where they acted; False where that cannot reach them, though a DM can."""
        ...

    async def find(self, message: OwedMessage, *, since: datetime, thread: Posted | None) -> Posted | None:
        """Look for a message that may have been posted, by the key in its metadata.

        Raises `Refusal(ACCESS_DENIED)` when the app has no history scope and so cannot know.
        """
        ...
