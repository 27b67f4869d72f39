"""The self-check with a member role, and with proofs."""

from datetime import datetime, timedelta

import pytest

from bot.domain.errors import Code, Provisioning
from bot.domain.evaluate import Answer
from bot.domain.names import role_arn
from bot.domain.proof import ChallengeId, Proof
from bot.domain.statements import Want
from bot.domain.verification import Level, Link
from tests.builders import ALICE, BUILDER, PROD, READER, SET, WEEK, a_policy, a_push, a_target
from tests.fakes.clock import NOON
from tests.fakes.identity_center import ALICE_IDENTITY
from tests.fakes.members import FakeMembers
from tests.fakes.world import World
from tests.unit.bot.usecases.self_check.checking import NOBODY, answer_of, check


async def proved(world: World, at: datetime, *, only_me: bool = False) -> None:
    """Alice has shown that she can assume the builder role."""
    proof = Proof(
        user=ALICE,
        target=a_target(),
        permission_set=SET,
        at=at,
        only_me=only_me,
        sso_user="alice",
        request=None,
    )
    await world.database.run(lambda tx: tx.add_proof(ChallengeId(f"c-{at.isoformat()}"), proof))


@pytest.mark.usefixtures("members")
async def test_an_account_that_can_be_looked_into_is_predicted(world: World) -> None:
    assert (await check(world)).level is Level.PREDICTED


async def test_a_role_known_to_be_missing_means_no_level_at_all(world: World, members: FakeMembers) -> None:
    members.missing = {BUILDER}

    verification = await check(world)

    assert verification.level is Level.NONE
    assert answer_of(verification, Link.ROLE_EXISTS) == (Answer.NO, Code.ROLE_NOT_FOUND)


async def test_an_account_that_refuses_leaves_configured_standing(world: World, members: FakeMembers) -> None:
    members.closed[PROD] = Provisioning(Code.ACCESS_DENIED, reason="not you")

    verification = await check(world)

    assert verification.level is Level.CONFIGURED
    assert verification.held_back is not None
    assert (verification.held_back.code, verification.held_back.detail) == (Code.ACCESS_DENIED, "not you")


@pytest.mark.usefixtures("members")
async def test_only_me_is_predicted_once_somebody_has_shown_that_aws_honours_it(world: World) -> None:
    mine = Want(role_arn=role_arn("aws", PROD, BUILDER), person=ALICE_IDENTITY.user_id, ends_at=None)
    world.aws.policy = a_policy([mine])
    world.aws.provision_everywhere(PROD)

    untried = await check(world)
    await proved(world, NOON - timedelta(days=9), only_me=True)
    tried = await check(world)

    assert (untried.level, untried.is_untried) == (Level.CONFIGURED, True)
    assert (tried.level, tried.is_untried) == (Level.PREDICTED, False)


def an_older_version(world: World, members: FakeMembers, held: Want, *live: Want) -> None:
    """The account's role holds one statement; the policy has others by now that never got there."""
    world.aws.policy = a_policy([held])
    world.aws.provision_everywhere(PROD)
    world.aws.policy = a_policy([held, *live])
    members.held = world.aws.held[world.aws.sets[SET]]


def wants(*, until: datetime | None, mine: bool = False) -> Want:
    person = ALICE_IDENTITY.user_id if mine else None
    return Want(role_arn=role_arn("aws", PROD, BUILDER), person=person, ends_at=until)


@pytest.mark.parametrize("extended", [None, NOON + 2 * WEEK])
async def test_an_extension_that_has_not_arrived_does_not_move_the_end(
    world: World, members: FakeMembers, extended: datetime | None
) -> None:
    an_older_version(world, members, wants(until=NOON + WEEK), wants(until=extended))

    verification = await check(world)

    assert verification.level is Level.PREDICTED
    assert (verification.until, verification.is_endless) == (NOON + WEEK, False)


async def test_an_older_version_without_an_end_ends_with_the_next_provisioning_of_the_newer(
    world: World, members: FakeMembers
) -> None:
    an_older_version(world, members, wants(until=None))
    world.aws.policy = a_policy([wants(until=NOON + WEEK)])

    verification = await check(world)

    assert (verification.until, verification.is_endless) == (NOON + WEEK, False)


async def test_an_older_version_without_an_end_has_none(world: World, members: FakeMembers) -> None:
    an_older_version(world, members, wants(until=None), wants(until=None, mine=True))

    verification = await check(world)

    assert (verification.until, verification.is_endless) == (None, True)


async def test_an_untried_only_me_stays_untried_while_an_everyone_has_not_arrived(
    world: World, members: FakeMembers
) -> None:
    an_older_version(world, members, wants(until=NOON + WEEK, mine=True), wants(until=NOON + WEEK))

    verification = await check(world)

    assert (verification.level, verification.is_untried) == (Level.CONFIGURED, True)


async def test_an_older_version_that_cannot_be_read_has_an_unknown_end_and_is_no_prediction(
    world: World, members: FakeMembers
) -> None:
    an_older_version(world, members, wants(until=NOON + WEEK), wants(until=None))
    members.held = None

    verification = await check(world)

    assert verification.level is Level.CONFIGURED
    assert (verification.until, verification.is_endless) == (None, False)


async def test_an_older_version_of_our_own_making_ends_when_it_says(world: World) -> None:
    held = a_policy([wants(until=NOON + WEEK)])
    world.aws.held[world.aws.sets[SET]][PROD] = held
    world.aws.policy = a_policy([wants(until=NOON + WEEK), wants(until=None)])
    await world.database.run(lambda tx: tx.save_push(a_push(held)))

    verification = await check(world)

    assert verification.level is Level.CONFIGURED
    assert (verification.until, verification.is_endless) == (NOON + WEEK, False)


@pytest.mark.parametrize(
    ("age", "level"),
    [(timedelta(minutes=59), Level.PROVEN), (timedelta(minutes=61), Level.CONFIGURED)],
)
async def test_a_proof_stands_for_an_hour_and_is_remembered_afterwards(
    world: World, age: timedelta, level: Level
) -> None:
    await proved(world, NOON - age)

    verification = await check(world)

    assert (verification.level, verification.proven_at) == (level, NOON - age)


async def test_a_no_stands_against_a_recent_proof(world: World) -> None:
    await proved(world, NOON - timedelta(minutes=1))
    world.aws.assigned[PROD] = NOBODY

    assert (await check(world)).level is Level.NONE


async def test_a_proof_of_one_role_says_nothing_of_another(world: World) -> None:
    await proved(world, NOON - timedelta(minutes=1))

    report = await world.self_check.check(SET, [a_target(role=READER)], ALICE_IDENTITY, ALICE)

    assert report.verifications[0].proven_at is None


@pytest.mark.usefixtures("members")
async def test_what_iam_holds_counts_more_than_the_version_that_identity_center_remembers(
    world: World,
) -> None:
    world.aws.held[world.aws.sets[SET]][PROD] = "older"

    assert answer_of(await check(world), Link.PROVISIONED) == (Answer.YES, None)
