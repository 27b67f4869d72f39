"""Makes the cases that `make_trust_vectors.mjs` puts before an independent evaluator. Run by hand.

    python tests/vectors/make_trust_cases.py > /tmp/cases.json

The seed is fixed, so the same cases come out every time. A case is a trust policy, identity policies, maybe a
boundary, and a session; `known` says that only what the product claims to judge stands in it.
"""

import json
import random
import sys
from typing import Any

SEED = 20261122
NEAR, FAR = "111111111111", "222222222222"
ORGANISATION = "o-example1234"
USER = "alice@example.com"
ROLE_ID = "AROAEXAMPLE0000000001"
SETS = ("DataScientist", "DataScientist_Admin", "DataScience", "Data-Lab.1")
SUFFIX = "0123456789abcdef"
TARGETS = ("Workbench-ExecutionRole", "Workbench-BuilderRole", "Workbench-ReadOnlyRole")

Json = dict[str, Any]
# Not for secrets: the same cases are wanted in every run.
choose = random.Random(SEED)  # noqa: S311


def role_of(session: Json) -> str:
    segment = "" if session["region"] == "us-east-1" else f"{session['region']}/"
    return (
        f"arn:{session['partition']}:iam::{session['account']}:role/aws-reserved/sso.amazonaws.com/{segment}"
        f"AWSReservedSSO_{session['set']}_{SUFFIX}"
    )


def a_session() -> Json:
    session: Json = {
        "partition": choose.choices(["aws", "aws-us-gov"], [9, 1])[0],
        "account": choose.choices([NEAR, FAR], [4, 1])[0],
        "region": choose.choice(["us-east-1", "eu-central-1"]),
        "set": choose.choice(SETS),
    }
    return session | {"role": role_of(session)}


def patterns_for(names: list[str], account: str = NEAR) -> list[str]:
    base = f"arn:aws:iam::{account}:role/aws-reserved/sso.amazonaws.com/"
    return [f"{base}{part}AWSReservedSSO_{name}_*" for part in ("", "*/") for name in names]


def workbench_trust(partition: str) -> Json:
    """As the CDK stack of Workbench writes it."""
    names = choose.sample(SETS, choose.randint(0, 3))
    patterns = patterns_for(names)
    if choose.random() < 0.3:
        patterns.append(
            choose.choice([f"arn:aws:iam::{FAR}:role/Automation", f"arn:aws:iam::{NEAR}:role/Jenkins"])
        )
    people: Json = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{partition}:iam::{NEAR}:root"},
        "Action": "sts:AssumeRole",
    }
    if patterns:
        people["Condition"] = {"ArnLike": {"aws:PrincipalArn": patterns}}
    services = [
        {"Effect": "Allow", "Principal": {"Service": f"{name}.amazonaws.com"}, "Action": "sts:AssumeRole"}
        for name in ("ecs-tasks", "sagemaker")
    ]
    return {"Version": "2012-10-17", "Statement": [*services, people]}


def some(values: list[Any], at_most: int = 3) -> Any:
    picked = choose.sample(values, choose.randint(1, min(at_most, len(values))))
    return picked[0] if len(picked) == 1 and choose.random() < 0.6 else picked


def role_patterns(session: Json) -> list[str]:
    role = session["role"]
    wildcards = patterns_for(list(SETS)) + patterns_for([session["set"]], FAR)
    return [
        role,
        role[:-4] + "????",
        role[:-1] + "*",
        role.replace(SUFFIX, "*"),
        role.replace(SUFFIX, "fedcba9876543210"),
        role.replace("role/", "role/other/"),
        role.replace(":iam::", ":*::").replace("arn:aws:", "arn:*:"),
        f"arn:aws:iam::*:role/*AWSReservedSSO_{session['set']}_*",
        f"arn:aws:iam::{session['account']}:role/*",
        f"arn:aws:iam::{session['account']}:*",
        f"arn:aws:iam::{NEAR}:role/AWSReservedSSO_{session['set']}_*",
        f"arn:aws:sts::{session['account']}:assumed-role/*",
        "arn:*:*:*:*:*",
        *wildcards,
    ]


ARN_OPERATORS = ["ArnLike", "ArnEquals", "ArnNotLike", "ArnNotEquals"]
TEXT_OPERATORS = [
    "StringEquals",
    "StringLike",
    "StringEqualsIgnoreCase",
    "StringNotEquals",
    "StringNotLike",
    "StringNotEqualsIgnoreCase",
]


def dressed(operator: str) -> str:
    modifier = choose.choices(["", "ForAnyValue:", "ForAllValues:"], [8, 1, 1])[0]
    return modifier + operator + choose.choices(["", "IfExists"], [4, 1])[0]


def spelt(key: str) -> str:
    return choose.choices([key, key.lower(), key.upper()], [8, 1, 1])[0]


def known_condition(session: Json) -> tuple[str, str, Any]:
    kind = choose.randrange(10)
    if kind < 4:
        return (
            dressed(choose.choice(ARN_OPERATORS)),
            spelt("aws:PrincipalArn"),
            some(role_patterns(session), 4),
        )
    if kind < 6:
        operator = dressed(choose.choice(TEXT_OPERATORS))
        return operator, spelt("aws:PrincipalArn"), some(role_patterns(session), 4)
    if kind == 6:
        key = choose.choice(
            ["aws:PrincipalArn", "aws:PrincipalAccount", "aws:PrincipalOrgID", "aws:PrincipalType"]
        )
        return "Null", spelt(key), choose.choice(["true", "false"])
    if kind == 7:
        return "Bool", spelt("aws:PrincipalArn"), choose.choice(["true", "false"])
    key, values = choose.choice(
        [
            ("aws:PrincipalAccount", [NEAR, FAR, "1*", "11111111111?", "*"]),
            ("aws:ResourceAccount", [NEAR, FAR, "1*", "*"]),
            ("aws:PrincipalOrgID", [ORGANISATION, ORGANISATION.upper(), "o-other12345", "o-*"]),
            ("aws:PrincipalType", ["AssumedRole", "assumedrole", "User", "Assumed*"]),
        ]
    )
    return dressed(choose.choice(TEXT_OPERATORS)), spelt(key), some(values)


def unknown_condition(session: Json) -> tuple[str, str, Any]:
    return choose.choice(
        [
            ("IpAddress", "aws:SourceIp", "10.0.0.0/8"),
            ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8"),
            ("Bool", "aws:MultiFactorAuthPresent", "true"),
            ("BoolIfExists", "aws:MultiFactorAuthPresent", "false"),
            ("Null", "sts:ExternalId", "true"),
            ("StringEquals", "sts:ExternalId", "42"),
            ("StringEquals", "aws:PrincipalTag/team", "data"),
            ("StringNotEquals", "aws:PrincipalTag/team", "data"),
            ("StringLike", "sts:RoleSessionName", "${aws:username}"),
            ("StringEquals", "aws:PrincipalAccount", "${aws:PrincipalAccount}"),
            ("ArnLike", "aws:PrincipalArn", f"arn:aws:iam::{NEAR}:role/${{aws:PrincipalTag/role}}"),
            ("ArnLike", "aws:PrincipalArn", "*"),
            ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*"),
            ("StringLike", "aws:PrincipalArn", [f"*{session['set']}*", "${*}"]),
            ("DateLessThan", "aws:CurrentTime", "2030-01-01T00:00:00Z"),
            ("NumericLessThan", "sts:DurationSeconds", "3600"),
            ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", f"{ORGANISATION}/*"),
            ("ForAllValues:StringEquals", "aws:TagKeys", ["team"]),
        ]
    )


def conditions(session: Json, known: bool) -> Json:
    block: Json = {}
    for _ in range(choose.choices([0, 1, 2, 3], [3, 5, 3, 1])[0]):
        odd = not known and choose.random() < 0.6
        operator, key, value = unknown_condition(session) if odd else known_condition(session)
        inner = block.setdefault(operator, {})
        if key.lower() not in {each.lower() for each in inner}:
            inner[key] = value
    return {"Condition": block} if block else {}


def principal(session: Json, known: bool) -> Json:
    partition, account = session["partition"], session["account"]
    shape = choose.randrange(12 if known else 15)
    if shape == 0:
        return {"Principal": "*"}
    if shape == 1:
        return {"Principal": {"Service": some(["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"])}}
    if shape == 2:
        provider = f"arn:{partition}:iam::{account}:saml-provider/AWSSSO_DO_NOT_DELETE"
        return {"Principal": {"Federated": provider}}
    if shape == 12:
        return {"NotPrincipal": {"AWS": choose.choice([session["role"], f"arn:aws:iam::{FAR}:root"])}}
    if shape == 13:
        return {
            "Principal": {
                "AWS": f"arn:{partition}:iam::{account}:role/AWSReservedSSO_{session['set']}_{SUFFIX}"
            }
        }
    if shape == 14:
        return {"Principal": {"AWS": choose.choice(["AROAEXAMPLE0000000002", "AIDAEXAMPLE0000000002"])}}
    session_arn = f"arn:{partition}:sts::{account}:assumed-role/AWSReservedSSO_{session['set']}_{SUFFIX}/"
    names = [
        f"arn:{partition}:iam::{NEAR}:root",
        f"arn:{partition}:iam::{account}:root",
        f"arn:{partition}:iam::{FAR}:root",
        "arn:aws:iam::333333333333:root",
        NEAR,
        account,
        session["role"],
        session["role"].replace(SUFFIX, "fedcba9876543210"),
        session_arn + USER,
        session_arn + "bob@example.com",
        f"arn:{partition}:iam::{account}:user/alice",
        "*",
    ]
    element: Json = {"AWS": some(names)}
    if choose.random() < 0.1:
        element["Service"] = "ec2.amazonaws.com"
    return {"Principal": element}


ACTIONS = ["sts:AssumeRole", "sts:Assume*", "STS:assumerole", "sts:*", "*", "sts:Assume????"]
OTHER_ACTIONS = ["sts:TagSession", "sts:AssumeRoleWithSAML", "sts:GetCallerIdentity"]


def action() -> Json:
    kind = choose.random()
    if kind < 0.75:
        return {"Action": some(ACTIONS + OTHER_ACTIONS[:1])}
    if kind < 0.88:
        return {"Action": some(OTHER_ACTIONS)}
    return {"NotAction": some([*OTHER_ACTIONS, "sts:AssumeRole"])}


def random_trust(session: Json, known: bool) -> Json:
    statements = []
    for number in range(choose.randint(1, 4)):
        effect = choose.choices(["Allow", "Deny"], [3, 1])[0]
        sid = {"Sid": f"S{number}"} if choose.random() < 0.5 else {}
        parts = principal(session, known) | action() | conditions(session, known)
        statements.append(sid | {"Effect": effect} | parts)
    head = choose.choices(["2012-10-17", "2008-10-17"], [9, 1])[0]
    return {"Version": head, "Statement": statements}


def identity(session: Json, role: str, known: bool) -> Json:
    everywhere = role.replace(f"::{NEAR}:", "::*:")
    resources = [
        role,
        everywhere,
        f"arn:aws:iam::{FAR}:role/{TARGETS[0]}",
        f"arn:aws:iam::{NEAR}:role/Workbench-*Role",
        f"arn:aws:iam::{NEAR}:role/Workbench-?xecutionRole",
        f"arn:aws:iam::{NEAR}:*",
        "*",
    ]
    if not known:
        resources.append("arn:aws:iam::${aws:PrincipalAccount}:role/" + TARGETS[0])
    statements = []
    for _ in range(choose.randint(1, 3)):
        name = choose.choices(["Resource", "NotResource"], [9, 1])[0]
        effect = choose.choices(["Allow", "Deny"], [4, 1])[0]
        condition = conditions(session, known) if choose.random() < 0.4 else {}
        statements.append({"Effect": effect} | action() | {name: some(resources)} | condition)
    return {"Version": "2012-10-17", "Statement": statements}


def a_case(kind: str) -> Json:
    session = a_session()
    known = kind != "hostile"
    partition = session["partition"]
    role = f"arn:{partition}:iam::{NEAR}:role/{choose.choice(TARGETS)}"
    trust = workbench_trust(partition) if kind == "workbench" else random_trust(session, known)
    case: Json = {"kind": kind, "session": session, "role": role, "trust": trust}
    case["identity"] = [identity(session, role, known) for _ in range(choose.randint(0, 2))]
    if choose.random() < 0.35:
        case["boundary"] = identity(session, role, known)
    return case


def main() -> None:
    cases = [
        a_case(kind)
        for kind, count in (("workbench", 150), ("known", 260), ("hostile", 200))
        for _ in range(count)
    ]
    json.dump(cases, sys.stdout, separators=(",", ":"))


if __name__ == "__main__":
    main()
