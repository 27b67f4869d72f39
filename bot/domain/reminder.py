"""When somebody is reminded that their access ends."""

from datetime import datetime, timedelta

from bot.domain.statements import QUARTER

BEFORE_END = (timedelta(days=1), timedelta(hours=1))


def reminders(ends_at: datetime, *, since: datetime) -> tuple[timedelta, ...]:
    """How long before its end access is announced to end, longest first.

    Access that was given for no longer than a day is not announced to end in a day; its end was rounded up, so
    it lasts a little longer than that.
    """
    return tuple(span for span in BEFORE_END if ends_at - since > span + QUARTER)


def next_reminder(ends_at: datetime, *, since: datetime, now: datetime) -> datetime | None:
    """The next instant at which a reminder is due; None once all of them have passed."""
    coming = [ends_at - span for span in reminders(ends_at, since=since) if ends_at - span > now]
    return min(coming, default=None)
