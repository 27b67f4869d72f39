"""A channel that keeps what was posted, so that a test can read it like a person."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.errors import AccessError, Code, Refusal
from bot.domain.messages import OwedMessage, Story
from bot.domain.names import ChannelId
from bot.ports.notifier import Posted


@dataclass
class Shown:
    """One message as it stands in the channel."""

    key: str
    posted: Posted
    story: Story | None
    thread: Posted | None
    repetition: bool
    edits: int = 0


@dataclass
class FakeNotifier:
    """Implements `ports.notifier.Notifier`."""

    channel: dict[str, Shown] = field(default_factory=dict)
    """By timestamp."""
    whispers: list[OwedMessage] = field(default_factory=list)
    searches: int = 0
    has_history: bool = True
    reaches: bool = True
    """Whether people can be whispered to where they acted."""
    errors: dict[str, AccessError] = field(default_factory=dict)
    """By method name: raised before anything happens, until the test takes it out."""
    lost: dict[str, AccessError] = field(default_factory=dict)
    """By method name: raised after it has happened; the answer was lost."""
    before: Callable[[str], Awaitable[None]] | None = None
    after: Callable[[str], Awaitable[None]] | None = None

    def messages(self, key: str) -> list[Shown]:
        return [shown for shown in self.channel.values() if shown.key == key]

    async def _begin(self, name: str) -> None:
        if self.before is not None:
            await self.before(name)
        if name in self.errors:
            raise self.errors[name]

    async def _end(self, name: str) -> None:
        if self.after is not None:
            await self.after(name)
        if name in self.lost:
            raise self.lost[name]

    async def post(self, message: OwedMessage, story: Story | None, *, thread: Posted | None) -> Posted:
        await self._begin("post")
        place = thread.channel if thread is not None else message.place
        channel = ChannelId(f"D-{place}" if place.startswith("U") else place)
        posted = Posted(channel=channel, ts=f"{len(self.channel) + 1}.0")
        self.channel[posted.ts] = Shown(message.key, posted, story, thread, message.repetition)
        await self._end("post")
        return posted

    async def edit(self, message: OwedMessage, story: Story, posted: Posted) -> None:
        await self._begin("edit")
        shown = self.channel[posted.ts]
        shown.story = story
        shown.repetition = message.repetition
        shown.edits += 1
        await self._end("edit")

    async def whisper(self, message: OwedMessage) -> bool:
        await self._begin("whisper")
        if not self.reaches:
            return False
        self.whispers.append(message)
        await self._end("whisper")
        return True

    async def find(self, message: OwedMessage, *, since: datetime, thread: Posted | None) -> Posted | None:
        await self._begin("find")
        self.searches += 1
        if not self.has_history:
            raise Refusal(Code.ACCESS_DENIED, error="missing_scope")
        found = self.messages(message.key)
        await self._end("find")
        return found[0].posted if found else None
