"""The bot as `workbench-access serve` runs it, but for a clock that the sandbox can move.

    python -m bot.sandbox.page.bot_process CLOCK_FILE

Says "ready" on standard output once it listens. It ends on SIGTERM, and when its standard input ends, so that it
does not outlive a sandbox that was killed.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from bot.config import Settings, load_from_process
from bot.domain.errors import Misconfigured
from bot.log import configure
from bot.sandbox.clock import SharedClock
from bot.server import serving

READY: Final = b"ready\n"
MISCONFIGURED: Final = 2


def main(arguments: list[str]) -> int:
    """Serve until told to stop; 2 when something is wrong with the settings."""
    (clock,) = arguments
    try:
        settings = load_from_process()
        configure(settings.log_level, settings.log_format)
        asyncio.run(_serve(settings, SharedClock(Path(clock))))
    except Misconfigured as wrong:
        sys.stderr.write("The bot cannot start: " + "; ".join(wrong.problems) + "\n")
        return MISCONFIGURED
    return 0


async def _serve(settings: Settings, clock: SharedClock) -> None:
    stop, ready = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    other_end = sys.stdin.fileno()

    def alone() -> None:
        # It stays readable for ever.
        loop.remove_reader(other_end)
        stop.set()

    async def listen() -> None:
        async with serving(settings, clock=clock):
            ready.set()
            os.write(sys.stdout.fileno(), READY)
            await stop.wait()

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    # Nobody ever writes there: it becomes readable when the other end is closed.
    loop.add_reader(other_end, alone)
    listening, stopping = asyncio.create_task(listen()), asyncio.create_task(stop.wait())
    await asyncio.wait({listening, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not ready.is_set():
        # Whoever is still starting may wait for Slack or AWS for a minute.
        listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
