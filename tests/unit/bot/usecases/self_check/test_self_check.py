"""The self-check, as far as the management account shows: never more than was checked."""

import asyncio
from dataclasses import replace

import pytest

from bot.domain.errors import Code, Provisioning, Refusal, Unavailable
from bot.domain.evaluate import Answer
from bot.domain.grant import PushStatus
from bot.domain.names import AccountId
from bot.domain.verification import WITHIN, Level, Link
from bot.ports.identity_center import Attachments
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
    set_rules,
    some_rules,
)
from tests.fakes.clock import NOON
from tests.fakes.identity_center import ALICE_IDENTITY
from tests.fakes.world import World, a_world
from tests.unit.bot.usecases.self_check.checking import NOBODY, answer_of, check


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
