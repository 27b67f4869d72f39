"""How hard the suite tries, from the environment: CHAOS_KILLS, CHAOS_SEED."""

import os
import secrets
from collections.abc import Iterator

import pytest

from tests.chaos.database import a_schema

POSTGRES = "WORKBENCH_ACCESS_TEST_POSTGRES"
KILLS = "CHAOS_KILLS"
SEED = "CHAOS_SEED"

SHORT = 20
"""Kills of the run that is part of every `make test`; CI asks for 200, `make chaos` for 1,000."""


@pytest.fixture
def kills() -> int:
    return int(os.environ.get(KILLS) or SHORT)


@pytest.fixture
def seed() -> int:
    """Another storm every time; the report names it, and CHAOS_SEED brings back the same people and weather."""
    return int(os.environ.get(SEED) or secrets.randbelow(1_000_000))


@pytest.fixture
def postgres() -> Iterator[str]:
    """A schema of its own on the server that the environment names."""
    server = os.environ.get(POSTGRES)
    if not server:
        pytest.skip(f"{POSTGRES} names no server")
    with a_schema(server) as url:
        yield url
