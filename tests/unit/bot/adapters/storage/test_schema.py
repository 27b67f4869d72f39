"""Migrations, and what a database must be like before it is used."""

from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, DateTime, Integer, MetaData, Table, create_engine, inspect, make_url, text
from sqlalchemy.types import TypeEngine

from bot.adapters.storage import tables
from bot.adapters.storage.schema import migrate
from bot.adapters.storage.store import SqlStore
from bot.adapters.storage.tables import metadata
from bot.domain.errors import Misconfigured
from tests.fakes.clock import NOON, FakeClock
from tests.unit.bot.adapters.storage.samples import add_request


def engine_url(url: str) -> str:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed.render_as_string(hide_password=False)


def test_migrations_lead_to_exactly_the_tables_that_the_code_uses(url: str) -> None:
    migrate(url)

    engine = create_engine(engine_url(url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)
    engine.dispose()
    assert differences == []


def test_a_database_of_the_first_schema_keeps_its_audit_and_gets_what_came_later(url: str) -> None:
    engine = create_engine(engine_url(url))
    with engine.begin() as connection:
        upgrade_to(connection, "0001")
        before = set(inspect(connection).get_table_names())
        known = MetaData()
        known.reflect(connection, only=["requests", "audit"])
        for name in ("requests", "audit"):
            connection.execute(known.tables[name].insert().values(any_row(known.tables[name])))

    migrate(url)

    with engine.connect() as connection:
        told = connection.execute(text("SELECT request, event FROM audit")).all()
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert not before & {"proofs", "challenges", "copies"}
    assert [tuple(row) for row in told] == [(1, "x")]
    assert differences == []


async def test_a_replica_of_the_version_before_goes_on_writing_messages_and_sets(
    url: str, clock: FakeClock
) -> None:
    engine = create_engine(engine_url(url))
    with engine.begin() as connection:
        upgrade_to(connection, "0002")
        before = MetaData()
        before.reflect(connection, only=["messages", "permission_sets"])
    migrate(url)

    with engine.begin() as connection:
        message = any_row(before.tables["messages"]) | {"kind": "card"}
        connection.execute(before.tables["messages"].insert().values(message))
        of_theirs = any_row(before.tables["permission_sets"])
        connection.execute(before.tables["permission_sets"].insert().values(of_theirs))
        ours = tables.permission_sets.insert().values(permission_set="ours", version=1, sids="[]")
        connection.execute(ours)
        read_by_theirs = connection.execute(text("SELECT permission_set, waiting FROM permission_sets")).all()
    engine.dispose()
    store = SqlStore(url, clock=clock)
    await store.open()
    owed = await store.run(lambda tx: tx.message("x"))
    await store.close()

    assert owed is not None
    assert (owed.turn_at, owed.queue, owed.repetition, owed.by_dm) == (None, None, False, False)
    assert {tuple(row) for row in read_by_theirs} == {("x", "x"), ("ours", "[]")}


def upgrade_to(connection: Connection, revision: str) -> None:
    """The schema of an older version."""
    config = Config()
    config.set_main_option("script_location", "bot.adapters.storage:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def any_row(table: Table) -> dict[str, object]:
    """A value for whatever has to have one."""
    needed = [column for column in table.columns if not column.nullable]
    return {column.name: any_value(column.type) for column in needed} | {
        name: 1 for name in ("id", "request") if name in table.columns
    }


def any_value(kind: TypeEngine[Any]) -> object:
    match kind:
        case Integer():
            return 1
        case DateTime():
            return NOON
        case _:
            return "x"


async def test_migrating_again_beside_a_serving_process_changes_nothing(url: str, store: SqlStore) -> None:
    await store.run(add_request)

    migrate(url)

    assert len(await store.run(lambda tx: tx.pending_requests(at_most=10))) == 1


async def test_a_schema_of_a_newer_version_is_refused(url: str, clock: FakeClock) -> None:
    migrate(url)
    engine = create_engine(engine_url(url))
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(Misconfigured) as serving:
        await SqlStore(url, clock=clock).open()
    with pytest.raises(Misconfigured) as looking:
        await SqlStore(url, clock=clock).open(serving=False)

    assert "9999" in serving.value.problems[0]
    assert serving.value.problems == looking.value.problems


async def test_a_database_that_was_never_migrated_is_only_prepared_for_serving(
    url: str, clock: FakeClock
) -> None:
    with pytest.raises(Misconfigured) as caught:
        await SqlStore(url, clock=clock).open(serving=False)

    assert "workbench-access migrate" in caught.value.problems[0]


async def test_looking_at_a_database_that_is_not_there_does_not_create_one(
    tmp_path: Path, clock: FakeClock
) -> None:
    database = tmp_path / "none.db"

    with pytest.raises(Misconfigured):
        await SqlStore(f"sqlite:///{database}", clock=clock).open(serving=False)

    assert not database.exists()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:////nowhere/at/all/store.db",
        "mysql://root:s3cret@localhost/db",
        "postgresql+asyncpg://root:s3cret@localhost/db",
        "not a url, but s3cret",
        "",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_showing_its_password(
    url: str, clock: FakeClock
) -> None:
    with pytest.raises(Misconfigured) as caught:
        SqlStore(url, clock=clock)

    assert "DATABASE_URL" in caught.value.problems[0]
    assert "s3cret" not in str(caught.value)


def test_migrations_are_importable_packages_so_that_they_ship() -> None:
    versions = resources.files("bot.adapters.storage.migrations.versions")

    assert versions.joinpath("0001_initial.py").is_file()
    assert versions.joinpath("__init__.py").is_file()
