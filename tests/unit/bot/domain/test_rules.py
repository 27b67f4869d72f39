"""Which rule holds for a request, and who may decide it."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import Code, Refusal
from bot.domain.names import AccountId, PermissionSetName, RoleName, SlackUserId
from bot.domain.rules import ApproverSource, Rule, SetRules, approvers

READ, BUILD, EXECUTE = (
    RoleName("Workbench-ReadOnlyRole"),
    RoleName("Workbench-BuilderRole"),
    RoleName("Execution"),
)
DAY = timedelta(days=1)


def people(*names: str) -> frozenset[SlackUserId]:
    return frozenset(SlackUserId(name) for name in names)


def a_source(*users: str, groups: tuple[str, ...] = ()) -> ApproverSource:
    return ApproverSource(users=people(*users), groups=frozenset(groups))


def a_rule(
    *sources: ApproverSource,
    approvals: int = 1,
    self_approval: bool = False,
    durations: tuple[timedelta | None, ...] = (DAY, None),
    request_ttl: timedelta = 3 * DAY,
) -> Rule:
    return Rule(
        approver_sources=sources or (a_source("U0A"),),
        approvals=approvals,
        self_approval=self_approval,
        durations=durations,
        request_ttl=request_ttl,
    )


def a_set(**by_role: Rule) -> SetRules:
    rules = {RoleName(role): rule for role, rule in by_role.items()}
    return SetRules(name=PermissionSetName("DataScientist"), accounts=None, roles=tuple(rules), by_role=rules)


def test_approvers_are_the_named_users_and_the_members_of_the_groups() -> None:
    rule = a_rule(a_source("U0A", groups=("S0G", "S0H")))

    who = approvers(rule, {"S0G": people("U0B"), "S0H": people("U0C"), "S0OTHER": people("U0X")})

    assert who == people("U0A", "U0B", "U0C")
    assert rule.groups == {"S0G", "S0H"}


def test_a_group_that_was_not_read_makes_nobody_an_approver() -> None:
    assert approvers(a_rule(a_source("U0A", groups=("S0G",))), {}) == people("U0A")


def test_a_rule_without_any_source_has_no_approver() -> None:
    rule = Rule(approver_sources=(), approvals=1, self_approval=True, durations=(None,), request_ttl=DAY)

    assert approvers(rule, {"S0G": people("U0A")}) == frozenset()


def test_approver_of_several_roles_may_decide_each_of_them() -> None:
    rules = a_set(read=a_rule(a_source("U0A", "U0B")), build=a_rule(a_source("U0A", groups=("S0G",))))

    both = rules.combined([RoleName("read"), RoleName("build")])

    assert approvers(both, {"S0G": people("U0B", "U0C")}) == people("U0A", "U0B")
    assert approvers(both, {"S0G": people("U0C")}) == people("U0A")
    assert both.groups == {"S0G"}


def test_equal_approvers_of_several_roles_are_kept_once() -> None:
    rules = a_set(read=a_rule(), build=a_rule(), execute=a_rule(a_source("U0B")))

    everything = rules.combined(rules.roles)

    assert everything.approver_sources == (a_source("U0A"), a_source("U0B"))


def test_several_roles_are_held_to_the_strictest_rule() -> None:
    week, month = 7 * DAY, 30 * DAY
    rules = a_set(
        read=a_rule(approvals=1, self_approval=True, durations=(month, week, DAY, None), request_ttl=3 * DAY),
        build=a_rule(approvals=3, self_approval=False, durations=(DAY, week, month), request_ttl=2 * DAY),
        execute=a_rule(approvals=2, self_approval=True, durations=(DAY, month), request_ttl=DAY),
    )

    strictest = rules.combined(rules.roles)

    assert strictest.approvals == 3
    assert not strictest.self_approval
    assert strictest.durations == (month, DAY)
    assert strictest.request_ttl == DAY


def test_roles_without_a_common_duration_leave_none_to_choose() -> None:
    rules = a_set(read=a_rule(durations=(None,)), build=a_rule(durations=(DAY,)))

    assert rules.combined(rules.roles).durations == ()


def test_one_role_alone_keeps_its_own_rule() -> None:
    rules = a_set(read=a_rule(approvals=1), build=a_rule(approvals=2))

    assert rules.combined([RoleName("build"), RoleName("build")]) == rules.by_role[RoleName("build")]


def test_a_role_that_is_not_configured_is_refused_by_name() -> None:
    with pytest.raises(Refusal) as refused:
        a_set(read=a_rule()).combined([RoleName("read"), RoleName("Admin")])

    assert refused.value.code is Code.ROLE_NOT_OFFERED
    assert refused.value.facts == {"role": "Admin", "permission_set": "DataScientist"}


def test_no_role_at_all_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        a_set(read=a_rule()).combined([])

    assert refused.value.code is Code.NOTHING_CHOSEN


@pytest.mark.parametrize(("accounts", "offered"), [(None, True), (["1" * 12], True), (["2" * 12], False)])
def test_account_is_offered_where_the_set_says_so_or_everywhere(
    accounts: list[str] | None, offered: bool
) -> None:
    named = None if accounts is None else frozenset(AccountId(account) for account in accounts)
    rules = SetRules(name=PermissionSetName("A"), accounts=named, roles=(READ,), by_role={READ: a_rule()})

    assert rules.offers(AccountId("1" * 12)) is offered


_users = st.frozensets(st.sampled_from([SlackUserId(f"U0{letter}") for letter in "ABCD"]))
_groups = st.frozensets(st.sampled_from(["S0G", "S0H"]))
_rules = st.builds(
    Rule,
    approver_sources=st.tuples(st.builds(ApproverSource, users=_users, groups=_groups)),
    approvals=st.integers(1, 4),
    self_approval=st.booleans(),
    durations=st.lists(st.sampled_from([DAY, 7 * DAY, None]), min_size=1, unique=True).map(tuple),
    request_ttl=st.sampled_from([DAY, 3 * DAY]),
)


@given(
    st.tuples(_rules, _rules, _rules),
    st.permutations([READ, BUILD, EXECUTE]),
    st.dictionaries(st.sampled_from(["S0G", "S0H"]), _users),
)
def test_asking_for_more_roles_never_makes_it_easier_in_whatever_order(
    rules: tuple[Rule, Rule, Rule], order: list[RoleName], members: dict[str, frozenset[SlackUserId]]
) -> None:
    by_role = dict(zip((READ, BUILD, EXECUTE), rules, strict=True))
    configured = SetRules(
        name=PermissionSetName("A"), accounts=None, roles=(READ, BUILD, EXECUTE), by_role=by_role
    )

    combined = configured.combined(order)

    assert combined == configured.combined(reversed(order))
    for rule in rules:
        assert approvers(combined, members) <= approvers(rule, members)
        assert combined.approvals >= rule.approvals
        assert combined.self_approval <= rule.self_approval
        assert set(combined.durations) <= set(rule.durations)
        assert combined.request_ttl <= rule.request_ttl
