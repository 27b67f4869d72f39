"""Whatever stands in the files: settings, or a list of problems, and nothing else."""

# ruff: noqa: E501 -- a table of problems is read by its columns: one row, one line
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.config import load
from bot.domain.errors import Misconfigured
from tests.unit.bot.config.samples import ENVIRONMENT, SMALLEST

_keys = st.sampled_from(
    ["channel", "support", "member_role", "public_url", "admins", "defaults", "permission_sets", "people", "users", "usergroups", "roles", "approvals", "self_approval", "durations", "request_ttl", "DataScientist", "accounts", "role", "Workbench-BuilderRole", "U0A"]
) | st.text(max_size=8)  # fmt: skip
_texts = st.sampled_from(
    ["C0A", "U0A", "S0A", "1d", "permanent", "1" * 12, "*", "a@b.c", "https://x", "http://["]
)
_leaves = _texts | st.text(max_size=12) | st.integers() | st.booleans() | st.floats(allow_nan=False)
_values = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=12,
)


def as_toml(value: object) -> str:
    """Any value as TOML, tables inline."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {as_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else json.dumps(value)


def load_text(folder: Path, toml: str, environ: Mapping[str, str], dotenv: str = "") -> None:
    """Load, and accept nothing but settings or a list of problems."""
    (folder / "any.toml").write_bytes(toml.encode(errors="surrogatepass"))
    (folder / ".env").write_text(dotenv, encoding="utf-8")
    found: list[str] | None = None
    try:
        load({"WORKBENCH_ACCESS_CONFIG": str(folder / "any.toml"), **environ}, folder / ".env")
    except Misconfigured as misconfigured:
        found = misconfigured.problems
    assert found is None or (found and len(set(found)) == len(found))


@settings(max_examples=150, deadline=None)
@given(document=st.dictionaries(_keys, _values, max_size=6))
def test_any_document_loads_or_is_told_as_problems(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, object]
) -> None:
    toml = "\n".join(
        f"{json.dumps(key, ensure_ascii=False)} = {as_toml(value)}" for key, value in document.items()
    )

    load_text(tmp_path_factory.getbasetemp(), toml, ENVIRONMENT)


@settings(max_examples=100, deadline=None)
@given(toml=st.text(max_size=80), dotenv=st.text(alphabet="AWS_=${}:-'\"\\ \n#x", max_size=40))
@example(toml="a = " + "[" * 5000, dotenv="")
@example(toml="channel" + ".a" * 5000 + " = 1", dotenv="")
@example(toml="approvals = " + "9" * 5000, dotenv="")
@example(toml="a = 1979-13-45", dotenv="")
def test_any_text_loads_or_is_told_as_problems(
    tmp_path_factory: pytest.TempPathFactory, toml: str, dotenv: str
) -> None:
    load_text(tmp_path_factory.getbasetemp(), toml, ENVIRONMENT, dotenv)


@settings(max_examples=100, deadline=None)
@given(
    environ=st.dictionaries(
        st.sampled_from(
            ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_API_URL", "DATABASE_URL", "HOST", "PORT", "LOG_LEVEL", "LOG_FORMAT", "SLACK_CLIENT_ID"]
        ),
        st.text(max_size=20) | st.sampled_from(["https://[", "http://a:b", "sqlite:///", "postgresql://", "²", "xoxb-"]),
    )
)  # fmt: skip
def test_any_environment_loads_or_is_told_as_problems(
    tmp_path_factory: pytest.TempPathFactory, environ: dict[str, str]
) -> None:
    load_text(tmp_path_factory.getbasetemp(), SMALLEST, environ)
