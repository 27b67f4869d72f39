"""`workbench-access sandbox`: opens the page, and keeps everything up until Ctrl-C."""

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
import webbrowser
from pathlib import Path
from typing import Final

from bot.log import configure
from bot.sandbox.page.page import Page
from bot.sandbox.page.server import DEFAULT_PORT, bound, listening
from bot.sandbox.play import clean_environment, refuse_what_is_real

__all__ = ["DEFAULT_PORT", "show"]

OWN_LOG: Final = "sandbox.log"


def show(*, port: int = DEFAULT_PORT, browser: bool = True) -> int:
    """Serve the page until SIGINT or SIGTERM. Raises `Misconfigured`, before anything is started."""
    refuse_what_is_real(os.environ)
    at = bound(port)
    folder = Path(tempfile.mkdtemp(prefix="workbench-access-sandbox-"))
    try:
        with (folder / OWN_LOG).open("w", encoding="utf-8") as lines, clean_environment({}):
            configure("INFO", "text", lines)
            asyncio.run(_show(folder, at, browser=browser and has_desktop()))
    except BaseException:
        sys.stderr.write(f"\nThe logs: {folder}\n")
        raise
    shutil.rmtree(folder, ignore_errors=True)
    return 0


async def _show(folder: Path, at: socket.socket, *, browser: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    async with Page.open(folder) as page, listening(page, at) as address:
        _say(
            f"The sandbox is at {address}\n"
            "A chat workspace, an AWS organisation and the real bot, on this machine and nowhere else.\n"
            f"The logs: {folder}\nPress Ctrl-C to stop."
        )
        if browser:
            await asyncio.to_thread(webbrowser.open, address)
        await stop.wait()
        _say("\nStopping. Nothing of this remains on the machine.")


def has_desktop() -> bool:
    """Whether a person sits at this terminal, with a screen on which a window can open."""
    has_screen = sys.platform in {"darwin", "win32"} or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    return sys.stdout.isatty() and has_screen


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
