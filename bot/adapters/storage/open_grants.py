"""What has not ended in one permission set, as far as it can be read: one bad row never stops the whole set."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import bindparam, select

from bot.adapters.storage import codec, tables
from bot.adapters.storage.codec import AnyRow
from bot.adapters.storage.requests import RequestRows
from bot.adapters.storage.rows import Sieve
from bot.domain.errors import CorruptRow
from bot.domain.grant import Grant, GrantStatus, OpenGrants
from bot.domain.names import PermissionSetName
from bot.domain.statements import Want

_open = tables.grants.alias()
OPEN_AND_THEIRS = (
    select(tables.grants)
    .where(
        tables.grants.c.request.in_(
            # Not `status in …`: a status of a newer version must be noticed, not overlooked.
            select(_open.c.request).where(
                _open.c.permission_set == bindparam("name"), _open.c.status != GrantStatus.ENDED
            )
        )
    )
    .order_by(tables.grants.c.id)
)
"""All grants of the requests of which one has not ended: whoever moves one reads the others."""

REQUESTS = select(tables.requests).where(tables.requests.c.id.in_(bindparam("requests", expanding=True)))

MANY = 10_000
"""Requests in one statement: SQLite takes at most 32,766 parameters."""


class OpenGrantRows(RequestRows):
    """What a round is made of."""

    def open_grants(self, permission_set: PermissionSetName) -> OpenGrants:
        sieve = Sieve()
        rows = self._all(OPEN_AND_THEIRS, {"name": permission_set})
        read = sieve.read(rows, _grant)
        grants = [g for g in read if g.permission_set == permission_set and g.status is not GrantStatus.ENDED]
        astir = sorted({grant.request for grant in grants if _is_astir(grant, self._now)} - sieve.lost.keys())
        for start in range(0, len(astir), MANY):
            self._readable(self._all(REQUESTS, {"requests": astir[start : start + MANY]}), sieve)
        broken = frozenset(sieve.lost)
        return OpenGrants(
            grants=tuple(grant for grant in grants if grant.request not in broken),
            broken=broken,
            kept=_kept(row for row in rows if row.request in broken and row.permission_set == permission_set),
        )

    def grants_in(
        self, permission_set: PermissionSetName, statuses: Collection[GrantStatus]
    ) -> tuple[Grant, ...]:
        return tuple(each for each in self.open_grants(permission_set).grants if each.status in statuses)


def _grant(row: AnyRow) -> Grant:
    """Raises `CorruptRow` as well for what cannot be written down as a statement: it would stop the round."""
    grant = codec.read_grant(row)
    if grant.status is not GrantStatus.ENDED:
        codec.read_want(row)
    return grant


def _is_astir(grant: Grant, now: datetime) -> bool:
    """Whether a pass may move it, for which it reads the request too; most grants are active and left alone."""
    return grant.status is not GrantStatus.ACTIVE or (grant.ends_at is not None and grant.ends_at <= now)


def _kept(rows: Iterable[AnyRow]) -> frozenset[Want] | None:
    """What stands in the policy for these, if it does; None where that cannot be read."""
    try:
        return frozenset(
            codec.read_want(row) for row in rows if row.written and row.status != GrantStatus.ENDED
        )
    except CorruptRow:
        return None
