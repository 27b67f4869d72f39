"""The command line: `workbench-access serve | sandbox | migrate`."""

import argparse
import asyncio
import sys

from bot.adapters.storage.schema import migrate
from bot.config import Settings, load_from_process
from bot.domain.errors import Misconfigured
from bot.log import configure
from bot.server import serve

MISCONFIGURED = 2


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 2 misconfigured."""
    parser = argparse.ArgumentParser(prog="workbench-access", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="run the bot")
    commands.add_parser("migrate", help="bring the database's schema up to date, then exit")
    sandbox = commands.add_parser("sandbox", help="try everything on this machine: no Slack, no AWS account")
    sandbox.add_argument("--once", action="store_true", help="play the story once and exit")
    chosen = parser.parse_args(arguments)
    try:
        match chosen.command:
            case "serve":
                asyncio.run(serve(_settings()))
            case "migrate":
                migrate(_settings().database_url.get_secret_value())
                print("The database is up to date.")
            case "sandbox":
                return _sandbox(once=chosen.once)
    except Misconfigured as wrong:
        print("Workbench Access cannot start:", file=sys.stderr)
        for problem in wrong.problems:
            print(f"  - {problem}", file=sys.stderr)
        return MISCONFIGURED
    except KeyboardInterrupt:
        return 130
    return 0


def _settings() -> Settings:
    settings = load_from_process()
    configure(settings.log_level, settings.log_format)
    return settings


def _sandbox(*, once: bool) -> int:
    try:
        from bot.sandbox.play import play
    except ModuleNotFoundError as missing:
        raise Misconfigured(
            [f"sandbox: {missing.name} is not installed. Example: pip install 'workbench-access[sandbox]'"]
        ) from missing
    return play(once=once)


if __name__ == "__main__":
    sys.exit(main())
