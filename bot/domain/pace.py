"""Slack's pace, kept rather than run into; the turns are counted in the store, so that replicas share them."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """One turn every `every` in the long run, up to `burst` at once after a quiet time."""

    every: timedelta
    burst: int


POSTS = Pace(every=timedelta(seconds=1), burst=5)
"""About one chat.postMessage a second per channel, short bursts allowed (docs.slack.dev, rate limits)."""

EDITS = Pace(every=timedelta(seconds=1.6), burst=10)
"""chat.update is a Tier 3 method: fifty calls in any minute for the whole app, so burst and pace together."""

ANSWERS = Pace(every=timedelta(seconds=0.8), burst=20)
"""chat.postEphemeral is a Tier 4 method: a hundred calls in any minute."""


def take_turn(full_until: datetime | None, pace: Pace, *, now: datetime) -> tuple[datetime, datetime]:
    """The instant of the next free turn, and the queue's new state.

    `full_until` is when all turns handed out so far would have been used at the steady pace: the generic cell
    rate algorithm. The answer is `now` while the burst lasts.
    """
    start = now if full_until is None else max(full_until, now)
    turn = max(now, start - pace.every * (pace.burst - 1))
    return turn, start + pace.every


def oldest_turn(pace: Pace, *, now: datetime) -> datetime:
    """A turn that was missed before this is lost: those who were all kept from theirs must not go at once."""
    return now - pace.every * pace.burst


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What becomes of a queue that Slack wants to hear nothing of for a while."""

    turn: datetime
    """The first turn afterwards: of the message that was refused."""
    later: timedelta
    """How much later everybody comes who waits in it."""
    full_until: datetime


def hold(full_until: datetime, pace: Pace, *, first: datetime | None, until: datetime) -> Held:
    """Let a queue begin again at `until`, at the steady pace; `first` is the earliest turn that somebody waits for.

    What was refused goes first. A second refusal meets a queue that stands still already, and adds one turn.
    """
    turn = until if first is None else max(until, first)
    later = timedelta(0) if first is None else turn + pace.every - first
    return Held(turn=turn, later=later, full_until=max(full_until + later, turn + pace.every * pace.burst))
