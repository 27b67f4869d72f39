"""Loading of settings in a folder of the test's own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.config import Settings, load
from bot.domain.errors import Misconfigured
from tests.unit.bot.config.samples import ENVIRONMENT, SMALLEST, Loader


@pytest.fixture
def loaded(tmp_path: Path) -> Loader:
    """Loads a rules file, an environment over the smallest one that works, and a `.env` file."""

    def load_them(
        toml: str = SMALLEST, dotenv: str = "", terminal: bool = False, **environ: str | None
    ) -> Settings:
        rules_path, dotenv_path = tmp_path / "rules.toml", tmp_path / ".env"
        rules_path.write_text(toml, encoding="utf-8")
        dotenv_path.write_text(dotenv, encoding="utf-8")
        merged = {**ENVIRONMENT, "WORKBENCH_ACCESS_CONFIG": str(rules_path), **environ}
        variables = {name: value for name, value in merged.items() if value is not None}
        return load(variables, dotenv_path, terminal=terminal)

    return load_them


@pytest.fixture
def problems(loaded: Loader) -> Callable[..., list[str]]:
    """The problems of what `loaded` would load; none if it starts."""

    def find(*args: str, **kwargs: str | None) -> list[str]:
        try:
            loaded(*args, **kwargs)
        except Misconfigured as misconfigured:
            return misconfigured.problems
        return []

    return find
