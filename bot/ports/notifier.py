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
    """Draws messages and sends them, at Slack's pace.

    Raises `Unavailable(SLACK_UNAVAILABLE, retry_after=seconds)` when trying again makes sense, and
    `NotFound(SLACK_UNAVAILABLE, error=…)` when it does not (channel gone, person left).
    """

    async def post(
        self, message: OwedMessage, story: Story | None, *, thread: Posted | None, repetition: bool
    ) -> Posted:
        """Post a message for the first time; `repetition` marks one that may have been posted before."""
        ...

    async def edit(self, message: OwedMessage, story: Story, posted: Posted) -> None:
        """Make a posted message show the story."""
        ...

    async def whisper(self, message: OwedMessage) -> None:
        """Tell one person alone; by DM where an ephemeral message cannot reach them."""
        ...

    async def find(self, message: OwedMessage, *, since: datetime, thread: Posted | None) -> Posted | None:
        """Look for a message that may have been posted, by the key in its metadata.

        Raises `Refusal(ACCESS_DENIED)` when the app has no history scope and so cannot know.
        """
        ...
