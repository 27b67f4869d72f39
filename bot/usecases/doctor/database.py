"""The database: there, writable, and of the schema that this version knows."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.diagnosis import About, Area, Line
from bot.ports.diagnosis import DatabaseProbe, DatabaseState
from bot.usecases.doctor.bounded import looked

_ADDRESS = "DATABASE_URL=sqlite:////data/workbench-access.db, or postgresql://…; the database has to be up"


def about(check: str) -> About:
    return About(area=Area.DATABASE, check=check)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamineDatabase:
    """Looks without changing anything, beside a serving process too."""

    probe: DatabaseProbe

    async def __call__(self) -> list[Line]:
        return await looked(about("reachable"), self._look(), remedy=_ADDRESS, silent=_ADDRESS, vital=True)

    async def _look(self) -> Sequence[Line]:
        state = await self.probe.state()
        lines = [_reachable(state), _writable(state)]
        if state.exists:
            lines.append(_schema(state))
        if state.network_file_system:
            found = (
                f"the file lies on a network file system ({state.network_file_system}), which may lose writes"
            )
            mend = "DATABASE_URL=sqlite:////… on a local disk, or PostgreSQL"
            lines.append(about("place").warning(found, mend))
        return lines


def _reachable(state: DatabaseState) -> Line:
    if state.exists:
        return about("reachable").ok(f"{state.kind} answers")
    return about("reachable").ok(f"{state.kind}: no file yet, the first start creates it")


def _writable(state: DatabaseState) -> Line:
    me = about("writable")
    if state.unwritable:
        return me.failure(
            state.unwritable, "give the bot's user the right to write the database and its folder"
        )
    if not state.exists:
        return me.ok("the folder can be written")
    return me.ok("a write was tried and undone")


def _schema(state: DatabaseState) -> Line:
    me = about("schema")
    if state.is_newer:
        found = f"revision {state.revision} is of a newer version, which this one refuses to touch"
        return me.failure(found, "start the newer version, or restore a backup from before it")
    if state.is_current:
        return me.ok(f"revision {state.revision}, the newest")
    found = (
        f"revision {state.revision or 'none'}, this version writes {state.newest}; the next start migrates it"
    )
    return me.warning(found, "workbench-access migrate")
