"""The sandbox's page with 2,000 messages in a channel: how long a new message and a step of scrolling take.

Measured inside the browser: from the arrival of the news, or from the step, to the end of the frame that shows it.
The reference is the same page with an almost empty channel. Needs a Chromium on this machine.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from playwright.async_api import async_playwright, expect

from bench.table import Result, report
from tests.browser.full_channel import MESSAGES, measured
from tests.browser.window import PATIENCE_MS, desk, installed, launched

BAR_MS = 100.0
FEW = 150


async def measure() -> Sequence[Result]:
    """Both channels, each in a sandbox of its own; the bot has no part in it."""
    chromium = installed()
    if chromium is None:
        return [Result(what="page", measured="no Chromium here: nothing was measured")]
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as driver, launched(driver, chromium) as browser:
        with tempfile.TemporaryDirectory() as folder:
            async with desk(browser, Path(folder), with_bot=False) as at:
                few = await measured(at, FEW)
        with tempfile.TemporaryDirectory() as folder:
            async with desk(browser, Path(folder), with_bot=False) as at:
                many = await measured(at, MESSAGES)
    results = []
    for what, less, more in (
        ("a new message, read at the end", few.at_the_end, many.at_the_end),
        ("a new message, read far up", few.far_up, many.far_up),
        ("two screens of scrolling", few.scrolling, many.scrolling),
    ):
        ratio = median(more) / median(less)
        shown = (
            f"median {median(more):.0f} ms, longest {max(more):.0f} ms; {ratio:.1f} x that of {FEW} messages"
        )
        results.append(
            Result(
                what=f"page, {MESSAGES:,} messages: {what}",
                measured=shown,
                bar=f"longest <= {BAR_MS:.0f} ms",
                ok=max(more) <= BAR_MS,
            )
        )
    return results


if __name__ == "__main__":
    report(measure)
