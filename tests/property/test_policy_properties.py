"""Whatever others wrote into the policy survives whatever we do, and nothing slips past the proof."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.domain.evaluate import coverage, evaluate
from bot.domain.names import AccountId, IdentityUserId, RoleArn
from bot.domain.policy import (
    LIMIT_BYTES,
    PolicyUnreadable,
    canonical,
    fingerprint,
    fits,
    foreign_fingerprint,
    managed,
    merge,
    parse,
    serialise,
    size_bytes,
    unexplained,
)
from bot.domain.policy_diff import NotMinimal, added_permissions, change, check_minimal, unified_diff
from bot.domain.statements import ManagedStatement, Want, desired_statements

quick = settings(max_examples=80, deadline=None)

PREFIX = "WorkbenchAccess"
ACCOUNT = AccountId("111111111111")
ARNS = [RoleArn(f"arn:aws:iam::{ACCOUNT}:role/Workbench-{name}") for name in ("A", "B", "C")]
OTHER_ARN = RoleArn(f"arn:aws:iam::{ACCOUNT}:role/Workbench-NeverAsked")
PEOPLE = [IdentityUserId(person) for person in ("alice", "bob")]
END = datetime(2026, 11, 29, 14, 15, tzinfo=UTC)

words = st.sampled_from(
    ["*", "sts:AssumeRole", "STS:*", "s3:Get?bject", "é", "€", "😀", '"\\', ARNS[0], "${a}"]
)
scalars = st.one_of(
    words, st.text(max_size=5), st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False, width=32)
).filter(lambda value: not isinstance(value, float) or abs(value) != float("inf"))
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
string_or_list = words | st.lists(words, max_size=3)
keys = st.sampled_from(["aws:CurrentTime", "identitystore:UserId", "aws:ResourceAccount", "s3:prefix"])
operators = st.sampled_from(
    ["StringEquals", "StringNotLikeIfExists", "DateLessThan", "Bool", "ForAnyValue:X"]
)
conditions = st.dictionaries(
    operators, st.dictionaries(keys, string_or_list | scalars, max_size=2), max_size=2
)


def one_member(*names: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda name, value: {name: value}, st.sampled_from(names), values)


@st.composite
def foreign_statements(draw: st.DrawFn) -> dict[str, Any]:
    """A statement that is not ours, in every shape that the parser admits."""
    members: dict[str, Any] = {"Effect": draw(st.sampled_from(["Allow", "Deny"]))}
    members |= draw(one_member("Action", "NotAction", values=string_or_list))
    members |= draw(one_member("Resource", "NotResource", values=string_or_list))
    if draw(st.booleans()):
        members["Condition"] = draw(conditions | anything)
    if draw(st.booleans()):
        members["Sid"] = draw(st.sampled_from(["", "workbenchaccess1", "Lake", "Workbench", "é", "Zz9"]))
    if draw(st.booleans()):
        members[draw(st.sampled_from(["Principal", "x", "Id"]))] = draw(anything)
    return {name: members[name] for name in draw(st.permutations(list(members)))}


def unique_sids(statements: list[dict[str, Any]]) -> bool:
    sids = [statement["Sid"] for statement in statements if statement.get("Sid")]
    return len(set(sids)) == len(sids)


foreign_lists = st.lists(foreign_statements(), max_size=4).filter(unique_sids)
want = st.builds(
    Want,
    role_arn=st.sampled_from(ARNS),
    person=st.sampled_from([None, *PEOPLE]),
    ends_at=st.sampled_from([None, END, END + timedelta(days=1)]),
)
want_lists = st.lists(want, max_size=5)


def dumped(draw: st.DrawFn, statements: list[dict[str, Any]]) -> str:
    """A document with these statements, in some author's style."""
    if not statements:
        return draw(st.sampled_from(["", " \n"]))
    single = len(statements) == 1 and draw(st.booleans())
    members: dict[str, Any] = {"Statement": statements[0] if single else statements}
    if draw(st.booleans()):
        members["Version"] = draw(st.sampled_from(["2012-10-17", "2008-10-17"]))
    if draw(st.booleans()):
        members[draw(st.sampled_from(["Id", "statement", "é"]))] = draw(anything)
    ordered = {name: members[name] for name in draw(st.permutations(list(members)))}
    return json.dumps(
        ordered, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 2, "\t"]))
    )


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A live policy of others alone."""
    return dumped(draw, draw(foreign_lists))


@st.composite
def mixed_documents(draw: st.DrawFn) -> tuple[str, list[ManagedStatement]]:
    """A live policy in which managed statements stand somewhere between those of others."""
    statements = draw(foreign_lists)
    ours = list(desired_statements(draw(want_lists)))
    for statement in ours:
        statements.insert(draw(st.integers(0, len(statements))), statement.to_json())
    return dumped(draw, statements), ours


def strict(value: object) -> str:
    """Text that is equal only for values of equal types and in equal order."""
    return json.dumps(value)


def statements_in(document: str) -> list[Any]:
    body = json.loads(document)["Statement"] if document.strip() else []
    return body if isinstance(body, list) else [body]


def foreign_in(document: str) -> list[str]:
    """The oracle's view of what is not ours."""
    return [strict(body) for body in statements_in(document) if not str(body.get("Sid")).startswith(PREFIX)]


def head_of(document: str) -> str:
    members = json.loads(document) if document.strip() else {"Version": "2012-10-17"}
    return strict({name: value for name, value in members.items() if name != "Statement"})


def put(document: str, desired: list[Want], removable: frozenset[str] = frozenset()) -> str:
    return serialise(merge(parse(document), desired=desired_statements(desired), removable=removable))


def sids_of(*lists: list[Want]) -> frozenset[str]:
    return frozenset(statement.sid for wants in lists for statement in desired_statements(wants))


@quick
@given(documents())
def test_reading_and_writing_gives_an_equal_policy(document: str) -> None:
    policy = parse(document)

    assert parse(serialise(policy)) == policy
    assert serialise(parse(serialise(policy))) == serialise(policy)
    assert canonical(serialise(policy)) == canonical(document)
    assert unified_diff(document, serialise(policy)) == ""


@quick
@given(mixed_documents(), want_lists)
def test_foreign_statements_stay_equal_and_in_order(
    mixed: tuple[str, list[ManagedStatement]], desired: list[Want]
) -> None:
    document, ours = mixed

    after = put(document, desired, frozenset(statement.sid for statement in ours))

    assert foreign_in(after) == foreign_in(document)
    assert foreign_fingerprint(after) == foreign_fingerprint(document)
    if after and document.strip():
        assert head_of(after) == head_of(document)


@quick
@given(mixed_documents(), want_lists)
def test_after_a_merge_our_statements_are_the_desired_ones(
    mixed: tuple[str, list[ManagedStatement]], desired: list[Want]
) -> None:
    document, ours = mixed

    after = parse(put(document, desired, frozenset(statement.sid for statement in ours)))

    assert set(managed(after)) == set(desired_statements(desired))
    assert len(managed(after)) == len(set(managed(after)))


@quick
@given(mixed_documents(), want_lists)
def test_what_this_database_never_wrote_stays(
    mixed: tuple[str, list[ManagedStatement]], desired: list[Want]
) -> None:
    document, ours = mixed

    after = put(document, desired)

    kept = [strict(body) for body in statements_in(after)]
    assert [body for body in kept if body in map(strict, statements_in(document))] == [
        strict(body) for body in statements_in(document)
    ]
    assert set(unexplained(parse(after), sids_of(desired))) == {
        statement.sid for statement in ours
    } - sids_of(desired)


@quick
@given(documents(), want_lists)
def test_adding_and_removing_are_inverse(document: str, desired: list[Want]) -> None:
    added = put(document, desired)
    removed = put(added, [], sids_of(desired))

    assert canonical(removed) == canonical(document)
    assert fingerprint(removed) == fingerprint(document)
    assert foreign_in(removed) == foreign_in(document)


@quick
@given(mixed_documents(), want_lists)
def test_merging_twice_is_merging_once(
    mixed: tuple[str, list[ManagedStatement]], desired: list[Want]
) -> None:
    document, ours = mixed
    known = frozenset(statement.sid for statement in ours) | sids_of(desired)
    statements = desired_statements(desired)

    once = merge(parse(document), desired=statements, removable=known)
    read_back = parse(serialise(once))

    assert merge(once, desired=reversed(statements), removable=known) is once
    assert merge(read_back, desired=statements, removable=known) is read_back


@quick
@given(documents(), want_lists, want_lists)
def test_one_step_or_two_lead_to_the_same_meaning(
    document: str, first: list[Want], second: list[Want]
) -> None:
    two_steps = put(put(document, first), second, sids_of(first))

    assert canonical(two_steps) == canonical(put(document, second))


@quick
@given(documents(), st.integers(0, 120), st.integers(0, 20))
def test_the_limit_is_respected(document: str, accounts: int, people: int) -> None:
    asked = [
        Want(
            role_arn=RoleArn(f"arn:aws:iam::{number:012}:role/Workbench-{role}Role"),
            person=IdentityUserId(f"9067{number % 20:06}-0000") if number < people else None,
            ends_at=END,
        )
        for number in range(accounts)
        for role in ("ReadOnly", "Builder", "Execution")
    ]

    after = put(document, asked)

    # All that serialise leaves of white space stands inside of strings.
    counted = sum(len(character.encode()) for character in after if character not in " \t\n\r\x0b\x0c")
    assert size_bytes(after) == counted
    assert fits(after) == (counted <= LIMIT_BYTES)


@quick
@given(st.text(st.characters(exclude_categories=()), max_size=60) | anything.map(json.dumps))
def test_any_text_is_a_policy_or_refused(text: str) -> None:
    fingerprint(text)
    foreign_fingerprint(text)
    size_bytes(text)
    fits(text)
    try:
        policy = parse(text)
    except PolicyUnreadable:
        return
    assert parse(serialise(policy)) == policy


@quick
@given(documents(), st.data())
def test_a_damaged_document_is_a_policy_or_refused(document: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(document)))
    damage = data.draw(st.sampled_from(['"', "{", "}", "[", "]", ",", ":", "1", "\\", "NaN", "\ud800", "-0"]))
    text = document[:at] + damage + document[at + data.draw(st.integers(0, 3)) :]

    try:
        policy = parse(text)
    except PolicyUnreadable:
        return
    assert parse(serialise(policy)) == policy


@quick
@given(mixed_documents(), st.sampled_from([None, *PEOPLE]))
def test_no_statement_makes_the_evaluator_stumble(
    mixed: tuple[str, list[ManagedStatement]], person: IdentityUserId | None
) -> None:
    policy = parse(mixed[0])

    evaluate(policy, role_arn=ARNS[0], person=person, at=END, account=ACCOUNT)
    coverage(policy, role_arn=ARNS[0], person=person, at=END, account=ACCOUNT, managed=False)


@quick
@given(mixed_documents(), want_lists, st.booleans())
def test_the_proof_accepts_every_merge(
    mixed: tuple[str, list[ManagedStatement]], desired: list[Want], ours_are_known: bool
) -> None:
    document, ours = mixed
    known = frozenset(statement.sid for statement in ours) if ours_are_known else frozenset()

    after = put(document, desired, known)

    check_minimal(document, after, allowed=desired, removable=known)
    # And it is enough to ask for what is new.
    check_minimal(document, after, allowed=added_permissions(parse(document), parse(after)))
    steps = change(parse(document), parse(after))
    assert {statement.sid for statement in steps.removed} <= known
    assert (unified_diff(document, after) == "") == (
        strict(statements_in(document)) == strict(statements_in(after))
    )


def signed(body: dict[str, Any]) -> dict[str, Any]:
    """The statement with the Sid that its content asks for, as somebody who knows the rule would forge it."""
    content = {name: value for name, value in body.items() if name != "Sid"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return {"Sid": PREFIX + hashlib.sha256(text.encode()).hexdigest()[:16], **content}


def mutations_of_ours(body: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    resources = body["Resource"]
    found: list[tuple[str, dict[str, Any]]] = [
        ("an extra role", {"Resource": sorted([*resources, OTHER_ARN])}),
        ("a wildcard role", {"Resource": [*resources[:-1], resources[-1][:-1] + "*"]}),
        ("every role", {"Resource": "*"}),
        ("an added action", {"Action": ["sts:AssumeRole", "sts:TagSession"]}),
        ("every action", {"Action": "*"}),
        ("a deny", {"Effect": "Deny"}),
        ("another member", {"NotResource": "x"}),
    ]
    condition = body.get("Condition", {})
    for operator in condition:
        rest = {name: block for name, block in condition.items() if name != operator}
        found.append((f"no {operator}", {"Condition": rest}))
    if "DateLessThan" in condition:
        later = {"DateLessThan": {"aws:CurrentTime": "2099-01-01T00:00:00Z"}}
        found.append(("a later end", {"Condition": condition | later}))
    if "StringEquals" in condition:
        others = {"StringEquals": {"identitystore:UserId": ["alice", "bob", "mallory"]}}
        found.append(("another person", {"Condition": condition | others}))
    return found


one_want_per_role = st.lists(want, min_size=1, max_size=3, unique_by=lambda one: one.role_arn)


@quick
@given(documents(), one_want_per_role, st.booleans(), st.data())
def test_the_proof_rejects_whatever_makes_our_statements_wider(
    document: str, desired: list[Want], forged: bool, data: st.DataObject
) -> None:
    after = json.loads(put(document, desired))
    statements = after["Statement"]
    position = data.draw(st.integers(len(statements_in(document)), len(statements) - 1))
    _, members = data.draw(st.sampled_from(mutations_of_ours(statements[position])), label="mutation")
    body = {name: value for name, value in (statements[position] | members).items() if value != {}}
    statements[position] = signed(body) if forged else body

    with pytest.raises(NotMinimal):
        check_minimal(document, json.dumps(after), allowed=desired)


def drop(statements: list[Any], position: int) -> None:
    del statements[position]


def repeat(statements: list[Any], position: int) -> None:
    statements.insert(position, {k: v for k, v in statements[position].items() if k != "Sid"})


def rename(statements: list[Any], position: int) -> None:
    statements[position] = statements[position] | {"Sid": "Renamed"}


def flip(statements: list[Any], position: int) -> None:
    effect = {"Allow": "Deny", "Deny": "Allow"}[statements[position]["Effect"]]
    statements[position] = statements[position] | {"Effect": effect}


def stringify(statements: list[Any], position: int) -> None:
    statements[position] = statements[position] | {"n": "1"}


def reorder_members(statements: list[Any], position: int) -> None:
    statements[position] = dict(reversed(statements[position].items()))


def swap(statements: list[Any], position: int) -> None:
    other = (position + 1) % len(statements)
    statements[position], statements[other] = statements[other], statements[position]
    assume(strict(statements[position]) != strict(statements[other]))


def intrude(statements: list[Any], position: int) -> None:
    statements.insert(position, {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ARNS[0]})


@quick
@given(
    st.lists(foreign_statements(), min_size=2, max_size=4).filter(unique_sids),
    want_lists,
    st.sampled_from([drop, repeat, rename, flip, stringify, reorder_members, swap, intrude]),
    st.data(),
)
def test_the_proof_rejects_whatever_happens_to_foreign_statements(
    foreign: list[dict[str, Any]],
    desired: list[Want],
    mutate: Callable[[list[Any], int], None],
    data: st.DataObject,
) -> None:
    before = json.dumps({"Version": "2012-10-17", "Statement": foreign})
    after = json.loads(put(before, desired))
    own = after["Statement"][len(foreign) :]
    mutated = after["Statement"][: len(foreign)]
    mutate(mutated, data.draw(st.integers(0, len(foreign) - 1)))

    document = json.dumps(after | {"Statement": mutated + own})

    with pytest.raises(NotMinimal):
        check_minimal(before, document, allowed=desired)
