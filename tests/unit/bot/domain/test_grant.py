"""The grant: its statuses, and when the policy should hold it."""

import pytest

from bot.domain.grant import TRANSITIONS, GrantStatus, PushStatus
from bot.domain.names import IdentityUserId
from bot.domain.statements import Want
from tests.builders import WEEK, a_grant, a_push
from tests.fakes.clock import NOON


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("already_allowed", [True, False])
def test_the_policy_holds_what_is_open_and_what_failed_after_it_was_written(
    written: bool, already_allowed: bool
) -> None:
    wanted = {
        status
        for status in GrantStatus
        if a_grant(status=status, written=written, already_allowed=already_allowed).is_wanted
    }

    open_ones = set() if already_allowed else {GrantStatus.PROVISIONING, GrantStatus.ACTIVE}
    assert wanted == open_ones | ({GrantStatus.FAILED} if written else set())


def test_only_what_is_under_way_is_unsettled() -> None:
    unsettled = {status for status in GrantStatus if not a_grant(status=status).is_settled}

    assert unsettled == {GrantStatus.PROVISIONING, GrantStatus.ENDING}


def test_ended_is_the_end_and_every_status_leads_there() -> None:
    reached = {GrantStatus.ENDED}
    for _ in GrantStatus:
        reached |= {status for status, ways in TRANSITIONS.items() if ways & reached}

    assert TRANSITIONS[GrantStatus.ENDED] == frozenset()
    assert reached == set(GrantStatus) == set(TRANSITIONS)


def test_nothing_becomes_active_without_having_been_provisioned() -> None:
    before_active = {status for status, ways in TRANSITIONS.items() if GrantStatus.ACTIVE in ways}

    assert before_active == {GrantStatus.PROVISIONING}


def test_what_ends_does_not_come_back() -> None:
    assert TRANSITIONS[GrantStatus.ENDING] == {GrantStatus.ENDED}


def test_a_grant_wants_its_role_for_its_person_until_its_end() -> None:
    grant = a_grant(person=IdentityUserId("u-1"))

    assert grant.want == Want(role_arn=grant.role_arn, person=IdentityUserId("u-1"), ends_at=NOON + WEEK)


def test_a_push_is_in_flight_until_aws_has_said_how_it_ended() -> None:
    flying = {status for status in PushStatus if a_push("", status=status).is_in_flight}

    assert flying == {PushStatus.STARTING, PushStatus.IN_PROGRESS}
