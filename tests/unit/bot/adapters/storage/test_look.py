"""A look at the database changes nothing, waits for nobody, and says what an operator would find out later."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.adapters.storage import look as module
from bot.adapters.storage.look import DatabaseLook
from bot.adapters.storage.schema import migrate
from bot.adapters.storage.store import SqlStore
from bot.domain.errors import Misconfigured, Unavailable
from bot.domain.names import PermissionSetName
from tests.fakes.clock import FakeClock

DATA_SCIENTIST = PermissionSetName("DataScientist")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'access.db'}"


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def prepared(url: str) -> str:
    migrate(url)
    return url


@pytest.fixture
def connection(prepared: str) -> Iterator[sqlite3.Connection]:
    made = sqlite3.connect(prepared.removeprefix("sqlite:///"), isolation_level=None)
    yield made
    made.close()


async def test_a_database_that_is_not_there_yet_is_not_made(url: str, tmp_path: Path) -> None:
    state = await DatabaseLook(url).state()

    assert (state.exists, state.unwritable, state.revision) == (False, "", "")
    assert await DatabaseLook(url).known_sids(DATA_SCIENTIST) == frozenset()
    assert names_in(tmp_path) == []


async def test_a_prepared_database_is_writable_and_current(prepared: str) -> None:
    state = await DatabaseLook(prepared).state()

    assert state.is_current
    assert not state.is_newer
    assert state.unwritable == ""


async def test_it_looks_beside_a_serving_process_and_leaves_no_trace(
    prepared: str, connection: sqlite3.Connection
) -> None:
    store = SqlStore(prepared, clock=FakeClock())
    await store.open(serving=True)
    before = list(connection.execute("SELECT * FROM counters ORDER BY name"))
    try:
        state = await DatabaseLook(prepared).state()
    finally:
        await store.close()

    assert state.unwritable == ""
    assert list(connection.execute("SELECT * FROM counters ORDER BY name")) == before


async def test_a_database_that_somebody_holds_is_said_to_be_so(
    prepared: str, connection: sqlite3.Connection
) -> None:
    connection.execute("BEGIN IMMEDIATE")

    with pytest.raises(Unavailable):
        await DatabaseLook(prepared, patience=timedelta(milliseconds=50)).state()


async def test_a_file_that_is_no_database(url: str, tmp_path: Path) -> None:
    (tmp_path / "access.db").write_bytes(b"not a database at all, but long enough to be one" * 100)

    with pytest.raises(Unavailable) as said:
        await DatabaseLook(url).state()

    assert said.value.facts["reason"] == "file is not a database"


async def test_a_schema_of_a_newer_version(prepared: str, connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE alembic_version SET version_num = '9999'")

    state = await DatabaseLook(prepared).state()

    assert (state.is_newer, state.is_current, state.revision) == (True, False, "9999")
    with pytest.raises(Misconfigured):
        await DatabaseLook(prepared).known_sids(DATA_SCIENTIST)


async def test_the_sids_that_this_database_has_written(prepared: str, connection: sqlite3.Connection) -> None:
    connection.execute(
        "INSERT INTO permission_sets (permission_set, version, sids, waiting) VALUES (?, 1, ?, '[]')",
        (DATA_SCIENTIST, '["WorkbenchAccess1", "WorkbenchAccess2"]'),
    )

    known = await DatabaseLook(prepared).known_sids(DATA_SCIENTIST)

    assert known == {"WorkbenchAccess1", "WorkbenchAccess2"}


@pytest.mark.parametrize(("kind", "said"), [("nfs4", "nfs4"), ("ext4", "")])
async def test_a_network_file_system_is_named(
    prepared: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, said: str
) -> None:
    monkeypatch.setattr(module, "_MOUNTS", mounts_with(tmp_path, kind))

    assert (await DatabaseLook(prepared).state()).network_file_system == said


def mounts_with(folder: Path, kind: str) -> Path:
    """As Linux lists what is mounted: this folder is on a file system of that kind."""
    mounts = folder / "mounts"
    mounts.write_text(
        f"/dev/sda / ext4 rw 0 0\nserver:/x {folder.resolve()} {kind} rw 0 0\n", encoding="utf-8"
    )
    return mounts


async def test_an_address_that_is_none_never_shows_its_password() -> None:
    with pytest.raises(Misconfigured) as wrong:
        await DatabaseLook("mysql://bot:hunter2hunter2@db/access").state()

    assert "hunter2hunter2" not in str(wrong.value)
