"""Condition blocks, operator by operator."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox.aws.conditions import conditions_hold
from bot.sandbox.aws.evaluator import Verdict, evaluate

CONTEXT: dict[str, str | list[str]] = {
    "aws:PrincipalArn": "arn:aws:iam::111111111111:role/a/b/AWSReservedSSO_Data_0123456789abcdef",
    "aws:PrincipalAccount": "111111111111",
    "aws:CurrentTime": "2026-06-01T00:00:00Z",
    "aws:SecureTransport": "true",
    "aws:TagKeys": ["a", "b"],
}


@pytest.mark.parametrize(
    ("block", "held"),
    [
        ({"StringEquals": {"AWS:principalaccount": ["2", "111111111111"]}}, True),
        ({"StringNotEquals": {"aws:PrincipalAccount": "111111111111"}}, False),
        ({"StringNotEquals": {"aws:Absent": "x"}}, True),
        ({"StringEquals": {"aws:Absent": "x"}}, False),
        ({"StringEqualsIfExists": {"aws:Absent": "x"}}, True),
        ({"StringLike": {"aws:PrincipalAccount": "11111111?11*"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111111111111:role/*/AWSReservedSSO_Data_*"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:*:role/a/*"}}, False),
        ({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::1*:role/*"}}, False),
        ({"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2026-06-01T00:00:00Z"}}, False),
        ({"DateLessThanEquals": {"aws:CurrentTime": "2026-06-01T02:00:00+02:00"}}, True),
        ({"DateGreaterThan": {"aws:CurrentTime": "2026-05-31"}}, True),
        ({"Bool": {"aws:SecureTransport": True}}, True),
        ({"Null": {"aws:Absent": "true", "aws:CurrentTime": "false"}}, True),
        ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["b", "c"]}}, True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["b", "c"]}}, False),
        ({"ForAllValues:StringEquals": {"aws:Absent": "x"}}, True),
        ({"ForAnyValue:StringEquals": {"aws:Absent": "x"}}, False),
        ({"StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}}, True),
        ({"StringSounds": {"aws:PrincipalAccount": "one"}}, None),
        ({"StringSounds": {"a": "b"}, "StringEquals": {"aws:PrincipalAccount": "2"}}, False),
        ({}, True),
    ],
)
def test_a_block_holds_as_iam_reads_it(block: dict[str, Any], held: bool | None) -> None:
    assert conditions_hold(block, CONTEXT) is held


def test_a_condition_that_nobody_knows_allows_nothing_and_denies_all() -> None:
    odd = {"StringSounds": {"a": "b"}}
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    deny = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": odd}

    opened = evaluate([{"Statement": allow | {"Condition": odd}}], "sts:AssumeRole", "arn:x", CONTEXT)
    closed = evaluate([{"Statement": [allow, deny]}], "sts:AssumeRole", "arn:x", CONTEXT)

    assert (opened, closed) == (Verdict.SILENT, Verdict.DENY)


@pytest.mark.parametrize(
    ("resource", "verdict"),
    [
        ("arn:aws:iam::*:role/Workbench-?uilderRole", Verdict.ALLOW),
        ("arn:aws:iam::${aws:PrincipalAccount}:role/*", Verdict.SILENT),
        ("arn:aws:iam::111111111111:role/Workbench-builderrole", Verdict.SILENT),
        ("arn:aws:iam::111111111111:*", Verdict.ALLOW),
    ],
)
def test_resources_match_field_by_field(resource: str, verdict: Verdict) -> None:
    document = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": resource},
    }
    role = "arn:aws:iam::111111111111:role/Workbench-BuilderRole"

    assert evaluate([document], "sts:AssumeRole", role, CONTEXT) is verdict
