"""The database seen from outside: read for evidence, and taken away for a while."""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, make_url, select, text
from sqlalchemy.exc import DBAPIError

from bot.adapters.storage import codec, tables
from bot.domain.grant import Grant
from bot.domain.messages import AuditEntry, Click, OwedMessage
from bot.domain.request import AccessRequest
from tests.chaos.standing import Standing, standing

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Everything that the database holds, of one instant."""

    requests: tuple[AccessRequest, ...]
    grants: tuple[Grant, ...]
    clicks: tuple[Click, ...]
    messages: tuple[OwedMessage, ...]
    outcomes: tuple[tuple[int, int, datetime], ...]
    """(request, number, when)."""
    audit: tuple[AuditEntry, ...]


class Database:
    """One database of one run."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self._path = Path(str(parsed.database))
            self._engine: Engine = create_engine(
                f"sqlite:///file:{self._path}?mode=ro&uri=true", connect_args={"timeout": 15}
            )
        else:
            # A name of its own: `hang_up` must not cut the line that the evidence is read on.
            mine = parsed.set(drivername="postgresql+psycopg").update_query_dict(
                {"application_name": "judge"}
            )
            self._engine = create_engine(mine, pool_pre_ping=True)

    def close(self) -> None:
        self._engine.dispose()

    async def read(self) -> Record:
        """Everything, in one read transaction."""
        return await asyncio.to_thread(self._read, _record)

    async def standing(self, now: datetime) -> Standing:
        """How far the bots are; costs little, however much they have done."""
        return await asyncio.to_thread(self._read, lambda connection: standing(connection, now))

    def _read(self, what: Callable[[Connection], T]) -> T:
        with self._engine.connect().execution_options(**self._isolation()) as connection:
            if self.is_sqlite:
                # The driver begins only before it writes: each SELECT would see another instant.
                connection.exec_driver_sql("BEGIN")
            return what(connection)

    def _isolation(self) -> dict[str, str]:
        return {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}

    async def lock(self, seconds: float) -> None:
        """Nobody can write, and on PostgreSQL nobody can even claim work, for so long."""
        await asyncio.to_thread(self._lock, seconds)

    def _lock(self, seconds: float) -> None:
        # A bot that starts at this moment may hold it itself: then there is no outage this time.
        with suppress(DBAPIError):
            if self.is_sqlite:
                self._lock_file(seconds)
            else:
                with self._engine.begin() as connection:
                    connection.execute(text("SET LOCAL lock_timeout = '2s'"))
                    connection.execute(text("LOCK TABLE work, requests, messages IN ACCESS EXCLUSIVE MODE"))
                    time.sleep(seconds)

    def _lock_file(self, seconds: float) -> None:
        engine = create_engine(
            f"sqlite:///{self._path}", isolation_level="AUTOCOMMIT", connect_args={"timeout": 2}
        )
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            time.sleep(seconds)
            connection.exec_driver_sql("ROLLBACK")
        engine.dispose()

    async def hang_up(self) -> None:
        """Every connection of the bots breaks; on SQLite there are none that could."""
        if not self.is_sqlite:
            await asyncio.to_thread(self._hang_up)

    def _hang_up(self) -> None:
        with self._engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = :name AND pid <> pg_backend_pid()"
                ),
                {"name": make_url(self.url).query["application_name"]},
            )


def _record(connection: Connection) -> Record:
    def every(table: object, order: object) -> list[codec.AnyRow]:
        return list(connection.execute(select(table).order_by(order)).all())  # type: ignore[call-overload]

    approvals: dict[int, list[object]] = {}
    for row in every(tables.approvals, tables.approvals.c.id):
        approvals.setdefault(row.request, []).append(codec.read_approval(row))
    return Record(
        requests=tuple(
            codec.read_request(row, tuple(approvals.get(row.id, ())))  # type: ignore[arg-type]
            for row in every(tables.requests, tables.requests.c.id)
        ),
        grants=tuple(codec.read_grant(row) for row in every(tables.grants, tables.grants.c.id)),
        clicks=tuple(codec.read_click(row) for row in every(tables.clicks, tables.clicks.c.id)),
        messages=tuple(codec.read_message(row) for row in every(tables.messages, tables.messages.c.key)),
        outcomes=tuple(
            (row.request, row.number, codec.instant(row.at))
            for row in every(tables.outcomes, tables.outcomes.c.request)
        ),
        audit=tuple(codec.read_audit(row) for row in every(tables.audit, tables.audit.c.id)),
    )


@contextmanager
def a_schema(server: str) -> Iterator[str]:
    """A schema of its own on this server, as a database URL; gone afterwards."""
    name = f"chaos_{secrets.token_hex(6)}"
    engine = create_engine(
        make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    try:
        url = make_url(server).set(drivername="postgresql")
        named = {"options": f"-csearch_path={name}", "application_name": name}
        yield url.update_query_dict(named).render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(text(f"DROP SCHEMA {name} CASCADE"))
        engine.dispose()
