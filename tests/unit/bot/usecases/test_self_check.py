"""The self-check, and the verification after a change: never more than was checked."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.errors import Code, Provisioning, Refusal, Unavailable
from bot.domain.evaluate import Answer
from bot.domain.grant import PushStatus
from bot.domain.names import AccountId, role_arn
from bot.domain.proof import ChallengeId, Proof
from bot.domain.request import RequestId
from bot.domain.statements import Want
from bot.domain.verification import WITHIN, Level, Link, Verification
from bot.ports.identity_center import Assignees, Attachments
from tests.builders import (
    ALICE,
    BUILDER,
    PROD,
    READER,
    SET,
    TEST,
    WEEK,
    a_foreign,
    a_grant,
    a_person,
    a_policy,
    a_push,
    a_target,
    an_ask,
    set_rules,
    some_rules,
)
from tests.fakes.clock import NOON
from tests.fakes.identity_center import ALICE_IDENTITY
from tests.fakes.members import FakeMembers
from tests.fakes.world import World, a_world

ONE = RequestId(1)
NOBODY = Assignees(users=frozenset(), groups=frozenset())


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world(rules=some_rules(set_rules())) as world:
        world.aws.policy = a_policy([a_grant()])
        world.aws.provision_everywhere(PROD)
        yield world


async def check(world: World) -> Verification:
    """Of the one builder role in the production account."""
    report = await world.self_check.check(SET, [a_target()], ALICE_IDENTITY, ALICE)
    (verification,) = report.verifications
    return verification


def answer_of(verification: Verification, link: Link) -> tuple[Answer, Code | None]:
    (found,) = [check for check in verification.checks if check.link is link]
    return found.answer, found.code


async def test_what_the_management_account_shows_is_configured_and_no_more(world: World) -> None:
    verification = await check(world)

    assert verification.level is Level.CONFIGURED
    assert verification.until == NOON + WEEK
    assert answer_of(verification, Link.ROLE_EXISTS) == (Answer.UNKNOWN, None)
    assert verification.broken is None


async def test_a_policy_that_is_written_while_we_look_is_not_called_configured(world: World) -> None:
    world.aws.policy = a_policy()
    world.aws.provision_everywhere(PROD)

    async def somebody_writes(call: str) -> None:
        if call == "read_policy":
            for _ in range(20):  # whatever is asked at the same time has its answer by now
                await asyncio.sleep(0)
            world.aws.policy = a_policy([a_grant()])

    world.aws.before = somebody_writes

    verification = await check(world)

    assert answer_of(verification, Link.ALLOWED) == (Answer.YES, None)
    assert answer_of(verification, Link.PROVISIONED) == (Answer.NO, Code.NOT_PROVISIONED)
    assert verification.level is Level.NONE


async def test_somebody_who_is_not_assigned_is_told_so(world: World) -> None:
    world.aws.assigned[PROD] = NOBODY

    assert answer_of(await check(world), Link.ASSIGNED) == (Answer.NO, Code.NOT_ASSIGNED)


async def test_an_assignment_through_a_group_counts(world: World) -> None:
    world.aws.assigned[PROD] = replace(NOBODY, groups=frozenset({"g-1"}))  # type: ignore[arg-type]
    world.aws.groups["g-1"] = frozenset({ALICE_IDENTITY.user_id})  # type: ignore[index]

    assert answer_of(await check(world), Link.ASSIGNED) == (Answer.YES, None)


async def test_a_policy_that_does_not_allow_it_is_named(world: World) -> None:
    world.aws.policy = ""
    world.aws.provision_everywhere(PROD)

    verification = await check(world)

    assert verification.level is Level.NONE
    assert verification.broken is not None
    assert verification.broken.code is Code.NOT_ALLOWED
    assert verification.until is None


async def test_an_explicit_deny_is_named_with_its_statement(world: World) -> None:
    deny = a_foreign("TheirDeny", Effect="Deny", Action="*", Resource="*")
    world.aws.policy = a_policy([a_grant()], [deny])
    world.aws.provision_everywhere(PROD)

    verification = await check(world)

    (denied,) = [each for each in verification.checks if each.link is Link.NOT_DENIED]
    assert (denied.answer, denied.code, denied.detail) == (Answer.NO, Code.EXPLICIT_DENY, "TheirDeny")
    assert verification.level is Level.NONE


async def test_a_set_that_is_not_provisioned_there_is_named(world: World) -> None:
    report = await world.self_check.check(SET, [a_target(TEST)], ALICE_IDENTITY, ALICE)

    assert answer_of(report.verifications[0], Link.PROVISIONED) == (Answer.NO, Code.NOT_PROVISIONED)


async def test_an_account_with_an_older_version_is_not_provisioned(world: World) -> None:
    world.aws.held[world.aws.sets[SET]][PROD] = ""

    assert answer_of(await check(world), Link.PROVISIONED) == (Answer.NO, Code.NOT_PROVISIONED)


async def test_an_older_version_of_ours_that_allows_it_counts(world: World) -> None:
    held = world.aws.policy
    world.aws.policy = a_policy([a_grant(), a_grant(target=a_target(TEST))])
    await world.database.run(lambda tx: tx.save_push(a_push(held)))

    assert answer_of(await check(world), Link.PROVISIONED) == (Answer.YES, None)


async def test_an_older_version_of_ours_proves_nothing_after_somebody_elses_edit(world: World) -> None:
    """They may have provisioned it there too; the bot would be the last to know."""
    held = world.aws.policy
    world.aws.policy = a_policy([a_grant()], [a_foreign()])
    await world.database.run(lambda tx: tx.save_push(a_push(held)))

    verification = await check(world)

    assert answer_of(verification, Link.PROVISIONED)[0] is Answer.UNKNOWN
    assert verification.level is Level.NONE


@pytest.mark.parametrize(
    "push",
    [
        a_push(a_policy([a_grant(target=a_target(TEST))])),
        a_push(a_policy([a_grant()]), status=PushStatus.IN_PROGRESS),
        a_push(None, status=PushStatus.FAILED),
    ],
)
async def test_an_older_version_that_does_not_surely_allow_it_does_not_count(
    world: World, push: object
) -> None:
    world.aws.policy = a_policy([a_grant(), a_grant(target=a_target(TEST))])
    await world.database.run(lambda tx: tx.save_push(push))  # type: ignore[arg-type]

    assert answer_of(await check(world), Link.PROVISIONED) == (Answer.NO, Code.NOT_PROVISIONED)


@pytest.mark.parametrize(
    ("call", "links"),
    [
        ("read_policy", {Link.ALLOWED, Link.NOT_DENIED}),
        ("assignees", {Link.ASSIGNED}),
        ("latest_accounts", {Link.PROVISIONED}),
    ],
)
@pytest.mark.parametrize("error", [Unavailable(Code.AWS_UNAVAILABLE), Provisioning(Code.ACCESS_DENIED)])
async def test_what_aws_does_not_tell_is_unknown_and_no_level(
    world: World, call: str, links: set[Link], error: Exception
) -> None:
    world.aws.errors[call] = error  # type: ignore[assignment]

    verification = await check(world)

    unknown = {each.link for each in verification.checks if each.answer is Answer.UNKNOWN}
    assert unknown == links | set(WITHIN)
    assert verification.level is Level.NONE


async def test_an_unreadable_policy_is_unknown(world: World) -> None:
    world.aws.policy = "{"
    world.aws.provision_everywhere(PROD)

    assert answer_of(await check(world), Link.ALLOWED) == (Answer.UNKNOWN, Code.POLICY_UNREADABLE)


async def test_a_missing_permission_set_is_a_no_for_every_target(world: World) -> None:
    world.aws.sets.clear()

    verification = await check(world)

    assert verification.level is Level.NONE
    assert verification.broken is not None
    assert verification.broken.code is Code.PERMISSION_SET_MISSING


# With a member role, and with proofs


@pytest.fixture
def members(world: World) -> FakeMembers:
    """Every account lets the bot look."""
    world.members = FakeMembers()
    return world.members


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


# What is attached to the set


async def test_administrator_access_allows_it_already(world: World) -> None:
    world.aws.policy = ""
    world.aws.provision_everywhere(PROD)
    world.aws.attached = Attachments(managed=("arn:aws:iam::aws:policy/AdministratorAccess",))

    assert (await check(world)).level is Level.CONFIGURED


async def test_an_attached_policy_that_surely_denies_is_a_no(world: World) -> None:
    world.aws.attached = Attachments(managed=("arn:aws:iam::aws:policy/AWSDenyAll",))

    assert answer_of(await check(world), Link.NOT_DENIED) == (Answer.NO, Code.EXPLICIT_DENY)


async def test_a_boundary_that_surely_leaves_no_room_is_a_no_without_a_member_role(world: World) -> None:
    world.aws.attached = Attachments(boundary="arn:aws:iam::aws:policy/ReadOnlyAccess")

    assert answer_of(await check(world), Link.SIMULATED) == (Answer.NO, Code.BOUNDARY)


async def test_a_boundary_of_the_accounts_own_is_not_known_from_here(world: World) -> None:
    world.aws.attached = Attachments(boundary="/team/Fence", customer_managed=("/House",))

    assert (await check(world)).level is Level.CONFIGURED


async def test_a_bot_that_may_not_read_what_is_attached_still_says_configured(world: World) -> None:
    world.aws.errors["attachments"] = Provisioning(Code.ACCESS_DENIED)

    assert (await check(world)).level is Level.CONFIGURED


# By command


async def test_the_command_checks_what_the_person_asked_for(world: World) -> None:
    await world.ask()

    (report,) = await world.self_check(ALICE, None)

    assert report.permission_set == SET
    assert [each.target for each in report.verifications] == [a_target()]


async def test_the_command_with_an_account_checks_every_configured_role(world: World) -> None:
    (report,) = await world.self_check(ALICE, PROD)

    assert [each.target.role for each in report.verifications] == [READER, BUILDER]


async def test_an_account_that_is_not_offered_is_refused() -> None:
    async with a_world(rules=some_rules(set_rules(only=[PROD]))) as world:
        with pytest.raises(Refusal) as caught:
            await world.self_check(ALICE, AccountId("333333333333"))

    assert caught.value.code is Code.ACCOUNT_NOT_OFFERED


async def test_whoever_asked_for_nothing_gets_an_empty_report(world: World) -> None:
    assert await world.self_check(ALICE, None) == ()


async def test_somebody_who_cannot_be_told_apart_is_refused(world: World) -> None:
    world.people.persons[ALICE] = a_person(email_confirmed=False)

    with pytest.raises(Refusal) as caught:
        await world.self_check(ALICE, None)

    assert caught.value.code is Code.EMAIL_UNCONFIRMED


# After a change


async def test_the_results_are_owed_to_the_thread_and_to_the_requester(world: World) -> None:
    world.aws.policy = ""
    await world.granted()

    (thread,) = world.slack.messages("WA-1:results:1")
    (copy,) = world.slack.messages("WA-1:results:1:copy")
    (card,) = world.slack.messages("WA-1:card")
    assert thread.thread == card.posted
    assert copy.thread is None
    assert thread.story is not None
    assert thread.story.outcome is not None
    assert [each.level for each in thread.story.outcome.verifications] == [Level.CONFIGURED]
    assert thread.story.outcome.failures == ()
    assert thread.story.outcome.role_arns == (f"arn:aws:iam::{PROD}:role/{BUILDER}",)


async def test_an_outcome_that_was_stored_is_not_told_twice(world: World) -> None:
    """A kill between the outcome's commit and the end of its work brings the same work back."""
    world.aws.policy = ""
    await world.granted()

    await world.verify(ONE)

    assert await world.read(lambda tx: tx.message("WA-1:results:2")) is None


async def test_a_retry_that_succeeds_is_a_new_outcome(world: World) -> None:
    world.aws.failing[PROD] = "SCP says no"
    world.aws.policy = ""
    await world.granted()
    outcome = await world.read(lambda tx: tx.outcome(ONE, 0))
    assert outcome is not None
    assert [failure.reason for _, _, failure in outcome.failures] == ["SCP says no"]
    world.aws.failing.clear()

    from bot.domain.messages import ClickKind

    world.clock.advance(timedelta(minutes=1))
    await world.click(ClickKind.RETRY)
    await world.work()

    second = await world.read(lambda tx: tx.outcome(ONE, 0))
    assert second is not None
    assert (second.number, second.failures) == (2, ())
    assert len(world.slack.messages("WA-1:results:2")) == 1


async def test_nothing_is_verified_while_something_still_travels(world: World) -> None:
    await world.ask()
    await world.prepare(ONE)
    click = await world.click()
    await world.handle_click(click.id)

    await world.verify(ONE)

    assert await world.read(lambda tx: tx.outcome(ONE, 0)) is None


async def test_what_was_allowed_already_is_said(world: World) -> None:
    world.aws.policy = a_policy(foreign=[a_foreign(Action="sts:AssumeRole", Resource="*")])
    world.aws.provision_everywhere(PROD)
    await world.granted()

    outcome = await world.read(lambda tx: tx.outcome(ONE, 0))

    assert outcome is not None
    assert outcome.already_allowed == ((PROD, BUILDER),)


async def test_a_verification_that_comes_late_reads_aws_again(world: World) -> None:
    world.aws.policy = ""
    await world.ask(an_ask())
    await world.prepare(ONE)
    click = await world.click()
    await world.handle_click(click.id)
    while (again_at := await world.reconcile(SET)) is not None and again_at < NOON + timedelta(hours=1):
        world.clock.set(again_at)
    world.aws.policy = ""
    world.clock.advance(timedelta(minutes=5))

    await world.verify(ONE)

    outcome = await world.read(lambda tx: tx.outcome(ONE, 0))
    assert outcome is not None
    assert [each.level for each in outcome.verifications] == [Level.NONE]
