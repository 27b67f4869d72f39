"""Grants, and what is known of the permission sets that they live in."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import bindparam, or_, select, update

from bot.adapters.storage import codec, tables
from bot.adapters.storage.codec import AnyRow
from bot.adapters.storage.dialect import insert_or_replace
from bot.adapters.storage.rows import Rows, Sieve, saving
from bot.domain.errors import Code, Conflict
from bot.domain.grant import Copies, Failure, Flight, Grant, GrantId, GrantStatus, Push, PushStatus, SetState
from bot.domain.names import AccountId, IdentityUserId, PermissionSetName, RoleArn
from bot.domain.request import (
    RequestId,
    Target,
    Unreadable,
)

GRANTS = (
    select(tables.grants)
    .where(tables.grants.c.request.in_(bindparam("requests", expanding=True)))
    .order_by(tables.grants.c.request, tables.grants.c.id)
)
SAVE_GRANT = saving(tables.grants)

SET = select(tables.permission_sets).where(tables.permission_sets.c.permission_set == bindparam("name"))
STOPPED = select(tables.permission_sets.c.permission_set, tables.permission_sets.c.stopped).where(
    tables.permission_sets.c.permission_set.in_(bindparam("names", expanding=True)),
    tables.permission_sets.c.stopped.is_not(None),
)
PUSHES = (
    select(tables.pushes)
    .where(tables.pushes.c.permission_set.in_(bindparam("names", expanding=True)))
    .order_by(tables.pushes.c.permission_set, tables.pushes.c.account)
)
FLIGHTS = select(tables.pushes.c.permission_set, tables.pushes.c.account, tables.pushes.c.everywhere).where(
    tables.pushes.c.status.in_((PushStatus.STARTING, PushStatus.IN_PROGRESS)),
    tables.pushes.c.started_at.between(bindparam("since"), bindparam("until")),
)


class GrantRows(Rows):
    """What is wanted of AWS."""

    def add_grant(
        self,
        *,
        request: RequestId,
        permission_set: PermissionSetName,
        target: Target,
        role_arn: RoleArn,
        person: IdentityUserId | None,
        ends_at: datetime | None,
    ) -> Grant:
        new = Grant(
            id=GrantId(0),
            version=1,
            request=request,
            permission_set=permission_set,
            target=target,
            role_arn=role_arn,
            person=person,
            ends_at=ends_at,
            status=GrantStatus.PROVISIONING,
            wanted_at=self._now,
        )
        row = self._add(tables.grants, codec.grant_values(new))
        assert row is not None  # the database gives the id
        return codec.read_grant(row)

    def grants_of(self, request: RequestId) -> tuple[Grant, ...]:
        return tuple(codec.read_grant(row) for row in self._all(GRANTS, {"requests": [request]}))

    def grants_for(
        self, requests: Collection[RequestId]
    ) -> tuple[dict[RequestId, tuple[Grant, ...]], Sequence[Unreadable]]:
        if not requests:
            return {}, ()
        sieve = Sieve()
        grants = sieve.read(self._all(GRANTS, {"requests": sorted(requests)}), codec.read_grant)
        found = {
            request: tuple(group)
            for request, group in groupby(grants, key=lambda grant: grant.request)
            if request not in sieve.lost
        }
        return found, tuple(sieve.lost.values())

    def active_on(
        self, permission_set: PermissionSetName, roles: Collection[RoleArn], *, at_most: int
    ) -> tuple[Grant, ...]:
        table = tables.grants
        wanted = (
            table.c.permission_set == permission_set,
            table.c.status == GrantStatus.ACTIVE,
            table.c.role_arn.in_(sorted(roles)),
        )
        longest = (table.c.ends_at.is_not(None), table.c.ends_at.desc(), table.c.id)
        rows = self._all(select(table).where(*wanted).order_by(*longest).limit(at_most))
        return tuple(Sieve().read(rows, codec.read_grant))

    def grants_on(
        self, permission_set: PermissionSetName, role: RoleArn, *, since: datetime
    ) -> tuple[Grant, ...]:
        table = tables.grants
        in_force = or_(
            table.c.status != GrantStatus.ENDED, table.c.settled_at.is_(None), table.c.settled_at >= since
        )
        wanted = (table.c.permission_set == permission_set, table.c.role_arn == role, in_force)
        rows = self._all(select(table).where(*wanted).order_by(table.c.id))
        return tuple(codec.read_grant(row) for row in rows)

    def save_grant(self, seen: Grant, changed: Grant) -> Grant:
        saved = replace(changed, version=seen.version + 1)
        seen_row = {"seen_id": seen.id, "seen_version": seen.version}
        if not self._change(SAVE_GRANT, codec.grant_values(saved) | seen_row):
            raise Conflict(Code.CONFLICT, grant=seen.id)
        return saved


class SetRows(Rows):
    """What was read, written and provisioned."""

    def set_state(self, permission_set: PermissionSetName) -> SetState:
        name = {"name": permission_set}
        row = self._one(SET, name)
        if row is None:
            new = SetState(permission_set=permission_set, version=0)
            self._add(tables.permission_sets, {"permission_set": permission_set, **codec.set_values(new)})
            row = self.connection.execute(SET, name).one()
        return codec.read_set(row)

    def stopped_sets(self, names: Collection[PermissionSetName]) -> dict[PermissionSetName, Failure]:
        return dict(Sieve().read(self._all(STOPPED, {"names": sorted(names)}), _stopped))

    def save_set_state(self, seen: SetState, changed: SetState) -> SetState:
        table = tables.permission_sets
        saved = replace(changed, version=seen.version + 1)
        done = self.connection.execute(
            update(table)
            .where(table.c.permission_set == seen.permission_set, table.c.version == seen.version)
            .values(codec.set_values(saved))
        )
        if done.rowcount != 1:
            raise Conflict(Code.CONFLICT, permission_set=seen.permission_set)
        return saved

    def keep_snapshot(self, permission_set: PermissionSetName, document: str, *, event: str) -> None:
        values = {"permission_set": permission_set, "at": self._now, "event": event, "document": document}
        self._add(tables.snapshots, values)

    def pushes_of(self, permission_set: PermissionSetName) -> tuple[Push, ...]:
        return self.pushes_in((permission_set,))

    def pushes_in(self, names: Collection[PermissionSetName]) -> tuple[Push, ...]:
        return tuple(Sieve().read(self._all(PUSHES, {"names": sorted(names)}), codec.read_push))

    def flights(self, *, within: timedelta) -> tuple[Flight, ...]:
        # The database compares the instants: one that cannot be read lies outside, on both sides of now.
        of_late = {"since": self._now - within, "until": self._now + within}
        return tuple(
            Flight(
                permission_set=PermissionSetName(row.permission_set),
                account=AccountId(row.account),
                everywhere=row.everywhere,
            )
            for row in self._all(FLIGHTS, of_late)
        )

    def save_push(self, push: Push) -> None:
        statement = insert_or_replace(self.connection.dialect.name, tables.pushes)
        self.connection.execute(statement, codec.push_values(push))

    def copies(self, permission_set: PermissionSetName) -> Copies:
        row = self._one(select(tables.copies).where(tables.copies.c.permission_set == permission_set))
        return Copies(permission_set=permission_set) if row is None else codec.read_copies(row)

    def save_copies(self, copies: Copies) -> None:
        statement = insert_or_replace(self.connection.dialect.name, tables.copies)
        self.connection.execute(statement, codec.copies_values(copies))


def _stopped(row: AnyRow) -> tuple[PermissionSetName, Failure]:
    with codec.reading("permission_sets", row.permission_set):
        return PermissionSetName(row.permission_set), codec.FAILURE.load(row.stopped)
