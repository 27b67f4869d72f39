"""A look at the database that changes nothing and waits for nobody: for the doctor, beside a serving process."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, select, update
from sqlalchemy.exc import DBAPIError

from bot.adapters.storage import schema, tables
from bot.adapters.storage.codec import SIDS
from bot.adapters.storage.dialect import Dialect, Sqlite, dialect_for
from bot.domain.errors import Unavailable
from bot.domain.names import PermissionSetName
from bot.ports.diagnosis import DatabaseState

PATIENCE = timedelta(seconds=4)
"""A serving process holds SQLite's write lock for milliseconds at a time."""

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs"}
)
_MOUNTS = Path("/proc/self/mounts")


class DatabaseLook:
    """See `bot.ports.diagnosis.DatabaseProbe`. Opens and closes its own connection each time."""

    def __init__(self, url: str, *, patience: timedelta = PATIENCE) -> None:
        self._url = url
        self._patience = patience

    async def state(self) -> DatabaseState:
        """Raises `Misconfigured` for an address that cannot be used, `Unavailable` where nobody answers."""
        return await asyncio.to_thread(self._state)

    async def known_sids(self, permission_set: PermissionSetName) -> frozenset[str]:
        """Raises `Misconfigured` for a schema that this version cannot read, `Unavailable`."""
        return await asyncio.to_thread(self._known_sids, permission_set)

    def _state(self) -> DatabaseState:
        dialect = dialect_for(self._url, self._patience)
        if not dialect.exists():
            return self._absent(dialect)
        engine = dialect.engine()
        try:
            revision = _revision(dialect, engine)
            is_current = revision.found == revision.newest
            return DatabaseState(
                kind=_kind(dialect),
                exists=True,
                unwritable=_unwritable(dialect, engine, has_tables=is_current),
                revision=revision.found,
                newest=revision.newest,
                is_newer=revision.is_unknown,
                network_file_system=_network_file_system(dialect),
            )
        finally:
            engine.dispose()

    @staticmethod
    def _absent(dialect: Dialect) -> DatabaseState:
        """An SQLite file that nobody has made yet: looking must not make it."""
        assert isinstance(dialect, Sqlite)  # a server is always there, or away
        folder = dialect.path.parent
        can_create = os.access(folder, os.W_OK | os.X_OK)
        return DatabaseState(
            kind=_kind(dialect),
            exists=False,
            unwritable="" if can_create else f"the folder {folder} cannot be written",
            revision="",
            newest=schema.newest_revision(),
            is_newer=False,
            network_file_system=_network_file_system(dialect),
        )

    def _known_sids(self, permission_set: PermissionSetName) -> frozenset[str]:
        dialect = dialect_for(self._url, self._patience)
        if not dialect.exists():
            return frozenset()
        engine = dialect.engine()
        try:
            with schema.outages(dialect):
                schema.check(dialect, engine)
                with engine.connect() as connection:
                    wanted = tables.permission_sets.c
                    sids = connection.execute(
                        select(wanted.sids).where(wanted.permission_set == permission_set)
                    ).scalar_one_or_none()
        finally:
            engine.dispose()
        return frozenset() if sids is None else frozenset(SIDS.load(sids))


def _revision(dialect: Dialect, engine: Engine) -> schema.Revision:
    """Raises `Unavailable` with the driver's words, which name the server and never the password."""
    try:
        with schema.outages(dialect), engine.connect() as connection:
            return schema.present_revision(connection)
    except Unavailable as error:
        cause = error.__cause__
        words = str(cause.orig) if isinstance(cause, DBAPIError) else ""
        raise Unavailable(error.code, reason=words.strip().partition("\n")[0]) from error


def _kind(dialect: Dialect) -> str:
    return "SQLite" if isinstance(dialect, Sqlite) else "PostgreSQL"


def _unwritable(dialect: Dialect, engine: Engine, *, has_tables: bool) -> str:
    """Why a write fails; the write is undone."""
    if isinstance(dialect, Sqlite) and not os.access(dialect.path.parent, os.W_OK | os.X_OK):
        return f"the folder {dialect.path.parent} cannot be written, and SQLite keeps its log there"
    try:
        with engine.connect() as connection:
            _try_to_write(connection, has_tables=has_tables)
    except DBAPIError as error:
        if dialect.is_outage(error):
            return f"a write was refused ({type(error.orig).__name__})"
        raise
    return ""


def _try_to_write(connection: Connection, *, has_tables: bool) -> None:
    transaction = connection.begin()
    try:
        if has_tables:
            counter = tables.counters.c
            connection.execute(
                update(tables.counters).where(counter.name == "ping").values(value=counter.value + 1)
            )
    finally:
        transaction.rollback()


def _network_file_system(dialect: Dialect) -> str:
    """The kind of network file system below an SQLite file, "" where there is none or nobody can tell."""
    if not isinstance(dialect, Sqlite):
        return ""
    try:
        mounts = [line.split(" ")[1:3] for line in _MOUNTS.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return ""
    folder = dialect.path.parent.resolve()
    around = [
        (point, kind)
        for point, kind in (mount for mount in mounts if len(mount) == 2)
        if folder.is_relative_to(Path(point.replace("\\040", " ")))
    ]
    _, kind = max(around, key=lambda mount: len(mount[0]), default=("", ""))
    return kind if kind in NETWORK_FILE_SYSTEMS else ""
