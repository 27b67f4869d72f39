"""The messages owed to Slack: each is posted once, then edited until it shows what is true.

What a message says is drawn after its turn has come, never before: where edits queue up behind Slack's pace,
each shows the newest state and the ones in between are left out.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.errors import NotFound, Refusal, Unavailable
from bot.domain.messages import MessageKind, OwedMessage, Story
from bot.domain.names import ChannelId
from bot.domain.pace import ANSWERS, EDITS, POSTS, Pace, oldest_turn
from bot.ports.clock import Clock
from bot.ports.notifier import Notifier, Posted
from bot.ports.store import Store, Tx
from bot.usecases.stories import story_of
from bot.worker.lease import ensure

DELETED = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})

PARENT_AFTER = timedelta(seconds=1)
"""A reply waits for its card this long before it looks again."""

SEND_TIME = timedelta(seconds=9)
"""A call to Slack takes at most 8 s: that much lease must be left before one is made."""


@dataclass(slots=True, kw_only=True)
class Outbox:
    """Makes Slack show one owed message. Runs under the message's lease."""

    store: Store
    notifier: Notifier
    clock: Clock

    async def __call__(self, key: str) -> datetime | None:
        """One try. Returns when to look again. Raises `Unavailable` or `NotFound` to back off."""
        turn = await self.store.run(lambda tx: self._turn(tx, key))
        if not isinstance(turn, _Turn):
            return turn
        try:
            await self._send(turn.message, turn.story, turn.parent)
        except Unavailable as error:
            wait = error.facts.get("retry_after")
            if isinstance(wait, int):
                await self._hold(turn, timedelta(seconds=wait))
            raise
        return None

    async def _send(self, message: OwedMessage, story: Story | None, parent: Posted | None) -> None:
        if message.kind is MessageKind.ANSWER:
            await ensure(SEND_TIME)
            await self.notifier.whisper(message)
            await self._remember(message, posted=None, shown=message.wanted)
            return
        posted = _posted(message)
        if posted is None:
            posted = await self._post(message, story, parent)
        elif story is not None:
            await self._edit(message, story, posted)
        await self._remember(message, posted=posted, shown=message.wanted)

    async def _edit(self, message: OwedMessage, story: Story, posted: Posted) -> None:
        """Edit it; what somebody has deleted in Slack needs no edit any more."""
        await ensure(SEND_TIME)
        try:
            await self.notifier.edit(message, story, posted)
        except NotFound as gone:
            if gone.facts.get("error") not in DELETED:
                raise

    def _turn(self, tx: Tx, key: str) -> "_Turn | datetime | None":
        """What to send, if it is this message's turn now; else when to come back, None for never."""
        message = tx.message(key)
        if message is None or message.shown >= message.wanted:
            return None
        parent = tx.message(message.thread_key) if message.thread_key is not None else None
        if message.thread_key is not None and (parent is None or parent.ts is None):
            return tx.now + PARENT_AFTER
        queue, pace = _queue(message)
        turn = message.turn_at if message.queue == queue else None
        if turn is None or turn <= oldest_turn(pace, now=tx.now):
            turn = tx.take_turn(queue, pace)
        if turn > tx.now:
            _book(tx, message, queue, turn)
            return turn
        _book(tx, message, None, None)  # used up, whatever becomes of the call
        # An answer says what is stored with it, also about a request that does not exist.
        about = message.request if message.kind is not MessageKind.ANSWER else None
        story = story_of(tx, about, message.outcome)
        return _Turn(
            message=message,
            story=story,
            parent=_posted(parent) if parent is not None else None,
            queue=queue,
            pace=pace,
        )

    async def _hold(self, turn: "_Turn", wait: timedelta) -> None:
        """Slack wants to hear nothing of this kind for a while, from no replica and whatever is poked for."""

        def store(tx: Tx) -> None:
            now = tx.message(turn.message.key)
            if now is not None:
                at = tx.hold_turns(turn.queue, turn.pace, until=tx.now + wait)
                _book(tx, now, turn.queue, at)

        await self.store.run(store)

    async def _post(self, message: OwedMessage, story: Story | None, parent: Posted | None) -> Posted:
        """Post it for the first time; one that may have been posted before is looked for first."""
        tried = message.first_try_at
        repetition = False
        if tried is None:
            await self._try(message, self.clock.now())
        else:
            try:
                found = await self.notifier.find(message, since=tried, thread=parent)
            except Refusal:
                repetition = True  # without the history scope nobody can know; the reader is told
            else:
                if found is not None:
                    await self._remember(message, posted=found, shown=0)
                    if story is not None:
                        await self._edit(message, story, found)
                    return found
        # Not before the search: while an answer was on its way somebody else may have taken over, and posted.
        await ensure(SEND_TIME)
        try:
            return await self.notifier.post(message, story, thread=parent, repetition=repetition)
        except (Unavailable, NotFound) as error:
            if error.facts.get("sent") == "no" and tried is None:
                await self._try(message, None)  # Slack said no, so it is not there: no search needed
            raise

    async def _try(self, message: OwedMessage, at: datetime | None) -> None:
        """From `at` on the message may be there without our knowing."""

        def store(tx: Tx) -> None:
            now = tx.message(message.key)
            if now is not None:
                tx.save_message(replace(now, first_try_at=at))

        await self.store.run(store)

    async def _remember(self, message: OwedMessage, *, posted: Posted | None, shown: int) -> None:
        def store(tx: Tx) -> None:
            now = tx.message(message.key)
            if now is None:
                return
            changed = replace(now, shown=max(now.shown, shown))
            if posted is not None:
                changed = replace(changed, ts=posted.ts, posted_channel=posted.channel)
            tx.save_message(changed)

        await self.store.run(store)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """A message whose turn has come, and the truth of that moment."""

    message: OwedMessage
    story: Story | None
    parent: Posted | None
    queue: str
    pace: Pace


def _book(tx: Tx, message: OwedMessage, queue: str | None, at: datetime | None) -> None:
    """Write down for which instant a message waits; whoever claims it then has its place."""
    if (message.queue, message.turn_at) != (queue, at):
        tx.save_message(replace(message, queue=queue, turn_at=at))


def _posted(message: OwedMessage) -> Posted | None:
    if message.ts is None:
        return None
    return Posted(channel=message.posted_channel or ChannelId(message.channel), ts=message.ts)


def _queue(message: OwedMessage) -> tuple[str, Pace]:
    """Which of Slack's limits the next call counts against."""
    if message.kind is MessageKind.ANSWER:
        return "answers", ANSWERS
    if message.ts is not None:
        return "edits", EDITS
    return f"posts:{message.channel}", POSTS
