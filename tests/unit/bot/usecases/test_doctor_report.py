"""The doctor's table and JSON."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.diagnosis import About, Area, Diagnosis, diagnosis
from bot.usecases.doctor import misconfigured
from bot.usecases.doctor.bounded import split
from bot.usecases.doctor.report import as_json, table

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TOKEN = About(area=Area.SLACK, check="token")
TAG = About(area=Area.PERMISSION_SETS, check="tag", subject="DataScientist")


def some(*, subject: str = "DataScientist", found: str = "has no tag") -> Diagnosis:
    tag = About(area=Area.PERMISSION_SETS, check="tag", subject=subject)
    return diagnosis([TOKEN.ok("valid"), tag.failure(found, "aws sso-admin tag-resource")], NOW)


def test_columns_are_aligned_and_the_remedy_stands_below() -> None:
    rows = table(some()).splitlines()

    (ok,) = [row for row in rows if "token" in row]
    (bad,) = [row for row in rows if "has no tag" in row]
    assert ok.index("valid") == bad.index("has no tag")
    assert rows[rows.index(bad) + 1].strip() == "→ aws sso-admin tag-resource"
    assert rows[-1] == "1 ok, 0 warnings, 1 failure."


def test_a_remedy_is_never_torn_so_that_it_can_be_copied() -> None:
    command = "aws sso-admin tag-resource " + "--and-so-on " * 40
    found = diagnosis([TAG.failure("has no tag", command)], NOW)

    assert f"→ {command.strip()}" in table(found, width=80)


def test_colours_only_where_they_were_asked_for() -> None:
    assert "\033[31m✖ failure\033[0m" in table(some(), colours=True)
    assert "\033" not in table(some())


def test_a_terminal_without_unicode_gets_plain_signs() -> None:
    drawn = table(some(found="prüfen"), ascii_only=True)

    assert drawn.isascii()
    assert "x failure" in drawn


def test_names_from_outside_cannot_repaint_the_terminal() -> None:
    drawn = table(some(subject="\033[2Jevil\n✔ ok", found="\033]0;title\x07 two\nlines"))

    assert "\033" not in drawn
    assert "\x07" not in drawn
    assert not any(row.startswith("✔") for row in drawn.splitlines())


@given(st.text(max_size=200), st.text(max_size=300), st.integers(40, 200))
def test_whatever_was_found_can_be_drawn(subject: str, found: str, width: int) -> None:
    drawn = table(some(subject=subject, found=found), width=width)

    assert drawn.splitlines()[-1] == "1 ok, 0 warnings, 1 failure."
    assert json.loads(as_json(some(subject=subject, found=found), version="1"))["healthy"] is False


def test_the_configurations_problems_are_all_lines_and_the_rest_is_unknown() -> None:
    problems = [
        'channel: is missing. Example: channel = "C0APPROVALS"',
        "SLACK_BOT_TOKEN: is missing. Example: xoxb-…",
        "something without a key",
    ]

    found = misconfigured(problems, NOW)

    failures = {(line.subject, line.found, line.remedy) for line in found.lines if line.known}
    assert ("channel", "is missing", 'channel = "C0APPROVALS"') in failures
    assert ("SLACK_BOT_TOKEN", "is missing", "xoxb-…") in failures
    assert len(failures) == 3
    assert {line.area for line in found.lines if not line.known} == {Area.SLACK, Area.AWS, Area.DATABASE}


def test_a_problem_ends_in_what_to_do() -> None:
    assert split("PORT: is wrong. Example: PORT=3000", "?") == ("PORT: is wrong", "PORT=3000")
    assert split("The Region is wrong. Set AWS_DEFAULT_REGION=x.", "?") == (
        "The Region is wrong",
        "Set AWS_DEFAULT_REGION=x",
    )
    assert split("Broken.", "mend it") == ("Broken", "mend it")


def test_no_secret_gets_through_in_a_problem() -> None:
    found = misconfigured(["DATABASE_URL: postgresql://bot:hunter2hunter2@db/x is wrong"], NOW)

    assert "hunter2hunter2" not in as_json(found, version="1") + table(found)
