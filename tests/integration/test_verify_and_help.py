"""`verify` tells what somebody really has, link by link; `help` answers whatever else is down."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest

from bot.sandbox.scene import ANALYST, DATA_SCIENTIST, FOREIGN, PRODUCTION, RESEARCH, SANDBOX
from bot.sandbox.slack.actor import Actor
from bot.sandbox.slack.records import Ephemeral
from tests.integration.conftest import (
    BUILDER,
    EXECUTION,
    PATIENCE,
    READ_ONLY,
    READ_POLICY,
    World,
    statement,
    words,
)


async def verify(
    world: World,
    account: str = "",
    *,
    who: Actor | None = None,
    timeout: float = PATIENCE,  # noqa: ASYNC109
) -> str:
    """What `/workbench-access verify` answers, as text."""
    person = who or world.alice
    before = len(person.ephemerals())
    ack = await person.command(f"/workbench-access verify {account}".strip())
    assert ack.ok, ack
    answers = await world.slack.wait_for(
        lambda: person.ephemerals()[before:], timeout=timeout, what="an answer to verify"
    )
    assert len(answers) == 1
    return words(answers[0])


async def test_before_the_first_request_there_is_nothing_to_verify(world: World) -> None:
    await world.start()

    said = await verify(world)

    assert "There is nothing to check yet" in said
    assert "/workbench-access request" in said


async def test_after_a_grant_everything_is_configured(world: World) -> None:
    await world.start()
    await world.granted(accounts=[SANDBOX, PRODUCTION])

    said = await verify(world)

    assert "2 roles checked: 2 CONFIGURED" in said
    assert "Workbench Sandbox" in said
    assert "Workbench Production" in said
    assert "unknown until somebody tries it" in said


async def test_only_the_caller_reads_it(world: World) -> None:
    await world.start()
    await world.granted()
    await world.dm(world.alice, "Verification results")
    before = len(world.slack.workspace.all_messages)

    await verify(world)

    assert len(world.slack.workspace.all_messages) == before
    assert not [e for e in world.slack.workspace.all_ephemerals if e.user != world.alice.id and _checked(e)]


async def test_after_others_removed_the_statement_it_names_the_broken_link_and_the_remedy(
    world: World,
) -> None:
    await world.start()
    await world.granted()
    world.org.console_edit(DATA_SCIENTIST, FOREIGN)
    world.org.provision_now(DATA_SCIENTIST, SANDBOX)

    said = await verify(world)

    assert "CONFIGURED" not in said
    assert "not configured" in said
    assert "Permission denied: the inline policy of DataScientist does not allow this in" in said
    assert "/workbench-access request" in said
    assert "#workbench-support" in said


async def test_what_an_account_holds_after_somebody_elses_edits_is_said_to_be_unknown(world: World) -> None:
    await world.start()
    await world.granted()
    world.org.console_edit(DATA_SCIENTIST, FOREIGN)
    world.org.provision_now(DATA_SCIENTIST, SANDBOX)
    world.console_edit(statement("Allow", BUILDER), provision=False)

    said = await verify(world)

    assert not world.allowed()
    assert "CONFIGURED" not in said
    assert "not known" in said


async def test_accounts_that_our_own_rounds_left_behind_still_count_as_provisioned(world: World) -> None:
    await world.start()
    await world.granted()
    await world.granted(accounts=[PRODUCTION])
    stale = not world.org.is_latest(DATA_SCIENTIST, SANDBOX)

    said = await verify(world)

    assert stale
    assert world.allowed()
    assert "2 roles checked: 2 CONFIGURED" in said


async def test_who_lost_the_assignment_reads_so(world: World) -> None:
    await world.start()
    await world.granted()
    world.org.leave("alice@example.com", "data-science")

    said = await verify(world)

    assert "CONFIGURED" not in said
    assert "Not assigned: DataScientist is not assigned to you in" in said


async def test_an_explicit_deny_wins(world: World) -> None:
    await world.start()
    await world.granted()
    world.console_edit(statement("Deny", BUILDER, sid="NoBuilders"))

    said = await verify(world)

    assert not world.allowed()
    assert "CONFIGURED" not in said
    assert "Explicit deny" in said
    assert "NoBuilders" in said


async def test_a_set_that_is_gone_is_said(world: World) -> None:
    await world.start()
    await world.granted()
    world.org.delete_permission_set(DATA_SCIENTIST)

    said = await verify(world)

    assert "CONFIGURED" not in said
    assert "deleted or renamed" in said


async def test_access_that_has_ended_is_not_configured(world: World) -> None:
    await world.start()
    card = await world.granted(span="1 day")

    world.clock.advance(timedelta(days=1, minutes=20))
    await world.reads(card, "Ended", timeout=PATIENCE)

    assert "CONFIGURED" not in await verify(world)


async def test_only_me_is_configured_for_that_person_and_for_nobody_else(world: World) -> None:
    await world.start()
    await world.granted(scope="Only me")

    mine = await verify(world)
    theirs = await verify(world, SANDBOX, who=world.chris)

    assert "1 role checked: 1 CONFIGURED" in mine
    assert "CONFIGURED" not in theirs


async def test_with_an_account_every_configured_role_there_is_checked(world: World) -> None:
    await world.start()
    await world.granted()

    said = await verify(world, SANDBOX)

    assert all(role in said for role in (READ_ONLY, BUILDER, EXECUTION))
    assert said.count("✅ CONFIGURED") == 1


@pytest.mark.parametrize("typed", ["1111-1111-1111", "1111 1111 1111"])
async def test_an_account_may_be_typed_in_groups_as_the_console_shows_it(world: World, typed: str) -> None:
    await world.start()
    await world.granted()

    assert "✅ CONFIGURED" in await verify(world, typed)


@pytest.mark.parametrize("typed", ["bogus", "11111111111", "1111111111111", "<!channel>", "١١١١١١١١١١١١"])
async def test_something_that_is_no_account_is_answered_with_what_one_looks_like(
    world: World, typed: str
) -> None:
    await world.start()

    said = await verify(world, typed)

    assert "12-digit id" in said
    assert "<!channel>" not in said


async def test_an_account_that_is_not_offered_is_said(world: World) -> None:
    world.rules = world.rules.replace('accounts = "*"', 'accounts = ["333333333333"]')
    await world.start()

    assert "444444444444 cannot be asked for" in await verify(world, "444444444444")


async def test_an_account_of_another_set_does_not_hide_the_own_one(world: World) -> None:
    await world.start()

    said = await verify(world, RESEARCH, who=world.dana)

    assert ANALYST in said
    assert "Permission denied" in said


# When AWS does not tell


async def test_while_aws_is_down_verify_says_so(world: World) -> None:
    await world.start()
    await world.granted()
    world.aws.faults.http("*", status=503, times=None)

    said = await verify(world, timeout=40)

    assert "AWS does not answer" in said
    assert "CONFIGURED" not in said


async def test_a_link_that_aws_does_not_tell_is_unknown_and_not_yes_or_no(world: World) -> None:
    await world.start()
    await world.granted()
    world.aws.faults.fail("sso-admin", READ_POLICY, code="AccessDeniedException", times=None)

    said = await verify(world)

    assert "CONFIGURED" not in said
    assert "not configured" not in said
    assert "❔ unknown" in said
    assert "is not known" in said


async def test_who_is_not_in_identity_center_reads_so(world: World) -> None:
    await world.start()
    await world.granted()
    world.org.delete_user("alice@example.com")

    assert "No user of AWS IAM Identity Center has your e-mail address" in await verify(world)


# Help


@pytest.mark.parametrize("line", ["help", "", "HELP", "  help  "])
async def test_help_lists_the_commands(world: World, line: str) -> None:
    await world.start()

    await world.alice.command(f"/workbench-access {line}")
    said = await world.told(world.alice, "Commands")

    for command in ("request", "verify", "help"):
        assert f"/workbench-access {command}" in said
    assert "#workbench-support" in said


@pytest.mark.parametrize(
    ("typed", "meant"), [("rqeuest", "request"), ("Verifiy", "verify"), ("hlep me", "help")]
)
async def test_a_mistyped_word_is_answered_with_what_was_meant(world: World, typed: str, meant: str) -> None:
    await world.start()

    await world.alice.command(f"/workbench-access {typed}")

    assert f"`/workbench-access {meant}`?" in await world.told(world.alice, "Did you mean")


async def test_a_word_like_none_gets_the_list_alone(world: World) -> None:
    await world.start()

    await world.alice.command("/workbench-access <!channel> *x*")
    said = await world.told(world.alice, "is not a command")

    assert "Did you mean" not in said
    assert "<!channel>" not in said
    assert "Commands" in said


async def test_help_works_while_aws_and_the_database_are_down(world: World) -> None:
    await world.start()
    world.aws.faults.http("*", status=503, times=None)
    with _locked(world):
        first = await world.alice.command("/workbench-access help")
        await world.told(world.alice, "Commands")
        second = await world.alice.command("/workbench-access help")

    assert first.ok
    assert second.ok
    assert len(await world.answers(world.alice, 2)) == 2


async def test_while_the_database_is_down_a_form_says_so_and_keeps_what_was_typed(world: World) -> None:
    await world.start()
    view = await world.fill(await world.open_form())
    await world.screen(world.alice, "No obstacle seen")

    with _locked(world):
        ack = await world.alice.submit(view)

    assert "The database of Workbench Access does not answer" in "".join(ack.errors.values())
    assert world.alice.value(view, "type_reason") == "Train the churn model"
    assert (await world.alice.submit(view)).ok
    await world.card()


async def test_while_the_database_is_down_a_click_is_answered_and_changes_nothing(world: World) -> None:
    await world.start()
    card = await world.asked()

    with _locked(world):
        await world.ben.click(card, "Approve")
        said = await world.told(world.ben, "database", timeout=20)

    assert "nothing was changed" in said


async def test_slack_gets_its_answer_in_time_while_the_database_is_down(world: World) -> None:
    await world.start()
    card = await world.asked()

    with _locked(world):
        ack = await world.ben.click(card, "Approve")

    assert ack.elapsed < 3


async def test_guests_get_no_help(world: World) -> None:
    await world.start()
    guest = world.slack.as_user("U0GUEST")

    await guest.command("/workbench-access help")
    said = await world.told(guest, "Guests of this Slack workspace cannot use Workbench Access")

    assert "Commands" not in said
    assert "Please ask a full member of your team" in said


async def test_a_command_works_wherever_it_is_typed(world: World) -> None:
    await world.start()
    place = world.slack.workspace.open_dm(world.alice.id)

    await world.alice.command("/workbench-access help", channel=place.id)

    await world.told(world.alice, "Commands")
    assert world.alice.ephemerals(place.id)


def _checked(ephemeral: Ephemeral) -> bool:
    return "roles checked" in words(ephemeral) or "role checked" in words(ephemeral)


@contextmanager
def _locked(world: World) -> Iterator[None]:
    """Another process holds the database: nothing can be read or written for the while."""
    with closing(sqlite3.connect(world.folder / "access.db", isolation_level=None, timeout=30)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")
