"""Who may decide a request, and when enough have said yes."""

from datetime import timedelta

import pytest

from bot.domain.approval import Tally, can_be_decided, may_decide, tally
from bot.domain.errors import Code, Refusal
from bot.domain.names import SlackUserId
from bot.domain.request import AccessRequest, RequestStatus
from bot.domain.rules import Rule
from tests.builders import ALICE, BOB, CAROL, DAN, a_request, a_rule
from tests.fakes.clock import NOON

APPROVERS = frozenset({BOB, CAROL})
TTL = timedelta(days=3)


def refusal(
    request: AccessRequest,
    by: SlackUserId,
    *,
    rule: Rule | None = None,
    approvers: frozenset[SlackUserId] = APPROVERS,
    after: timedelta = timedelta(0),
) -> Refusal:
    with pytest.raises(Refusal) as caught:
        may_decide(request, by, rule=rule or a_rule(), approvers=approvers, at=NOON + after)
    return caught.value


def test_an_approver_may_decide_until_the_last_moment() -> None:
    may_decide(
        a_request(), BOB, rule=a_rule(), approvers=APPROVERS, at=NOON + TTL - timedelta(microseconds=1)
    )


def test_a_request_has_expired_at_the_instant_it_says() -> None:
    refused = refusal(a_request(), BOB, after=TTL)

    assert refused.code is Code.EXPIRED
    assert refused.facts == {"label": "WA-17", "at": int((NOON + TTL).timestamp())}


def test_whoever_is_no_approver_is_refused() -> None:
    assert refusal(a_request(), DAN).code is Code.NOT_AN_APPROVER
    assert refusal(a_request(), BOB, approvers=frozenset()).code is Code.NOT_AN_APPROVER


def test_nobody_decides_their_own_request() -> None:
    refused = refusal(a_request(), ALICE, approvers=APPROVERS | {ALICE})

    assert refused.code is Code.OWN_REQUEST


def test_where_self_approval_is_allowed_an_approver_decides_their_own_request() -> None:
    rule = a_rule(self_approval=True)

    may_decide(a_request(), ALICE, rule=rule, approvers=APPROVERS | {ALICE}, at=NOON)


def test_self_approval_makes_nobody_an_approver() -> None:
    assert refusal(a_request(), ALICE, rule=a_rule(self_approval=True)).code is Code.NOT_AN_APPROVER


@pytest.mark.parametrize("status", [each for each in RequestStatus if each is not RequestStatus.PENDING])
def test_whoever_is_late_is_told_who_was_first(status: RequestStatus) -> None:
    refused = refusal(a_request(status), CAROL)

    assert refused.code is Code.ALREADY_DECIDED
    assert refused.facts == {
        "label": "WA-17",
        "status": status.value,
        "by": BOB,
        "at": int(NOON.timestamp()),
    }


def test_whoever_is_late_and_no_approver_is_told_who_was_first() -> None:
    late = refusal(a_request(RequestStatus.APPROVED), DAN, after=TTL)

    assert late.code is Code.ALREADY_DECIDED


def test_a_request_that_the_bot_itself_closed_names_nobody() -> None:
    assert refusal(a_request(RequestStatus.EXPIRED, by=None), BOB).facts["by"] == ""


@pytest.mark.parametrize(
    ("said_yes", "also", "need", "have"),
    [
        ((), BOB, 1, 1),
        ((), BOB, 2, 1),
        ((BOB,), CAROL, 2, 2),
        ((BOB,), BOB, 2, 1),
        ((BOB, CAROL), None, 2, 2),
        ((DAN,), BOB, 2, 1),
        ((), DAN, 1, 0),
        ((), None, 1, 0),
    ],
)
def test_only_those_who_are_approvers_now_count_and_each_once(
    said_yes: tuple[SlackUserId, ...], also: SlackUserId | None, need: int, have: int
) -> None:
    count = tally(a_request(approvals=said_yes), also, rule=a_rule(approvals=need), approvers=APPROVERS)

    assert count == Tally(have=have, need=need)
    assert count.is_enough is (have >= need)


@pytest.mark.parametrize(("self_approval", "have"), [(False, 1), (True, 2)])
def test_the_requesters_own_yes_counts_only_where_it_may(self_approval: bool, have: int) -> None:
    rule = a_rule(self_approval=self_approval, approvals=2)

    count = tally(a_request(approvals=[ALICE]), BOB, rule=rule, approvers=APPROVERS | {ALICE})

    assert count.have == have


@pytest.mark.parametrize(
    ("approvers", "self_approval", "need", "can"),
    [
        ({BOB}, False, 1, True),
        ({BOB}, False, 2, False),
        ({ALICE}, False, 1, False),
        ({ALICE}, True, 1, True),
        ({ALICE, BOB}, False, 2, False),
        ({ALICE, BOB}, True, 2, True),
        (set(), True, 1, False),
    ],
)
def test_nobody_is_asked_for_what_nobody_could_approve(
    approvers: set[SlackUserId], self_approval: bool, need: int, can: bool
) -> None:
    rule = a_rule(self_approval=self_approval, approvals=need)

    assert can_be_decided(ALICE, rule=rule, approvers=frozenset(approvers)) is can
