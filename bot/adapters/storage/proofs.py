"""Challenges and proofs. Each function is a part of a transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Update, delete, func, select, update

from bot.adapters.storage.codec import TARGETS, AnyRow, instant, maybe_instant, reading
from bot.adapters.storage.dialect import insert_new
from bot.adapters.storage.tables import challenges, proofs
from bot.domain.names import (
    AccountId,
    IdentityUserId,
    PermissionSetName,
    RoleName,
    SlackTeamId,
    SlackUserId,
)
from bot.domain.proof import ATTEMPTS, LIFETIME, Challenge, ChallengeId, Proof
from bot.domain.request import RequestId, Target

KEPT = timedelta(days=1)
"""A challenge is of no use after its ten minutes; a day helps whoever has to find out what went wrong."""


def add_challenge(connection: Connection, now: datetime, challenge: Challenge) -> None:
    """Remember a new challenge, and forget old ones."""
    connection.execute(delete(challenges).where(challenges.c.issued_at < now - KEPT))
    values = {
        "id": challenge.id,
        "team": challenge.team,
        "user": challenge.user,
        "identity": challenge.identity,
        "sso_user": challenge.sso_user,
        "partition": challenge.partition,
        "permission_set": challenge.permission_set,
        "targets": TARGETS.dump(challenge.targets),
        "request": challenge.request,
        "issued_at": challenge.issued_at,
        "attempts": challenge.attempts,
        "closed_at": challenge.closed_at,
    }
    connection.execute(insert_new(connection.dialect.name, challenges), values)


def challenge(connection: Connection, wanted: ChallengeId) -> Challenge | None:
    """The challenge as it is stored, open or not."""
    row = connection.execute(select(challenges).where(challenges.c.id == wanted)).one_or_none()
    return None if row is None else _read_challenge(row)


def count_attempt(connection: Connection, now: datetime, wanted: ChallengeId) -> Challenge | None:
    """One conditional write, so that of two deliveries at once only one can be the last."""
    counted = connection.execute(
        _open(wanted)
        .where(challenges.c.attempts < ATTEMPTS, challenges.c.issued_at > now - LIFETIME)
        .values(attempts=challenges.c.attempts + 1)
        .returning(challenges)
    ).one_or_none()
    return None if counted is None else _read_challenge(counted)


def close_challenge(connection: Connection, now: datetime, wanted: ChallengeId) -> None:
    connection.execute(_open(wanted).values(closed_at=now))


def _open(wanted: ChallengeId) -> Update:
    return update(challenges).where(challenges.c.id == wanted, challenges.c.closed_at.is_(None))


def add_proof(connection: Connection, by: ChallengeId, proof: Proof) -> bool:
    """False when the challenge has proved this role before."""
    values = {
        "challenge": by,
        "user": proof.user,
        "permission_set": proof.permission_set,
        "account": proof.target.account,
        "role": proof.target.role,
        "at": proof.at,
        "only_me": proof.only_me,
        "sso_user": proof.sso_user,
        "request": proof.request,
    }
    return connection.execute(insert_new(connection.dialect.name, proofs), values).one_or_none() is not None


def proved_with(connection: Connection, by: ChallengeId) -> frozenset[Target]:
    rows = connection.execute(select(proofs).where(proofs.c.challenge == by))
    return frozenset(_read_proof(row).target for row in rows)


def proofs_of(connection: Connection, user: SlackUserId) -> Sequence[Proof]:
    """One per permission set, account and role, however often it was proved."""
    table = proofs.c
    newest = (
        select(func.max(table.id))
        .where(table.user == user)
        .group_by(table.permission_set, table.account, table.role)
    )
    rows = connection.execute(select(proofs).where(table.id.in_(newest)).order_by(table.id.desc()))
    return tuple(_read_proof(row) for row in rows)


def only_me_was_proven(connection: Connection) -> bool:
    found = connection.execute(select(proofs.c.id).where(proofs.c.only_me.is_(True)).limit(1))
    return found.one_or_none() is not None


def _read_challenge(row: AnyRow) -> Challenge:
    with reading("challenges", row.id):
        return Challenge(
            id=ChallengeId(row.id),
            team=SlackTeamId(row.team),
            user=SlackUserId(row.user),
            identity=IdentityUserId(row.identity),
            sso_user=row.sso_user,
            partition=row.partition,
            permission_set=PermissionSetName(row.permission_set),
            targets=TARGETS.load(row.targets),
            request=RequestId(row.request) if row.request is not None else None,
            issued_at=instant(row.issued_at),
            attempts=row.attempts,
            closed_at=maybe_instant(row.closed_at),
        )


def _read_proof(row: AnyRow) -> Proof:
    with reading("proofs", row.id):
        return Proof(
            user=SlackUserId(row.user),
            target=Target(account=AccountId(row.account), role=RoleName(row.role)),
            permission_set=PermissionSetName(row.permission_set),
            at=instant(row.at),
            only_me=row.only_me,
            sso_user=row.sso_user,
            request=RequestId(row.request) if row.request is not None else None,
        )
