"""One open transaction: its connection, and how a row is read, added and changed under a condition."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Executable, Table, Update, bindparam, update

from bot.adapters.storage import work as work_rows
from bot.adapters.storage.codec import AnyRow, Values
from bot.adapters.storage.dialect import insert_new
from bot.domain.errors import CorruptRow
from bot.domain.request import RequestId, Unreadable, label
from bot.log import get_logger
from bot.ports.store import WorkKind

log = get_logger(__name__)

T = TypeVar("T")

WRITTEN = "written"
"""Where a connection notes that the transaction at hand has changed something."""

READS = ("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK")


def note_writes(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
    """Listens to `before_cursor_execute`; what is not known to be harmless counts as a write."""
    if not statement.startswith(READS):
        connection.info[WRITTEN] = True


def saving(table: Table) -> Update:
    """Writes a row only in the version in which it was seen."""
    unchanged = (table.c.id == bindparam("seen_id"), table.c.version == bindparam("seen_version"))
    return update(table).where(*unchanged)


class Sieve:
    """Reads rows of many requests or sets: one that cannot be read is logged and left out, and stops only its own."""

    def __init__(self) -> None:
        self.lost: dict[RequestId, Unreadable] = {}
        """The requests of such rows."""

    def read(
        self, rows: Iterable[AnyRow], read: Callable[[AnyRow], T], *, request: str = "request"
    ) -> list[T]:
        """`request` is the column that names the request; a row without it belongs to none."""
        found = []
        for row in rows:
            try:
                found.append(read(row))
            except CorruptRow as corrupt:
                self._lose(corrupt, getattr(row, request, None))
        return found

    def _lose(self, corrupt: CorruptRow, request: int | None) -> None:
        about = {"table": corrupt.table, "key": str(corrupt.key), "incident": corrupt.incident}
        if request is not None:
            number = RequestId(request)
            self.lost.setdefault(number, Unreadable(id=number, incident=corrupt.incident))
            about["request"] = label(number)
        log.error("row_corrupt", **about)


class Rows:
    """What every part of a transaction shares."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self.connection = connection
        connection.info[WRITTEN] = False
        self.poked = False
        """Whether the worker has something to look at once this is committed."""
        self._now = now

    @property
    def has_written(self) -> bool:
        """Whether anything but reading was asked for."""
        return bool(self.connection.info[WRITTEN])

    @property
    def now(self) -> datetime:
        """When the transaction started."""
        return self._now

    def _one(self, statement: Executable, values: Values | None = None) -> AnyRow | None:
        return self.connection.execute(statement, values).one_or_none()

    def _all(self, statement: Executable, values: Values | None = None) -> Sequence[AnyRow]:
        return self.connection.execute(statement, values).all()

    def _add(self, table: Table, values: Values) -> AnyRow | None:
        """The row as it is stored now; None when there was one with the same key already."""
        return self._one(insert_new(self.connection.dialect.name, table), values)

    def _change(self, statement: Executable, values: Values) -> bool:
        """Whether the row was there, in the state in which it was expected."""
        return self.connection.execute(statement, values).rowcount == 1

    def poke(self, kind: WorkKind, key: str, *, due_at: datetime | None = None) -> None:
        """A later instant never postpones an earlier one; a poke after a failure ends the back-off."""
        work_rows.poke(self.connection, kind, key, due_at or self._now)
        self.poked = True
