"""A real browser at the sandbox's page, with the real bot behind it: Debian's Chromium, driven by Playwright."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests.browser.window import BROWSERS, PATIENCE_MS, Desk, desk, installed, launched, sitting
from tests.integration.page_visitor import Visitor, visiting


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser of this machine; none is downloaded."""
    found = installed()
    if found is None:
        pytest.skip(
            f"no browser: none of {', '.join(BROWSERS)} is on the PATH (Debian: apt install chromium)"
        )
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """One browser for the tests of a file; each window has a profile of its own."""
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as driver, launched(driver, chromium) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _running(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Visitor]:
    async with visiting(tmp_path_factory.mktemp("sandbox")) as made:
        await made.running()
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def at(browser: Browser, _running: Visitor) -> AsyncIterator[Desk]:
    """The sandbox of this file with its bot: what tests before this one have written stands there."""
    async with sitting(browser, _running) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def fresh(browser: Browser, tmp_path: Path) -> AsyncIterator[Desk]:
    """A sandbox of its own whose bot is up, for what begins at the beginning."""
    async with desk(browser, tmp_path) as made:
        await made.visitor.running()
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def alone(browser: Browser, tmp_path: Path) -> AsyncIterator[Desk]:
    """A sandbox without a bot, for what concerns the page only."""
    async with desk(browser, tmp_path, with_bot=False) as made:
        yield made
