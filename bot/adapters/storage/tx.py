"""One open transaction, as the use cases see it: reads and conditional writes.

Nothing here commits, rolls back or retries; `runner.py` does.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select

from bot.adapters.storage import codec, retention, tables
from bot.adapters.storage import proofs as proof_rows
from bot.adapters.storage import queues as queue_rows
from bot.adapters.storage import work as work_rows
from bot.adapters.storage.grants import GrantRows, SetRows
from bot.adapters.storage.messages import ClickRows, MessageRows
from bot.adapters.storage.open_grants import OpenGrantRows
from bot.domain.errors import Code, Conflict
from bot.domain.messages import AuditEntry
from bot.domain.names import SlackUserId
from bot.domain.pace import Pace
from bot.domain.proof import Challenge, ChallengeId, Proof
from bot.domain.request import (
    RequestId,
    Target,
)
from bot.ports.store import Work


class SqlTx(OpenGrantRows, GrantRows, SetRows, ClickRows, MessageRows):
    """Implements `ports.store.Tx` on one connection; here is what is neither a request, a grant nor a message."""

    def serialise(self, name: str) -> None:
        """SQLite has one writer at a time anyway; PostgreSQL has locks that end with the transaction."""
        if self.connection.dialect.name == "postgresql":
            self.connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(name))))

    def take_turn(self, queue: str, pace: Pace) -> datetime:
        return queue_rows.take_turn(self.connection, self._now, queue, pace)

    def hold_turns(self, queue: str, pace: Pace, *, until: datetime) -> datetime:
        return queue_rows.hold_turns(self.connection, self._now, queue, pace, until=until)

    # Proofs

    def add_challenge(self, challenge: Challenge) -> None:
        proof_rows.add_challenge(self.connection, self._now, challenge)

    def challenge(self, challenge: ChallengeId) -> Challenge | None:
        return proof_rows.challenge(self.connection, challenge)

    def count_attempt(self, challenge: ChallengeId) -> Challenge | None:
        return proof_rows.count_attempt(self.connection, self._now, challenge)

    def close_challenge(self, challenge: ChallengeId) -> None:
        proof_rows.close_challenge(self.connection, self._now, challenge)

    def add_proof(self, challenge: ChallengeId, proof: Proof) -> bool:
        return proof_rows.add_proof(self.connection, challenge, proof)

    def proved_with(self, challenge: ChallengeId) -> frozenset[Target]:
        return proof_rows.proved_with(self.connection, challenge)

    def proofs_of(self, user: SlackUserId) -> Sequence[Proof]:
        return proof_rows.proofs_of(self.connection, user)

    def only_me_was_proven(self) -> bool:
        return proof_rows.only_me_was_proven(self.connection)

    # Work

    def forget(
        self, *, clicks_before: datetime, snapshots_before: datetime, snapshots_kept: int, at_most: int
    ) -> int:
        """Audit rows, requests, grants and messages stay for good."""
        return retention.forget_clicks(
            self.connection, done_before=clicks_before, at_most=at_most
        ) + retention.forget_snapshots(
            self.connection, taken_before=snapshots_before, keep=snapshots_kept, at_most=at_most
        )

    def hold(self, work: Work) -> None:
        """Raises `Conflict` when somebody else has claimed the work: a paused worker must not write."""
        if not work_rows.is_held(self.connection, work):
            raise Conflict(Code.CONFLICT, work=f"{work.kind}:{work.key}")

    # History

    def audit(self, entry: AuditEntry) -> None:
        """Raises `Conflict` when the subject's version has its line already."""
        if self._add(tables.audit, codec.audit_values(entry)) is None:
            raise Conflict(Code.CONFLICT, subject=entry.subject, version=entry.version)

    def history(self, request: RequestId) -> tuple[AuditEntry, ...]:
        """In the order in which it was written."""
        theirs = select(tables.audit).where(tables.audit.c.request == request)
        return tuple(codec.read_audit(row) for row in self._all(theirs.order_by(tables.audit.c.id)))
