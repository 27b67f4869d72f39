"""The bot in a process of its own, as `python -m bot serve` runs it, with a clock that the suite can move.

    python -m tests.chaos.bot_process

imports everything once and then forks a bot for each line of JSON on its standard input: a bot that costs a
tenth of a second to start can be killed far more often in the same time. `--cold` starts one bot in this very
process, imports included. Nothing of the product is changed but the paces, which are raised: Slack and AWS are
generous here, or every run would wait for 50 edits a minute, and no life would be long enough for a round.
"""

import asyncio
import ctypes
import json
import os
import select
import signal
import sys
import time
from collections.abc import Collection, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import boto3
from botocore import loaders

from bot import bootstrap
from bot.adapters.aws.client import SERVICES, AwsClient
from bot.adapters.storage.store import SqlStore
from bot.config import load_from_process
from bot.domain.errors import Unavailable
from bot.domain.pace import Pace
from bot.log import configure
from bot.ports.store import Work, WorkKind
from bot.server import serving
from bot.worker import outbox
from tests.chaos import mutations
from tests.chaos.clock import SharedClock

GAVE_UP = 75
"""Exit code of a bot that found the database away when it started; a supervisor starts it again."""

AWS_RATE = 60
"""Calls a second that all bots together allow themselves; the limit is as far above as in real life."""

_PR_SET_PDEATHSIG = 1

_MODELS = loaders.create_loader()
"""What botocore reads from disk is read once for all: most of a start is nothing else."""


class WatchedStore(SqlStore):
    """Tells when work is looked at for the first time: from then on the bot has resumed."""

    _told = False

    async def claim(
        self, *, at_most: int, lease_for: timedelta, kinds: Collection[WorkKind] = tuple(WorkKind)
    ) -> Sequence[Work]:
        claimed = await super().claim(at_most=at_most, lease_for=lease_for, kinds=kinds)
        if not self._told:
            self._told = True
            tell("resumed")
        return claimed


def tell(event: str, **facts: Any) -> None:
    """One line to the suite; short enough to be written at once."""
    line = {"pid": os.getpid(), "event": event, "at": time.monotonic(), **facts}
    os.write(1, json.dumps(line).encode() + b"\n")


def serve(order: dict[str, Any]) -> int:
    """Run one bot until it is told to stop; mostly it is killed instead."""
    os.environ.clear()
    os.environ.update(order["environment"])
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 2)
    generous: dict[str, Any] = dict.fromkeys(
        ("POSTS", "EDITS", "ANSWERS"), Pace(every=timedelta(milliseconds=40), burst=50)
    )
    # Neither does the Slack of this suite apply anything late.
    vars(outbox).update(generous, LOOK_AFTER=timedelta(0))
    # What `bootstrap` names is what it builds, hence the replacements there.
    vars(bootstrap).update(SqlStore=WatchedStore, AwsClient=partial(AwsClient, rate=AWS_RATE))
    if order["mutation"]:
        mutations.switch_on(order["mutation"])
    settings = load_from_process()
    configure(settings.log_level, settings.log_format)
    try:
        asyncio.run(_serve(SharedClock(Path(order["clock"])), settings))
    except Unavailable:
        return GAVE_UP
    return 0


async def _serve(clock: SharedClock, settings: Any) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with serving(settings, clock=clock):
        tell("ready")
        await stop.wait()


def _die_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _fork(order: dict[str, Any]) -> None:
    pid = os.fork()
    if pid:
        tell("forked", child=pid, name=order["name"])
        return
    code = 1
    try:
        _die_with_parent()
        os.close(0)
        code = serve(order)
    except BaseException as error:  # noqa: BLE001 -- the child must never run on into the parent's loop
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stderr.flush()
        os._exit(code)


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        tell("ended", child=pid, code=os.waitstatus_to_exitcode(status))


def _load_models() -> None:
    """Make a client of each kind once; their models, rules and endpoints stay in memory."""
    vars(loaders).update(create_loader=lambda *_: _MODELS)
    session = boto3.Session(region_name="us-east-1")
    for service in SERVICES:
        session.client(service, aws_access_key_id="none", aws_secret_access_key="none")  # type: ignore[call-overload]  # the stubs know names as literals only


def main(arguments: list[str]) -> int:
    """Fork bots until standard input ends; their parent's death ends them, too."""
    _die_with_parent()
    if arguments == ["--cold"]:
        return serve(json.loads(sys.stdin.readline()))
    _load_models()
    tell("warm")
    waiting = b""
    while True:
        _reap()
        if not select.select([0], [], [], 0.02)[0]:
            continue
        chunk = os.read(0, 65536)
        if not chunk:
            return 0
        *lines, waiting = (waiting + chunk).split(b"\n")
        for line in lines:
            _fork(json.loads(line))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
