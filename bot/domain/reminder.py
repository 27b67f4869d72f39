"""When somebody is reminded that their access ends."""

from datetime import datetime, timedelta

BEFORE_END = (timedelta(days=1), timedelta(hours=1))


def next_reminder(ends_at: datetime, *, now: datetime) -> datetime | None:
    """The next instant at which a reminder is due; None once all of them have passed.

    Access that was given for no longer than a day is not announced to end in a day.
    """
    coming = [ends_at - span for span in BEFORE_END if ends_at - span > now]
    return min(coming, default=None)
