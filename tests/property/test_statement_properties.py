"""What wants become says exactly what the wants say, whoever reads it."""

import json
from datetime import UTC, datetime, timedelta
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.evaluate import Answer, coverage, evaluate
from bot.domain.names import AccountId, IdentityUserId, RoleArn
from bot.domain.policy import EMPTY, merge, parse, serialise
from bot.domain.statements import (
    Want,
    desired_statements,
    ends_at_for,
    outlasts,
    parse_managed,
)

ACCOUNT = AccountId("111111111111")
ARNS = [RoleArn(f"arn:aws:iam::{ACCOUNT}:role/Workbench-{name}") for name in ("A", "B", "C")]
PEOPLE = [IdentityUserId(person) for person in ("alice", "bob", "carol")]
STRANGER = IdentityUserId("dan")
FIRST = datetime(2026, 11, 29, 14, 15, tzinfo=UTC)
ENDS = [FIRST, FIRST + timedelta(minutes=15), FIRST + timedelta(days=1)]
NAIVE_2020, NAIVE_2090 = (FIRST.replace(year=year, tzinfo=None) for year in (2020, 2090))
SECOND = timedelta(seconds=1)
INSTANTS = [instant for end in ENDS for instant in (end - SECOND, end)]

wants = st.lists(
    st.builds(
        Want,
        role_arn=st.sampled_from(ARNS),
        person=st.sampled_from([None, *PEOPLE]),
        ends_at=st.sampled_from([None, *ENDS]),
    ),
    max_size=14,
)
quick = settings(max_examples=100, deadline=None)


def wanted(asked: list[Want], arn: RoleArn, person: IdentityUserId | None, at: datetime) -> bool:
    """The oracle: some want names the role, is for this person or everyone, and has not ended."""
    return any(
        want.role_arn == arn and want.person in (None, person) and (want.ends_at is None or at < want.ends_at)
        for want in asked
    )


@quick
@given(wants)
def test_everybody_may_do_exactly_what_some_want_allows(asked: list[Want]) -> None:
    document = serialise(merge(EMPTY, desired=desired_statements(asked), removable=frozenset()))
    policy = parse(document)

    for arn, person, at in product(ARNS, [*PEOPLE, STRANGER, None], INSTANTS):
        verdict = evaluate(policy, role_arn=arn, person=person, at=at, account=ACCOUNT)

        assert (verdict.allowed is Answer.YES) == wanted(asked, arn, person, at)
        assert verdict.allowed is not Answer.UNKNOWN


@quick
@given(wants)
def test_coverage_ends_exactly_when_the_last_want_does(asked: list[Want]) -> None:
    policy = merge(EMPTY, desired=desired_statements(asked), removable=frozenset())
    at = INSTANTS[0]

    for arn, person in product(ARNS, PEOPLE):
        found = coverage(policy, role_arn=arn, person=person, at=at, account=ACCOUNT, managed=True)
        ends = [want.ends_at for want in asked if want.role_arn == arn and want.person in (None, person)]

        assert (found.answer is Answer.YES) == bool(ends)
        if ends:
            assert found.ends_at == (None if None in ends else max(end for end in ends if end))


@quick
@given(wants.flatmap(lambda asked: st.tuples(st.just(asked), st.permutations(asked))))
def test_the_order_and_repetition_of_wants_do_not_matter(orders: tuple[list[Want], list[Want]]) -> None:
    asked, shuffled = orders

    assert desired_statements(asked) == desired_statements(shuffled)
    assert desired_statements(asked) == desired_statements([*shuffled, *asked])


@quick
@given(wants)
def test_normalised_wants_are_normal(asked: list[Want]) -> None:
    once = desired_statements(asked)

    assert desired_statements(want for statement in once for want in statement.wants) == once


@quick
@given(wants)
def test_there_is_one_statement_per_end_and_people(asked: list[Want]) -> None:
    statements = desired_statements(asked)

    groups = [(statement.ends_at, statement.people) for statement in statements]
    members = [(end, person) for end, people in groups for person in people]

    assert len(set(groups)) == len(groups)
    assert len(set(members)) == len(members)
    assert len({statement.sid for statement in statements}) == len(statements)


@quick
@given(wants)
def test_no_statement_repeats_what_another_allows_for_as_long(asked: list[Want]) -> None:
    allowed = [want for statement in desired_statements(asked) for want in statement.wants]

    for one in allowed:
        for other in allowed:
            if one is not other and one.role_arn == other.role_arn and other.person in (None, one.person):
                assert not outlasts(other.ends_at, one.ends_at)


@quick
@given(wants)
def test_what_is_written_is_read_back(asked: list[Want]) -> None:
    for statement in desired_statements(asked):
        assert parse_managed(json.loads(json.dumps(statement.to_json()))) == statement


@quick
@given(
    st.datetimes(min_value=NAIVE_2020, max_value=NAIVE_2090, timezones=st.timezones()),
    st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=400)),
)
def test_an_end_is_the_first_quarter_of_an_hour_that_is_not_too_early(
    decided_at: datetime, span: timedelta
) -> None:
    ends_at = ends_at_for(decided_at, span)

    assert ends_at is not None
    assert ends_at.utcoffset() == timedelta(0)
    assert (ends_at.minute % 15, ends_at.second, ends_at.microsecond) == (0, 0, 0)
    due = decided_at.astimezone(UTC) + span
    assert due <= ends_at < due + timedelta(minutes=15)
