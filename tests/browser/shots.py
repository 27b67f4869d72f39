"""The pictures of the README, taken from the sandbox's page: `make screenshots`.

A picture cannot be compared with a later one pixel by pixel: fonts differ between machines. What is compared is
written beside them: the words on each picture, how its elements are nested and styled, and the file itself.
"""

import asyncio
import hashlib
import json
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Locator, async_playwright, expect

from bot.sandbox.page.server import STATIC
from bot.sandbox.scene import ALICE, BEN
from tests.browser.png import with_palette
from tests.browser.window import PATIENCE_MS, desk, installed, launched

FOLDER: Final = Path(__file__).parents[2] / "docs" / "screenshots"
MANIFEST: Final = FOLDER / "manifest.json"
SIZE: Final = (930, 1400)
"""High enough for everything that is pictured, and so narrow that a thread takes the channel's place."""

MORNING: Final = 9 * 3600
DAY: Final = 24 * 3600

STYLES: Final = ("base.css", "workspace.css")
OUTLINE: Final = """
(root) => [root, ...root.querySelectorAll("*")]
  .filter((node) => node.checkVisibility())
  .map((node) => `${node.tagName} ${node.getAttribute("class") ?? ""}`)
"""
WHEN: Final = [
    (r"\b(today|yesterday|tomorrow)\b", "‹day›"),
    (r"\b\d{1,2}:\d{2} [AP]M\b", "‹time›"),
    (r"\b[A-Z][a-z]{2} \d{1,2}, \d{4}\b", "‹day›"),
    (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", "‹instant›"),
    (r"WorkbenchAccess[0-9a-f]{16}", "WorkbenchAccess‹id›"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture, and what it shows."""

    name: str
    picture: bytes
    words: list[str]
    drawing: str

    def shows(self) -> dict[str, Any]:
        """What must be the same the next time."""
        return {"words": self.words, "drawing": self.drawing}


def timeless(text: str) -> list[str]:
    """The lines of a text, without what differs from one day to the next."""
    for pattern, stand_in in WHEN:
        text = re.sub(pattern, stand_in, text)
    return [line.strip() for line in text.splitlines() if line.strip()]


async def _taken(name: str, part: Locator) -> Shot:
    await part.page.evaluate("document.activeElement.blur()")
    await part.page.mouse.move(0, 0)
    # The words are read on both sides of the picture: nothing moved while it was taken.
    words = timeless(await part.inner_text())
    picture = await part.screenshot(animations="disabled", caret="hide")
    if timeless(await part.inner_text()) != words:
        raise AssertionError(f"{name} changed while its picture was taken")
    outline = "\n".join(await part.evaluate(OUTLINE))
    styles = "".join((STATIC / style).read_text(encoding="utf-8") for style in STYLES)
    drawing = hashlib.sha256(f"{outline}\n{styles}".encode()).hexdigest()
    return Shot(name=name, picture=picture, words=words, drawing=drawing)


async def shots(browser: Browser, folder: Path) -> AsyncIterator[Shot]:
    """The form that Alice fills in, the card that Ben decides on, the thread that says what came of it."""
    async with desk(browser, folder, with_bot=False) as at:
        stage = at.visitor.page.stage
        # In the middle of a day, whenever it is: "tomorrow" is then tomorrow for everything on the pictures.
        stage.clock.advance(timedelta(seconds=(MORNING - stage.clock.seconds()) % DAY))
        await stage.bot.start()
        window = await at.window(ALICE, size=SIZE)
        await window.page.get_by_role("button", name="Not now").click()
        await window.page.get_by_role("button", name="Panel").click()

        await window.opens_form()
        await window.fills_form(reason="Train the churn model before Friday")
        await expect(window.form).to_contain_text("No obstacle seen")
        # The whole form, where on a screen it would be scrolled.
        await window.form.evaluate("dialog => { dialog.style.maxHeight = 'none' }")
        yield await _taken("form", window.form)

        await window.sends_form()
        await expect(window.form).to_be_hidden()
        await window.act_as(BEN)
        await window.go("access-approvals")
        card = window.messages.filter(has_text="WA-1").first
        yield await _taken("card", card)

        await window.approves(card)
        await card.get_by_test_id("thread-summary").click()
        results = window.thread.get_by_test_id("message").filter(has=window.page.get_by_role("table"))
        await expect(results).to_be_visible()
        await expect(window.thread.get_by_test_id("message").first).to_contain_text("Granted")
        yield await _taken("thread", window.thread.locator(".messages"))


async def _make(folder: Path) -> None:
    chromium = installed()
    if chromium is None:
        sys.exit("There is no Chromium here. On Debian: apt install chromium")
    expect.set_options(timeout=PATIENCE_MS)
    FOLDER.mkdir(exist_ok=True)
    manifest = {}
    async with async_playwright() as driver, launched(driver, chromium) as browser:
        async for shot in shots(browser, folder):
            picture = with_palette(shot.picture)
            (FOLDER / f"{shot.name}.png").write_bytes(picture)
            manifest[shot.name] = {**shot.shows(), "file": hashlib.sha256(picture).hexdigest()}
            sys.stdout.write(f"{shot.name}.png: {len(picture) / 1000:.0f} kB\n")
    MANIFEST.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="workbench-access-screenshots-") as place:
        asyncio.run(_make(Path(place)))
