"""The messages owed to Slack: each is posted once, then edited until it shows what is true.

What a message says is drawn after its turn has come, never before: where edits queue up behind Slack's pace,
each shows the newest state and the ones in between are left out. A turn is kept in the store: whoever claims
the message has its place in the queue.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil

from bot.domain.errors import NotFound, Refusal, Unavailable
from bot.domain.messages import MessageKind, OwedMessage, Story
from bot.domain.names import ChannelId
from bot.domain.pace import ANSWERS, EDITS, POSTS, Pace, oldest_turn
from bot.log import get_logger
from bot.ports.notifier import Notifier, Posted
from bot.ports.store import Store, Tx
from bot.usecases.stories import story_of
from bot.worker.lease import ensure

log = get_logger(__name__)

DELETED = "message_not_found"
NEVER_EDITED = frozenset({DELETED, "cant_update_message", "edit_window_closed"})
"""What Slack answers where it will never let us edit a message again."""

PARENT_AFTER = timedelta(seconds=1)
"""A reply waits for its card this long before it looks again."""

SEND_TIME = timedelta(seconds=9)
"""A call to Slack takes at most 8 s: that much lease must be left before one is made."""

LOOK_AFTER = timedelta(seconds=18)
"""From the start of a try of unknown fate: the 8 s that it may take, and 10 more. Slack may apply a post late,
and what is looked for before that is posted twice."""


@dataclass(slots=True, kw_only=True)
class Outbox:
    """Makes Slack show one owed message. Runs under the message's lease."""

    store: Store
    notifier: Notifier

    async def __call__(self, key: str) -> datetime | None:
        """One try. Returns when to look again. Raises `Unavailable` or `NotFound` to back off."""
        turn = await self.store.run(lambda tx: self._turn(tx, key))
        if not isinstance(turn, _Turn):
            return turn
        try:
            return await self._send(turn)
        except Unavailable as error:
            wait = error.facts.get("retry_after")
            if isinstance(wait, int):
                await self._hold(turn, timedelta(seconds=wait))
            elif turn.is_post and error.facts.get("sent") == "maybe":
                # An error, not an instant to come back at: so the pauses grow for as long as Slack is ill.
                wait = ceil(LOOK_AFTER.total_seconds())
                raise Unavailable(error.code, sent="maybe", retry_after=wait) from error
            raise

    def _turn(self, tx: Tx, key: str) -> "_Turn | datetime | None":
        """What to send, if it is this message's turn now; else when to come back, None for never."""
        message = tx.message(key)
        if message is None or message.shown >= message.wanted:
            return None
        parent = None
        if message.thread_key is not None:
            parent = _posted(tx.message(message.thread_key))
            if parent is None:
                return tx.now + PARENT_AFTER
        look_at = _look_at(message)
        if look_at is not None and look_at > tx.now:
            return look_at
        queue, pace = _queue(message, parent)
        at = message.turn_at if message.queue == queue else None
        if at is None or at <= oldest_turn(pace, now=tx.now):
            at = tx.take_turn(queue, pace)
        if at > tx.now:
            _book(tx, message, queue, at)
            return at
        _book(tx, message, None, None)  # used up, whatever becomes of the call
        # An answer says what is stored with it, also about a request that does not exist.
        about = message.request if message.kind is not MessageKind.ANSWER else None
        story = story_of(tx, about, message.outcome)
        return _Turn(message=message, story=story, parent=parent, queue=queue, pace=pace)

    async def _hold(self, turn: "_Turn", wait: timedelta) -> None:
        """Slack wants to hear nothing of this kind for a while, from no replica and whatever is poked for."""

        def store(tx: Tx) -> None:
            at = tx.hold_turns(turn.queue, turn.pace, until=tx.now + wait)
            _book(tx, _present(tx, turn.message), turn.queue, at)

        await self.store.run(store)

    async def _send(self, turn: "_Turn") -> datetime | None:
        """Make the call that it is time for."""
        message = turn.message
        posted = _posted(message)
        if posted is not None:
            return await self._edit(message, turn.story, posted)
        if message.is_whisper:
            return await self._whisper(message)
        return await self._post(message, turn.story, turn.parent)

    async def _post(
        self, message: OwedMessage, story: Story | None, parent: Posted | None
    ) -> datetime | None:
        """Post it for the first time; one that may have been posted before is looked for first."""
        cannot_know = False
        if message.first_try_at is not None:
            try:
                found = await self.notifier.find(message, since=message.first_try_at, thread=parent)
            except Refusal:
                cannot_know = True  # without the history scope; the reader is told
            else:
                if found is not None:
                    # It shows the truth of back then: an edit is next, in a turn of its own.
                    return await self._change(message, lambda now: _standing(now, found))
        # Not before the search: while an answer was on its way somebody else may have taken over, and posted.
        async with self._trying(message, repetition=cannot_know) as trying:
            posted = await self.notifier.post(trying, story, thread=parent)
        await self._change(message, lambda now: replace(_standing(now, posted), shown=message.wanted))
        return None

    async def _whisper(self, message: OwedMessage) -> datetime | None:
        """Tell one person alone. Nobody can look for it afterwards: a second try says that it is one."""
        async with self._trying(message, repetition=message.first_try_at is not None) as trying:
            reached = await self.notifier.whisper(trying)
        if not reached:
            # A DM is a post like others: looked for before it is sent again.
            return await self._change(message, lambda now: replace(_untried(now), by_dm=True))
        await self._change(message, lambda now: replace(_untried(now), shown=message.wanted))
        return None

    async def _edit(self, message: OwedMessage, story: Story | None, posted: Posted) -> datetime | None:
        """Edit it; where Slack will never allow that, people are shown the truth in another way."""
        if story is not None:
            await ensure(SEND_TIME)
            try:
                await self.notifier.edit(message, story, posted)
            except NotFound as refused:
                error = str(refused.facts.get("error"))
                if error not in NEVER_EDITED:
                    raise
                log.warning("message_not_edited", key=message.key, error=error)
                return await self.store.run(lambda tx: _give_up(tx, message, story, error))
        await self._change(message, lambda now: replace(now, shown=message.wanted))
        return None

    @asynccontextmanager
    async def _trying(self, message: OwedMessage, *, repetition: bool) -> AsyncIterator[OwedMessage]:
        """Around a call that posts: from here on the message may be there without our knowing."""

        def begin(tx: Tx) -> OwedMessage:
            now = _present(tx, message)
            trying = replace(
                now,
                first_try_at=now.first_try_at or tx.now,
                last_try_at=tx.now,
                repetition=now.repetition or repetition,
            )
            tx.save_message(trying)
            return trying

        trying = await self.store.run(begin)
        await ensure(SEND_TIME)
        try:
            yield trying
        except (Unavailable, NotFound) as error:
            if error.facts.get("sent") == "no":  # Slack said so: this try has not to be looked for
                await self._change(message, lambda now: _tried(now, like=message))
            raise

    async def _change(self, message: OwedMessage, change: Callable[[OwedMessage], OwedMessage]) -> datetime:
        """Write down what became of a call; returns the present instant."""

        def store(tx: Tx) -> datetime:
            tx.save_message(change(_present(tx, message)))
            return tx.now

        return await self.store.run(store)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """A message whose turn has come, and the truth of that moment."""

    message: OwedMessage
    story: Story | None
    parent: Posted | None
    queue: str
    pace: Pace

    @property
    def is_post(self) -> bool:
        return self.message.ts is None and not self.message.is_whisper


def _give_up(tx: Tx, message: OwedMessage, story: Story, error: str) -> datetime | None:
    """Let a message be that can never be edited again; returns when to go on with it, None for never."""
    now = _present(tx, message)
    if error == DELETED and message.kind is MessageKind.CARD and story.request.is_pending:
        # Nobody could decide any more: it is posted anew.
        tx.save_message(replace(_untried(now), ts=None, posted_channel=None, repetition=False))
        return tx.now
    if error != DELETED:
        # It stands there with what is not true any more: a reply below it takes over, kept true from now on.
        tx.owe(
            _successor(message.key),
            message.kind,
            message.channel,
            request=message.request,
            thread_key=message.thread_key or message.key,
            outcome=message.outcome,
        )
    tx.save_message(replace(now, shown=message.wanted))
    return None


def _successor(key: str) -> str:
    """`WA-17:card` → `WA-17:card:again:1` → `WA-17:card:again:2`."""
    first, _, number = key.partition(":again:")
    return f"{first}:again:{int(number or 0) + 1}"


def _book(tx: Tx, message: OwedMessage, queue: str | None, at: datetime | None) -> None:
    """Write down for which instant a message waits; whoever claims it then has its place."""
    if (message.queue, message.turn_at) != (queue, at):
        tx.save_message(replace(message, queue=queue, turn_at=at))


def _present(tx: Tx, message: OwedMessage) -> OwedMessage:
    now = tx.message(message.key)
    assert now is not None  # messages are never deleted
    return now


def _standing(message: OwedMessage, posted: Posted) -> OwedMessage:
    return replace(message, ts=posted.ts, posted_channel=posted.channel)


def _untried(message: OwedMessage) -> OwedMessage:
    return replace(message, first_try_at=None, last_try_at=None)


def _tried(message: OwedMessage, *, like: OwedMessage) -> OwedMessage:
    return replace(
        message, first_try_at=like.first_try_at, last_try_at=like.last_try_at, repetition=like.repetition
    )


def _posted(message: OwedMessage | None) -> Posted | None:
    if message is None or message.ts is None:
        return None
    return Posted(channel=message.posted_channel or ChannelId(message.channel), ts=message.ts)


def _look_at(message: OwedMessage) -> datetime | None:
    """When to look for a message that may be there without our knowing."""
    tried = message.last_try_at or message.first_try_at
    if message.ts is not None or message.is_whisper or tried is None:
        return None
    return tried + LOOK_AFTER


def _queue(message: OwedMessage, parent: Posted | None) -> tuple[str, Pace]:
    """Which of Slack's limits the next call counts against."""
    if message.ts is not None:
        return "edits", EDITS
    if message.is_whisper:
        return "answers", ANSWERS
    return f"posts:{parent.channel if parent is not None else message.place}", POSTS
