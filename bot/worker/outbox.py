"""The messages owed to Slack: each is posted once, then edited until it shows what is true."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.errors import NotFound, Refusal, Unavailable
from bot.domain.messages import MessageKind, OwedMessage, Story
from bot.domain.names import ChannelId
from bot.log import get_logger
from bot.ports.clock import Clock
from bot.ports.notifier import Notifier, Posted
from bot.ports.store import Store, Tx
from bot.usecases.stories import story_of

log = get_logger(__name__)

PARENT_AFTER = timedelta(milliseconds=250)
"""A reply waits for its card this long before it looks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbox:
    """Makes Slack show one owed message. Runs under the message's lease."""

    store: Store
    notifier: Notifier
    clock: Clock

    async def __call__(self, key: str) -> datetime | None:
        """One try. Returns when to look again. Raises `Unavailable` or `NotFound` to back off."""
        message, story, parent = await self.store.run(lambda tx: self._load(tx, key))
        if message is None or message.shown >= message.wanted:
            return None
        if message.kind is MessageKind.ANSWER:
            await self.notifier.whisper(message)
            await self._remember(message, posted=None, shown=message.wanted)
            return None
        if message.thread_key is not None and parent is None:
            return self.clock.now() + PARENT_AFTER
        posted = _posted(message)
        if posted is None:
            posted = await self._post(message, story, parent)
        elif story is not None:
            await self.notifier.edit(message, story, posted)
        await self._remember(message, posted=posted, shown=message.wanted)
        return None

    async def _post(self, message: OwedMessage, story: Story | None, parent: Posted | None) -> Posted:
        """Post it for the first time; one that may have been posted before is looked for first."""
        repetition = False
        if message.first_try_at is None:
            await self._remember(replace(message, first_try_at=self.clock.now()), posted=None, shown=0)
        else:
            try:
                found = await self.notifier.find(message, since=message.first_try_at, thread=parent)
            except Refusal:
                repetition = True  # without the history scope nobody can know; the reader is told
            else:
                if found is not None:
                    await self._remember(message, posted=found, shown=0)
                    if story is not None:
                        await self.notifier.edit(message, story, found)
                    return found
        try:
            return await self.notifier.post(message, story, thread=parent, repetition=repetition)
        except (Unavailable, NotFound) as error:
            if error.facts.get("sent") == "no" and message.first_try_at is None:
                # Slack said no, so it is not there: the next try needs no search.
                await self._remember(
                    replace(message, first_try_at=None), posted=None, shown=0, forget_try=True
                )
            raise

    @staticmethod
    def _load(tx: Tx, key: str) -> tuple[OwedMessage | None, Story | None, Posted | None]:
        message = tx.message(key)
        if message is None:
            return None, None, None
        parent = tx.message(message.thread_key) if message.thread_key is not None else None
        return (
            message,
            story_of(tx, message.request, message.outcome),
            _posted(parent) if parent is not None else None,
        )

    async def _remember(
        self, message: OwedMessage, *, posted: Posted | None, shown: int, forget_try: bool = False
    ) -> None:
        def store(tx: Tx) -> None:
            now = tx.message(message.key)
            if now is None:
                return
            first = None if forget_try else message.first_try_at or now.first_try_at
            tx.save_message(
                replace(
                    now,
                    shown=max(now.shown, shown),
                    first_try_at=first,
                    ts=posted.ts if posted is not None else now.ts,
                    posted_channel=posted.channel if posted is not None else now.posted_channel,
                )
            )

        await self.store.run(store)


def _posted(message: OwedMessage) -> Posted | None:
    if message.ts is None:
        return None
    return Posted(channel=message.posted_channel or ChannelId(message.channel), ts=message.ts)
