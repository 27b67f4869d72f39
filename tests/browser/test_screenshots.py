"""The pictures of the README show what the program shows now; `make screenshots` takes them anew."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.async_api import Browser

from tests.browser.shots import FOLDER, MANIFEST, shots

pytestmark = pytest.mark.asyncio(loop_scope="module")

README: Final = Path(__file__).parents[2] / "README.md"
LARGEST: Final = 120_000
AGAIN: Final = "The program looks different now. Run: make screenshots"


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    written: dict[str, Any] = json.loads(MANIFEST.read_text(encoding="utf-8"))
    return written


async def test_the_pictures_show_what_the_program_shows_now(
    browser: Browser, tmp_path: Path, manifest: dict[str, Any]
) -> None:
    shown = {shot.name: shot.shows() async for shot in shots(browser, tmp_path)}

    assert shown.keys() == manifest.keys()
    for name, each in shown.items():
        assert each["words"] == manifest[name]["words"], AGAIN
        assert each["drawing"] == manifest[name]["drawing"], AGAIN


async def test_the_pictures_are_those_that_were_taken_with_these_words(manifest: dict[str, Any]) -> None:
    files = {path.stem: path.read_bytes() for path in FOLDER.glob("*.png")}

    assert {name: hashlib.sha256(data).hexdigest() for name, data in files.items()} == {
        name: each["file"] for name, each in manifest.items()
    }
    assert {name: len(data) for name, data in files.items() if len(data) > LARGEST} == {}


async def test_the_readme_shows_each_picture_in_words_too(manifest: dict[str, Any]) -> None:
    text = README.read_text(encoding="utf-8")

    for name in manifest:
        shown = re.search(rf'<img src="docs/screenshots/{name}\.png"[^>]* alt="([^"]+)"', text)
        assert shown, name
        assert len(shown[1].split()) > 10, name
