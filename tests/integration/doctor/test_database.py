"""What the doctor says of a database that cannot be used."""

from tests.integration.doctor.conftest import Clinic


async def test_a_database_that_does_not_answer(healthy: Clinic) -> None:
    healthy.environment = {"DATABASE_URL": "postgresql://bot@127.0.0.1:1/access"}

    told = await healthy.doctor()

    assert told.line("reachable")["status"] == "failure"
    assert told.line("caller")["status"] == "ok"
    assert told.code == 1


async def test_a_folder_that_is_not_there(healthy: Clinic) -> None:
    healthy.environment = {"DATABASE_URL": "sqlite:////no/such/folder/access.db"}

    told = await healthy.doctor()

    assert told.line("reachable")["status"] == "failure"
    assert "does not exist" in told.line("reachable")["found"]


async def test_an_older_and_a_newer_schema(healthy: Clinic) -> None:
    import sqlite3

    assert (await healthy.run("migrate")).code == 0
    said = {}
    for revision in ("0001", "9999"):
        with sqlite3.connect(healthy.folder / "access.db") as connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.close()
        told = await healthy.doctor()
        said[revision] = (told.line("schema")["status"], told.code, told.line("schema")["remedy"])

    assert said["0001"] == ("warning", 0, "workbench-access migrate")
    assert said["9999"][:2] == ("failure", 1)
