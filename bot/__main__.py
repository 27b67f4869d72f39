"""The command line: `workbench-access serve | sandbox | doctor | migrate`."""

import argparse
import asyncio
import os
import shutil
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from bot.adapters.storage.schema import migrate
from bot.bootstrap.doctor import diagnose
from bot.bootstrap.patience import NO_ANSWER
from bot.config import Settings, load_from_process
from bot.domain.diagnosis import Diagnosis
from bot.domain.errors import Code, Misconfigured, Unavailable
from bot.log import configure
from bot.server import serve
from bot.usecases.doctor import misconfigured
from bot.usecases.doctor.report import as_json, table

FAILED = 1
MISCONFIGURED = 2


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit code: 0 done, 1 the doctor found a failure or nobody answered, 2 misconfigured."""
    parser = argparse.ArgumentParser(prog="workbench-access", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="run the bot")
    commands.add_parser("migrate", help="bring the database's schema up to date, then exit")
    doctor = commands.add_parser("doctor", help="look at everything that the bot needs, and say what to mend")
    doctor.add_argument("--json", action="store_true", help="for scripts: docs/operations.md has the keys")
    sandbox = commands.add_parser("sandbox", help="try everything on this machine: no Slack, no AWS account")
    sandbox.add_argument("--port", type=int, default=None, help="of the page, by default 4280")
    sandbox.add_argument("--no-browser", action="store_true", help="do not open the page by itself")
    sandbox.add_argument("--story", action="store_true", help="play the story on the terminal, then stay up")
    sandbox.add_argument("--once", action="store_true", help="play the story on the terminal once and exit")
    chosen = parser.parse_args(arguments)
    try:
        match chosen.command:
            case "serve":
                asyncio.run(serve(_settings()))
            case "doctor":
                return _doctor(as_document=chosen.json)
            case "migrate":
                migrate(_settings().database_url.get_secret_value())
                print("The database is up to date.")
            case "sandbox":
                return _sandbox(chosen)
    except Misconfigured as wrong:
        print("Workbench Access cannot start:", file=sys.stderr)
        for problem in wrong.problems:
            print(f"  - {problem}", file=sys.stderr)
        return MISCONFIGURED
    except Unavailable as away:
        where = NO_ANSWER if away.code is Code.STORE_UNAVAILABLE else str(away)
        print(f"Workbench Access could not finish: {where}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130
    return 0


def _settings() -> Settings:
    settings = load_from_process()
    configure(settings.log_level, settings.log_format)
    return settings


def _doctor(*, as_document: bool) -> int:
    """What is wrong with the configuration stands in the table like everything else, all of it at once."""
    code = 0
    try:
        settings = load_from_process()
    except Misconfigured as wrong:
        found = misconfigured(wrong.problems, datetime.now(UTC))
        code = MISCONFIGURED
    else:
        # What the libraries say beside the findings belongs to standard error, and only if it is bad.
        configure("ERROR", settings.log_format)
        found = asyncio.run(diagnose(settings))
        code = 0 if found.is_healthy else FAILED
    print(as_json(found, version=_version()) if as_document else _on_terminal(found), flush=True)
    return code


def _version() -> str:
    try:
        return version("workbench-access")
    except PackageNotFoundError:  # it runs from a folder that nobody installed
        return "unknown"


def _on_terminal(found: Diagnosis) -> str:
    """Colours only where a person watches and did not say NO_COLOR (no-color.org)."""
    watched = sys.stdout.isatty()
    return table(
        found,
        width=max(80, shutil.get_terminal_size((110, 24)).columns) if watched else 110,
        colours=watched and not os.environ.get("NO_COLOR"),
        ascii_only="utf" not in (sys.stdout.encoding or "").casefold(),
    )


def _sandbox(chosen: argparse.Namespace) -> int:
    try:
        from bot.sandbox.page import main as page
        from bot.sandbox.play import play
    except ModuleNotFoundError as missing:
        raise Misconfigured(
            [f"sandbox: {missing.name} is not installed. Example: pip install 'workbench-access[sandbox]'"]
        ) from missing
    if chosen.once or chosen.story:
        return play(once=chosen.once)
    return page.show(
        port=page.DEFAULT_PORT if chosen.port is None else chosen.port, browser=not chosen.no_browser
    )


if __name__ == "__main__":
    sys.exit(main())
