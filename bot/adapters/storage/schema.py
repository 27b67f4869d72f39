"""Brings a database to the schema that this version knows, and refuses one that it does not know."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from bot.adapters.storage.dialect import Dialect, dialect_for
from bot.domain.errors import Code, Misconfigured, Unavailable

PATIENCE = timedelta(seconds=5)


def migrate(url: str, *, patience: timedelta = PATIENCE) -> None:
    """Migrate the database, beside a serving process if need be.

    Raises `Misconfigured` for a schema of a newer version and `Unavailable` when nobody answers.
    """
    dialect = dialect_for(url, patience)
    engine = dialect.engine()
    try:
        with outages(dialect):
            upgrade(dialect, engine)
    finally:
        engine.dispose()


def upgrade(dialect: Dialect, engine: Engine) -> None:
    """One transaction, under a lock: of two that start at once the second finds everything done."""
    config = _config()
    with engine.begin() as connection:
        dialect.lock_schema(connection)
        if _is_current(connection, config):
            return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def check(dialect: Dialect, engine: Engine) -> None:
    """Raises `Misconfigured` unless the schema is exactly the one that this version writes."""
    if dialect.exists():
        with engine.connect() as connection:
            if _is_current(connection, _config()):
                return
    raise Misconfigured(["The database is not prepared for this version; run `workbench-access migrate`."])


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """The schema that a database has, and the one that this version writes."""

    found: str
    """"" for none."""
    newest: str
    is_unknown: bool
    """Whether a newer version has migrated it."""


def present_revision(connection: Connection) -> Revision:
    """For whoever only looks."""
    script = ScriptDirectory.from_config(_config())
    known = {revision.revision for revision in script.walk_revisions()}
    found = set(MigrationContext.configure(connection).get_current_heads())
    return Revision(found=", ".join(sorted(found)), newest=newest_revision(), is_unknown=not found <= known)


def newest_revision() -> str:
    """The revision that this version writes."""
    return ", ".join(ScriptDirectory.from_config(_config()).get_heads())


@contextmanager
def outages(dialect: Dialect) -> Iterator[None]:
    """Turn the driver's word for "not there" into ours."""
    try:
        yield
    except DBAPIError as exc:
        if dialect.is_outage(exc):
            raise Unavailable(Code.STORE_UNAVAILABLE) from exc
        raise


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "bot.adapters.storage:migrations")
    config.set_main_option("path_separator", "os")
    return config


def _is_current(connection: Connection, config: Config) -> bool:
    script = ScriptDirectory.from_config(config)
    known = {revision.revision for revision in script.walk_revisions()}
    found = set(MigrationContext.configure(connection).get_current_heads())
    unknown = sorted(found - known)
    if unknown:
        problem = (
            f"The database has schema revision {', '.join(unknown)}, which this version does not know: a "
            "newer version has migrated it. Start that version, or restore a backup from before."
        )
        raise Misconfigured([problem])
    return found == set(script.get_heads())
