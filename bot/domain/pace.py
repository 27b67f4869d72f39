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

EDITS = Pace(every=timedelta(seconds=1.2), burst=15)
"""chat.update is a Tier 3 method: about fifty calls a minute for the whole app."""


ANSWERS = Pace(every=timedelta(seconds=0.6), burst=30)
"""chat.postEphemeral is a Tier 4 method: about a hundred calls a minute."""


def take_turn(full_until: datetime | None, pace: Pace, *, now: datetime) -> tuple[datetime, datetime]:
    """The instant of the next free turn, and the queue's new state.

    `full_until` is when all turns handed out so far would have been used at the steady pace: the generic cell
    rate algorithm. The answer is `now` while the burst lasts.
    """
    start = now if full_until is None else max(full_until, now)
    turn = max(now, start - pace.every * (pace.burst - 1))
    return turn, start + pace.every
