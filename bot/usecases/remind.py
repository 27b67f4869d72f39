"""A day and an hour before access ends, its requester is told, with a way to extend it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.grant import GrantStatus
from bot.domain.messages import MessageKind
from bot.domain.reminder import next_reminder, reminders
from bot.domain.request import RequestId, label
from bot.ports.store import Store, Tx

LATE = timedelta(minutes=30)
"""A reminder that is later than this (the bot was down) is left out; the next one, or the end, follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remind:
    """Owes the reminder that is due now, once, and says when the next one is due."""

    store: Store

    async def __call__(self, request_id: RequestId) -> datetime | None:
        """Remind for one request. Returns the instant of the next reminder, None when there is none."""

        def remind(tx: Tx) -> datetime | None:
            ends = [
                (grant.ends_at, grant.wanted_at)
                for grant in tx.grants_of(request_id)
                if grant.status is GrantStatus.ACTIVE and grant.ends_at is not None
            ]
            if not ends:
                return None
            ends_at, since = min(ends)
            for span in reminders(ends_at, since=since):
                if ends_at - span <= tx.now < ends_at - span + LATE:
                    key = f"{label(request_id)}:reminder:{int(span.total_seconds())}"
                    if tx.message(key) is None:
                        to = tx.seen_request(request_id).ask.requester
                        tx.owe(key, MessageKind.REMINDER, to, request=request_id)
            return next_reminder(ends_at, since=since, now=tx.now)

        return await self.store.run(remind)
