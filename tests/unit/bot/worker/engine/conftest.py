"""An engine's surroundings, for each test."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.adapters.storage.store import SqlStore
from tests.fakes.clock import FakeClock
from tests.unit.bot.worker.engine.bench import Bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    clock, wake = FakeClock(), asyncio.Event()
    database = SqlStore(f"sqlite:///{tmp_path / 'engine.db'}", clock=clock, on_poke=wake.set)
    await database.open()
    yield Bench(database, clock, wake)
    await database.close()
