"""What the management account shows: a provisioning of our own vouches for the policy that it carried only."""

from datetime import timedelta

import pytest

from bot.domain.errors import Code
from bot.domain.grant import Copies, Push
from bot.domain.names import AccountId, role_arn
from bot.domain.policy import foreign_fingerprint, parse
from bot.domain.three_valued import Answer
from bot.domain.verification import Check
from bot.usecases.checks.central import Provisioned, provisioned_check, read_provisioned
from tests.builders import BUILDER, PROD, SET, a_foreign, a_grant, a_policy, a_push, a_target
from tests.fakes.clock import NOON
from tests.fakes.identity_center import ALICE_IDENTITY, FakeIdentityCenter


async def _read(push: Push, *, pushed: frozenset[AccountId] = frozenset({PROD})) -> Provisioned:
    """Of the production account, which holds an older version; `pushed`: where we have just provisioned."""
    aws = FakeIdentityCenter()
    aws.policy = a_policy([a_grant()])
    arn = aws.sets[SET]
    aws.held[arn][PROD] = ""
    return await read_provisioned(aws, arn, [AccountId(PROD)], [push], pushed=pushed)


async def test_a_provisioning_that_has_just_succeeded_saves_asking_aws() -> None:
    found = await _read(a_push(a_policy([a_grant()])))

    assert found.latest is None
    assert found.trouble is None


async def test_a_provisioning_from_before_the_policy_changed_proves_nothing() -> None:
    """The Put has changed what this account should hold, and nothing has travelled there since."""
    found = await _read(a_push(None))

    assert found.latest == frozenset()
    assert found.everywhere == {PROD}


async def test_a_provisioning_of_long_ago_saves_nothing() -> None:
    found = await _read(a_push(a_policy([a_grant()])), pushed=frozenset())

    assert found.latest == frozenset()


HOUR = timedelta(hours=1)
OURS, THEIRS = a_policy([a_grant()]), a_policy([a_grant()], [a_foreign()])


def _left_behind(copies: Copies) -> Check:
    """An account that we provisioned at noon with today's policy, and that is said to hold an older version."""
    seen = Provisioned(
        latest=frozenset(), everywhere=frozenset({PROD}), pushes=(a_push(OURS),), copies=copies
    )
    return provisioned_check(
        a_target(),
        seen,
        role_arn=role_arn("aws", PROD, BUILDER),
        identity=ALICE_IDENTITY,
        live=parse(OURS),
        at=NOON + 3 * HOUR,
    )


NEVER = Copies(permission_set=SET)
BEFORE = NEVER.seen(foreign_fingerprint(OURS), {PROD}, at=NOON - HOUR)
CHANGED = BEFORE.seen(foreign_fingerprint(THEIRS), {PROD}, at=NOON + HOUR)
RESTORED = CHANGED.seen(foreign_fingerprint(OURS), set(), at=NOON + 2 * HOUR)


@pytest.mark.parametrize("copies", [NEVER, BEFORE])
def test_what_only_we_have_left_behind_holds_what_we_brought_there(copies: Copies) -> None:
    assert _left_behind(copies).answer is Answer.YES


@pytest.mark.parametrize("copies", [CHANGED, RESTORED])
def test_an_edit_that_was_seen_since_and_taken_back_may_have_travelled(copies: Copies) -> None:
    found = _left_behind(copies)

    assert (found.answer, found.code) == (Answer.UNKNOWN, Code.NOT_PROVISIONED)
