"""What the doctor may say, and the rules by which facts become lines."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.diagnosis import (
    SCOPES,
    About,
    Area,
    Health,
    Line,
    clock,
    diagnosis,
    owner,
    scope,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ME = About(area=Area.AWS, check="clock")


def test_whatever_is_wrong_comes_with_a_remedy() -> None:
    for health in (Health.WARNING, Health.FAILURE):
        with pytest.raises(ValueError, match="not what to do"):
            Line(area=Area.AWS, check="caller", health=health, found="it is broken")


def test_what_nobody_could_look_at_is_never_ok() -> None:
    with pytest.raises(ValueError, match="is not ok"):
        Line(area=Area.AWS, check="caller", health=Health.OK, found="fine", known=False)

    line = ME.unknown("AWS does not answer", "try again")
    assert (line.health, line.known) == (Health.WARNING, False)
    assert line.found.startswith("Unknown:")


def test_warnings_leave_it_healthy_and_one_failure_does_not() -> None:
    fine = diagnosis([ME.ok("x"), ME.warning("y", "mend")], NOW)
    broken = diagnosis([ME.ok("x"), ME.failure("y", "mend")], NOW)

    assert fine.is_healthy
    assert not broken.is_healthy
    assert broken.counts() == {Health.OK: 1, Health.WARNING: 0, Health.FAILURE: 1}


def test_lines_stand_by_area_in_the_order_in_which_they_were_found() -> None:
    database, slack = About(area=Area.DATABASE, check="a"), About(area=Area.SLACK, check="b")

    found = diagnosis([database.ok("1"), slack.ok("2"), database.ok("3"), slack.ok("4")], NOW)

    assert [line.found for line in found.lines] == ["2", "4", "1", "3"]


@pytest.mark.parametrize(
    ("seconds", "health"),
    [
        (0, Health.OK),
        (30, Health.OK),
        (-30, Health.OK),
        (31, Health.WARNING),
        (-299, Health.WARNING),
        (300, Health.FAILURE),
        (-301, Health.FAILURE),
    ],
)
def test_from_five_minutes_on_a_clock_is_a_failure(seconds: int, health: Health) -> None:
    line = clock(ME, here=NOW + timedelta(seconds=seconds), there=NOW, whose="AWS")

    assert line.health is health
    if health is not Health.OK:
        assert ("ahead of" if seconds > 0 else "behind") in line.found


def test_a_clock_that_nobody_told_is_unknown() -> None:
    assert not clock(ME, here=NOW, there=None, whose="AWS").known


@given(st.integers(-100_000, 100_000))
def test_a_clock_is_judged_alike_in_both_directions(seconds: int) -> None:
    skewed = [
        clock(ME, here=NOW + timedelta(seconds=sign * seconds), there=NOW, whose="AWS") for sign in (1, -1)
    ]

    assert skewed[0].health is skewed[1].health


@pytest.mark.parametrize(
    ("tags", "description", "tool"),
    [
        ({"aws:cloudformation:stack-id": "arn:…"}, "", "CloudFormation"),
        ({"ManagedBy": "Terraform"}, "", "Terraform"),
        ({"managed-by": "terraform-cloud"}, "", "Terraform"),
        ({"terraform": "true"}, "", "Terraform"),
        ({"Terraform:Module": "sso"}, "", "Terraform"),
        ({"managed_by": "aws-cdk"}, "", "CloudFormation"),
        ({"CreatedBy": "Pulumi"}, "", "another tool"),
        ({}, "Managed by Terraform. Do not edit.", "Terraform"),
        ({}, "managed_by=terraform", "Terraform"),
        ({"workbench-access": "managed"}, "Data science", None),
        ({"ManagedBy": "platform-team"}, "", None),
        ({"project": "terraform"}, "", None),
        ({}, "For terraformers of Mars", None),
    ],
)
def test_whose_a_set_seems_to_be(tags: dict[str, str], description: str, tool: str | None) -> None:
    assert owner(tags, description) == tool


@given(st.dictionaries(st.text(max_size=30), st.text(max_size=30), max_size=5), st.text(max_size=200))
def test_no_tag_and_no_description_confuses_it(tags: dict[str, str], description: str) -> None:
    assert owner(tags, description) in {None, "Terraform", "CloudFormation", "another tool"}


def test_a_scope_that_is_missing_says_what_is_lost() -> None:
    for each in SCOPES:
        missing = scope(ME, each, frozenset())
        assert missing.health is (Health.FAILURE if each.needed else Health.WARNING)
        assert each.lost in missing.found
        assert each.name in missing.remedy
        assert scope(ME, each, frozenset({each.name})).health is Health.OK
        assert not scope(ME, each, None).known
