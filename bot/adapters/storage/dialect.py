"""Everything in which SQLite and PostgreSQL differ, and the column types that hide it from the rest."""

import fcntl
import os
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    DateTime,
    Engine,
    Insert,
    Table,
    Text,
    create_engine,
    event,
    make_url,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.engine.interfaces import Dialect as Driver
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.types import TypeDecorator, TypeEngine

from bot.domain.errors import Misconfigured


def storable(value: str) -> str:
    """The text as both databases can keep it.

    PostgreSQL has no NUL in text and neither database takes half a surrogate pair; both become U+FFFD, so
    that no payload, however strange, can make a transaction fail.
    """
    plain = str(value)
    if not plain.isascii():
        try:
            plain.encode()
        except UnicodeEncodeError:
            plain = plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return plain.replace("\0", "\ufffd")


class CleanText(TypeDecorator[str]):
    """Text of any length; enums are stored by their value."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Driver) -> str | None:
        return None if value is None else storable(value)


class Instant(TypeDecorator[datetime]):
    """An aware instant, to the microsecond, that sorts by time.

    PostgreSQL has a type for it; on SQLite it is text in UTC of one fixed width. What comes back is raw:
    `codec.instant` reads it.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Driver) -> TypeEngine[Any]:
        return dialect.type_descriptor(DateTime(timezone=True) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: datetime | None, dialect: Driver) -> datetime | str | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant without a time zone")
        at = value.astimezone(UTC)
        return at if dialect.name == "postgresql" else at.isoformat(timespec="microseconds")


# Building a statement costs more than running it on SQLite, hence the caches: here and wherever a statement
# is run for every click, it is built once and given its values as parameters.


def insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """INSERT that can say ON CONFLICT, in the dialect of a connection (`connection.dialect.name`)."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


@cache
def insert_new(dialect: str, table: Table) -> ReturningInsert[*tuple[Any, ...]]:
    """INSERT that returns the row, or nothing where one with the same key is there already."""
    return insert(dialect, table).on_conflict_do_nothing().returning(table)


@cache
def insert_or_replace(dialect: str, table: Table) -> Insert:
    """INSERT that overwrites the row with the same primary key."""
    row = insert(dialect, table)
    values = {column.name: row.excluded[column.name] for column in table.c if not column.primary_key}
    return row.on_conflict_do_update(index_elements=table.primary_key.columns, set_=values)


class Dialect(ABC):
    """One kind of database: how to reach it, how to share it, and what its errors mean."""

    threads: int
    """How many transactions run at once."""
    threads_ahead: int
    """How many of them are kept for those whom somebody waits for."""
    batch: int
    """How many waiting transactions share one commit."""
    one_process: bool
    """Whether only one process may serve."""

    def __init__(self, url: URL, patience: timedelta) -> None:
        self.url = url
        self.patience = patience

    @abstractmethod
    def engine(self) -> Engine: ...

    @abstractmethod
    def exists(self) -> bool:
        """Whether there is something to connect to; a look must not create a database."""

    @abstractmethod
    def problems(self) -> list[str]:
        """What an operator has to mend before the database can be used."""

    @abstractmethod
    def lock_schema(self, connection: Connection) -> None:
        """Keep other migrations out until the end of this transaction."""

    @abstractmethod
    def serve_alone(self) -> AbstractContextManager[None]:
        """A context in which no other process may serve, where only one can; raises `Misconfigured`."""

    @abstractmethod
    def is_outage(self, error: DBAPIError) -> bool:
        """The database is away, locked, full, broken or read-only, as opposed to: we asked nonsense."""

    @abstractmethod
    def is_worth_rerunning(self, error: DBAPIError) -> bool:
        """The transaction lost against another one and may win when it is run again."""


class Sqlite(Dialect):
    """A file, one process, one writing connection: a fair queue without upgrade deadlocks."""

    threads = 1
    threads_ahead = 0
    batch = 64
    one_process = True

    OUTAGES = frozenset(
        {
            sqlite3.SQLITE_BUSY,
            sqlite3.SQLITE_LOCKED,
            sqlite3.SQLITE_READONLY,
            sqlite3.SQLITE_IOERR,
            sqlite3.SQLITE_CORRUPT,
            sqlite3.SQLITE_FULL,
            sqlite3.SQLITE_CANTOPEN,
            sqlite3.SQLITE_PROTOCOL,
            sqlite3.SQLITE_NOTADB,
            sqlite3.SQLITE_NOMEM,
        }
    )

    @property
    def path(self) -> Path:
        return Path(str(self.url.database).removeprefix("file:"))

    def engine(self) -> Engine:
        engine = create_engine(
            self.url,
            hide_parameters=True,  # an error must not carry a person's reason into the log
            pool_size=1,
            max_overflow=0,
            connect_args={"timeout": self.patience.total_seconds(), "check_same_thread": False},
        )
        event.listen(engine, "connect", self._prepare)
        event.listen(engine, "begin", self._begin)
        return engine

    @staticmethod
    def _prepare(connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        cursor = connection.cursor()
        # A commit that was reported must survive a power cut: FULL also syncs the log at every commit.
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @staticmethod
    def _begin(connection: Connection) -> None:
        # Taking the write lock at once waits for it; upgrading from a read would fail instead.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def exists(self) -> bool:
        return self.path.exists()

    def problems(self) -> list[str]:
        if self.url.database in {None, "", ":memory:"}:
            return ["DATABASE_URL names no file: an SQLite database in memory would forget every grant."]
        if not self.path.parent.is_dir():
            return [f"DATABASE_URL: the directory {self.path.parent} of the SQLite database does not exist."]
        return []

    def lock_schema(self, connection: Connection) -> None:
        """BEGIN IMMEDIATE has done it."""

    @contextmanager
    def serve_alone(self) -> Iterator[None]:
        """Hold a lock on a file beside the database; the kernel gives it back however the process ends."""
        lock = self.path.with_name(self.path.name + ".lock")
        try:
            handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise Misconfigured([f"The lock file {lock} cannot be opened: {exc.strerror}."]) from exc
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as exc:
                holder = os.pread(handle, 20, 0).decode(errors="replace").strip() or "unknown"
                problem = (
                    f"Another process (pid {holder}) already serves {self.path}. One process serves an "
                    "SQLite database; use PostgreSQL to run several."
                )
                raise Misconfigured([problem]) from exc
            os.truncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(handle)

    def is_outage(self, error: DBAPIError) -> bool:
        # Extended codes carry their primary one in the low byte (sqlite.org/rescode.html).
        code = getattr(error.orig, "sqlite_errorcode", 0)
        return error.connection_invalidated or (code & 0xFF) in self.OUTAGES

    def is_worth_rerunning(self, error: DBAPIError) -> bool:
        return False


class Postgres(Dialect):
    """A server that several replicas share."""

    threads = 8
    threads_ahead = 2
    batch = 16
    one_process = False

    IDLE_SECONDS = 1.0

    SCHEMA_LOCK = 0x57424143
    """"WBAC"; any number that every version of this program agrees on."""

    OUTAGES = ("08", "25006", "53", "55P03", "57", "58", "XX")
    """Connection, read-only, resources, lock timeout, operator intervention, system, internal."""

    def engine(self) -> Engine:
        seconds = max(1, round(self.patience.total_seconds()))
        limits: dict[str, Any] = {
            "application_name": "workbench-access",
            "connect_timeout": seconds,
            "tcp_user_timeout": seconds * 1000,
            "keepalives_idle": seconds,
            # Server-side prepared statements break behind a transaction pooler.
            "prepare_threshold": None,
        }
        engine = create_engine(
            self.url,
            hide_parameters=True,
            pool_size=self.threads,
            max_overflow=0,
            pool_timeout=seconds,
            isolation_level="READ COMMITTED",
            connect_args={name: value for name, value in limits.items() if name not in self.url.query},
        )
        event.listen(engine, "connect", self._prepare)
        event.listen(engine, "checkin", self._note_use)
        event.listen(engine, "checkout", self._look_at_idle)
        return engine

    @staticmethod
    def _note_use(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["used_at"] = monotonic()

    @staticmethod
    def _look_at_idle(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        """A connection that nobody has used for a while may be gone; asking each time costs a round trip.

        SQLAlchemy then opens another one in its place. One that is lost in between is noticed by its first
        statement, and the transaction is run again on another one (`runner.py`).
        """
        if monotonic() - record.info.get("used_at", 0.0) < Postgres.IDLE_SECONDS:
            return
        try:
            cursor = connection.cursor()
            cursor.execute("SELECT 1")
            cursor.close()
            connection.rollback()
        except Exception as gone:
            raise DisconnectionError from gone

    def _prepare(self, connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        patience = round(self.patience.total_seconds() * 1000)
        cursor.execute(f"SET statement_timeout = {patience}")
        # A replica that is paused, or lost without a word, must not keep the others from its rows.
        cursor.execute(f"SET idle_in_transaction_session_timeout = {patience}")
        cursor.close()
        connection.commit()

    def exists(self) -> bool:
        return True

    def problems(self) -> list[str]:
        if find_spec("psycopg") is None:
            return ["DATABASE_URL: PostgreSQL needs psycopg; install `workbench-access[postgres]`."]
        return []

    def lock_schema(self, connection: Connection) -> None:
        # Another replica may take longer over its migration than one statement usually may.
        connection.execute(text("SET LOCAL statement_timeout = '60s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": self.SCHEMA_LOCK})
        connection.execute(text("SET LOCAL statement_timeout = 0"))

    @contextmanager
    def serve_alone(self) -> Iterator[None]:
        """Replicas are welcome."""
        yield

    @staticmethod
    def _state(error: DBAPIError) -> str:
        return getattr(error.orig, "sqlstate", None) or ""

    def is_outage(self, error: DBAPIError) -> bool:
        state = self._state(error)
        # Without a state it never reached the server, or lost it on the way.
        lost = not state and isinstance(error, OperationalError)
        return error.connection_invalidated or lost or state.startswith(self.OUTAGES)

    def is_worth_rerunning(self, error: DBAPIError) -> bool:
        return self._state(error) in {"40001", "40P01"}


def dialect_for(url: str, patience: timedelta) -> Dialect:
    """The database that a `DATABASE_URL` means; raises `Misconfigured`, never showing the password."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _checked(Sqlite(parsed, patience))
        if parsed.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
            return _checked(Postgres(parsed.set(drivername="postgresql+psycopg"), patience))
    except (ArgumentError, ValueError) as exc:
        raise Misconfigured(["DATABASE_URL is not a database URL."]) from exc
    raise Misconfigured([f"DATABASE_URL: {parsed.drivername} is neither sqlite nor postgresql."])


def _checked(dialect: Dialect) -> Dialect:
    problems = dialect.problems()
    if problems:
        raise Misconfigured(problems)
    return dialect
