"""Every contract test runs on SQLite, and on PostgreSQL where WORKBENCH_ACCESS_TEST_POSTGRES has a URL."""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from bot.adapters.storage.store import SqlStore
from tests.fakes.clock import FakeClock

POSTGRES = "WORKBENCH_ACCESS_TEST_POSTGRES"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of its own for each test."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'store.db'}"
        return
    server = os.environ.get(POSTGRES)
    if not server:
        pytest.skip(f"{POSTGRES} names no server")
    schema = f"test_{secrets.token_hex(6)}"
    plain = make_url(server).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        yield (
            make_url(server)
            .update_query_dict({"options": f"-csearch_path={schema}", "application_name": schema})
            .render_as_string(hide_password=False)
        )
        connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def pokes() -> list[str]:
    """Grows by one whenever the store wakes the worker."""
    return []


@pytest.fixture
async def store(url: str, clock: FakeClock, pokes: list[str]) -> AsyncIterator[SqlStore]:
    store = SqlStore(url, clock=clock, on_poke=lambda: pokes.append("poked"))
    await store.open()
    yield store
    await store.close()
