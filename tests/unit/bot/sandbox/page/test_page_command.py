"""Which of its two shapes the sandbox takes: the page, or the story on the terminal."""

import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from bot.__main__ import main
from bot.sandbox.page import main as page
from bot.sandbox.page.server import DEFAULT_PORT, STATIC

ROOT = Path(__file__).parents[5]


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What would be started, instead of starting it."""
    found: list[tuple[str, dict[str, Any]]] = []

    def starts(what: str) -> Any:
        def begin(**how: Any) -> int:
            found.append((what, how))
            return 0

        return begin

    monkeypatch.setattr("bot.sandbox.play.play", starts("story"))
    monkeypatch.setattr("bot.sandbox.page.main.show", starts("page"))
    return found


@pytest.mark.parametrize(
    ("arguments", "what", "how"),
    [
        ([], "page", {"port": DEFAULT_PORT, "browser": True}),
        (["--port", "4300", "--no-browser"], "page", {"port": 4300, "browser": False}),
        (["--once"], "story", {"once": True}),
        (["--story"], "story", {"once": False}),
        (["--story", "--once"], "story", {"once": True}),
    ],
)
def test_the_page_is_shown_unless_the_story_is_asked_for(
    begun: list[tuple[str, dict[str, Any]]], arguments: list[str], what: str, how: dict[str, Any]
) -> None:
    assert main(["sandbox", *arguments]) == 0
    assert begun == [(what, how)]


@pytest.mark.parametrize(
    ("is_terminal", "display", "opens"), [(True, ":0", True), (True, "", False), (False, ":0", False)]
)
def test_a_browser_is_opened_only_for_somebody_who_sits_before_a_screen(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool, display: str, opens: bool
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    assert page.has_desktop() is opens


def test_every_file_of_the_page_is_shipped_with_the_package() -> None:
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"][
        "bot"
    ]
    files = [path for path in STATIC.rglob("*") if path.is_file()]

    assert STATIC / "index.html" in files
    for path in files:
        name = str(path.relative_to(ROOT / "bot"))
        assert any(fnmatch(name, each) and name.count("/") == each.count("/") for each in shipped), name
