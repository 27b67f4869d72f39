"""The change in AWS: exactly what was asked, beside everything else, and never said before it is true."""

import asyncio
import re
from datetime import timedelta
from typing import Any

from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.scene import DATA_SCIENTIST, FOREIGN, PRODUCTION, SANDBOX
from tests.integration.conftest import (
    BUILDER,
    EXECUTION,
    PATIENCE,
    POLL,
    PROVISION,
    PUT,
    READ_ONLY,
    World,
    statement,
    words,
)

GRANTED = re.compile(r"\bgranted\b|CONFIGURED", re.IGNORECASE)


async def test_what_others_wrote_keeps_its_values_and_its_order(world: World) -> None:
    others: list[dict[str, Any]] = [
        {"Sid": "Second", "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"},
        {"Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "Resource": ["b", "a"], "Condition": {}},
    ]
    world.console_edit(*others)
    before = world.policy()["Statement"]
    await world.start()

    await world.granted()

    assert list(map(repr, world.policy()["Statement"][:3])) == list(map(repr, before))
    assert len(world.managed()) == 1


async def test_nothing_but_the_asked_roles_is_opened(world: World) -> None:
    await world.start()

    await world.granted()

    (managed,) = world.managed()
    assert managed["Action"] == "sts:AssumeRole"
    assert managed["Resource"] == [f"arn:aws:iam::{SANDBOX}:role/{BUILDER}"]
    assert not world.allowed(role=EXECUTION)
    assert not world.allowed(account=PRODUCTION)


async def test_an_empty_policy_gets_its_first_statement_and_is_deleted_after_the_last(world: World) -> None:
    world.org.console_edit(DATA_SCIENTIST, "")
    for account in (SANDBOX, PRODUCTION):
        world.org.provision_now(DATA_SCIENTIST, account)
    await world.start()

    card = await world.granted(span="1 day")
    during = world.managed()
    world.clock.advance(timedelta(days=1, minutes=20))
    await world.reads(card, "Ended")

    assert len(during) == 1
    assert world.org.inline_policy(DATA_SCIENTIST) == ""


async def test_a_second_request_for_another_account_joins_the_same_policy(world: World) -> None:
    await world.start()

    await world.granted()
    await world.granted(accounts=[PRODUCTION])

    assert world.allowed()
    assert world.allowed(account=PRODUCTION)
    assert world.foreign() == FOREIGN["Statement"]
    assert sorted(arn for each in world.managed() for arn in each["Resource"]) == [
        f"arn:aws:iam::{SANDBOX}:role/{BUILDER}",
        f"arn:aws:iam::{PRODUCTION}:role/{BUILDER}",
    ]


async def test_two_requests_at_once_share_the_policy_and_lose_nothing(world: World) -> None:
    await world.start()
    one = await world.asked()
    two = await world.asked(accounts=[PRODUCTION], roles=[READ_ONLY, EXECUTION])

    await asyncio.gather(world.ben.click(one, "Approve"), world.chris.click(two, "Approve"))
    await world.results(card=one)
    await world.results(card=two)

    assert world.allowed()
    assert world.allowed(account=PRODUCTION, role=READ_ONLY)
    assert world.allowed(account=PRODUCTION, role=EXECUTION)
    assert world.foreign() == FOREIGN["Statement"]


# Only me, everyone, longer, shorter


async def test_only_me_opens_it_for_that_person_alone(world: World) -> None:
    await world.start()

    card = await world.granted(scope="Only me")

    assert world.allowed("alice")
    assert not world.allowed("chris")
    assert "Only <@U0ALICE>" in words(card)


async def test_everyone_beside_only_me_is_what_both_together_want(world: World) -> None:
    await world.start()

    mine = await world.granted(scope="Only me", span="7 days")
    alone = world.allowed("chris")
    await world.granted(world.chris, span="1 day")
    both = world.allowed("chris") and world.allowed("alice")
    world.clock.advance(timedelta(days=1, minutes=20))
    await world.slack.wait_for(lambda: "Ended" in words(world.cards()[-1]), timeout=PATIENCE)

    assert not alone
    assert both
    assert not world.allowed("chris")
    assert world.allowed("alice")
    assert "Granted" in words(mine)


async def test_a_longer_grant_outlives_a_shorter_one_of_the_same_role(world: World) -> None:
    await world.start()

    short = await world.granted(span="1 day")
    long = await world.granted(span="7 days")
    world.clock.advance(timedelta(days=1, minutes=20))
    await world.reads(short, "Ended", timeout=PATIENCE)
    after_a_day = world.allowed()
    world.clock.advance(timedelta(days=6, minutes=20))
    await world.reads(long, "Ended", timeout=PATIENCE)

    assert after_a_day
    assert not world.allowed()
    assert world.policy() == FOREIGN


async def test_what_a_longer_grant_covers_already_is_neither_put_nor_provisioned_again(world: World) -> None:
    await world.start()
    long = await world.granted(span="Permanent")
    before = world.count(PUT), world.count(PROVISION)

    short = await world.granted(span="1 day")
    world.clock.advance(timedelta(days=1, minutes=20))
    await world.reads(short, "Ended", timeout=PATIENCE)

    assert (world.count(PUT), world.count(PROVISION)) == before
    assert "Already allowed" in "".join(world.all_read())
    assert "Granted" in words(long)
    assert world.allowed()


# Allowed by others already


async def test_what_others_allow_for_good_is_said_and_not_written(world: World) -> None:
    world.console_edit(statement("Allow", BUILDER))
    await world.start()

    card = await world.asked()
    before = words(card)
    await world.ben.click(card, "Approve")
    table = await world.results()

    assert "Already allowed, with no end" in before
    assert "Nothing has to be written" in before
    assert "AWS already allowed 1 of them; nothing was written" in words(table)
    assert "Already allowed" in await world.settled(card)
    assert world.count(PUT) == world.count(PROVISION) == 0
    assert world.managed() == []


async def test_what_others_allow_but_have_not_provisioned_is_only_provisioned(world: World) -> None:
    world.console_edit(statement("Allow", BUILDER), provision=False)
    await world.start()

    await world.granted()

    assert world.allowed()
    assert world.count(PUT) == 0
    assert world.count(PROVISION) == 1


async def test_a_longer_ask_extends_what_others_allow_until_an_end(world: World) -> None:
    end = world.clock.now() + timedelta(days=2)
    until = {"DateLessThan": {"aws:CurrentTime": f"{end:%Y-%m-%dT%H:%M:%SZ}"}}
    world.console_edit({**statement("Allow", BUILDER), "Condition": until})
    await world.start()

    await world.granted(span="7 days")
    world.clock.advance(timedelta(days=3))

    assert world.allowed()
    assert len(world.managed()) == 1


# Slow provisioning


async def test_nobody_reads_granted_before_aws_has_said_succeeded(world: World) -> None:
    world.org.provisioning.hold()
    await world.start()
    card = await world.asked(accounts=[SANDBOX, PRODUCTION])

    await world.ben.click(card, "Approve")
    await world.aws.wait_for(lambda: world.count(POLL) >= 4, timeout=PATIENCE)
    await world.slack.wait_for(
        lambda: any("🔄 Provisioning" in words(m) for m in world.replies(card)), timeout=PATIENCE
    )
    too_early = [text for text in world.all_read() if GRANTED.search(text)]
    held = world.allowed()
    world.org.provisioning.release()
    await world.results()

    assert too_early == []
    assert not held
    assert world.allowed()
    assert "Granted" in await world.settled(card)


async def test_one_message_shows_the_progress_and_is_edited_in_place(world: World) -> None:
    world.org.provisioning.hold()
    await world.start()
    card = await world.asked(accounts=[SANDBOX, PRODUCTION])

    await world.ben.click(card, "Approve")
    (progress,) = await world.slack.wait_for(lambda: world.replies(card), timeout=PATIENCE)
    await world.reads(progress, "🔄 Provisioning")
    world.org.provisioning.release()
    table = await world.results()
    await world.reads(progress, "2 of 2 accounts finished")

    assert world.replies(card) == [progress, table]
    assert "0 of 2 accounts finished" in words(progress.versions[0].blocks)


async def test_more_than_three_accounts_travel_by_one_call(world: World) -> None:
    ids = five_accounts(world)
    await world.start()

    await world.granted(accounts=ids)

    assert world.count(PROVISION) == 1
    assert all(world.allowed(account=account) for account in ids)


async def test_accounts_of_others_that_are_level_do_not_keep_it_from_travelling_by_one_call(
    world: World,
) -> None:
    ids = five_accounts(world)
    await world.start()

    await world.granted(accounts=ids[:4])

    assert world.count(PROVISION) == 1
    assert world.org.is_latest(DATA_SCIENTIST, ids[4])


async def test_no_foreign_edit_is_pushed_into_accounts_that_nobody_asked_about(world: World) -> None:
    ids = five_accounts(world)
    elsewhere = {"Sid": "Waiting", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}
    world.console_edit(elsewhere, provision=False)
    await world.start()

    card = await world.granted(accounts=ids[:4])

    assert "Waiting" not in world.org.provisioned_policy(DATA_SCIENTIST, ids[4])
    assert all(world.allowed(account=account) for account in ids[:4])
    assert world.org.provisioning.most_in_flight <= 3
    assert "waits to be provisioned in" in "".join(words(v.blocks) for v in card.versions)


async def test_a_foreign_edit_while_aws_provisions_is_kept(world: World) -> None:
    world.org.provisioning.hold()
    await world.start()
    card = await world.asked()

    await world.ben.click(card, "Approve")
    await world.aws.wait_for(lambda: bool(world.org.provisioning.in_flight()), timeout=PATIENCE)
    extra = {"Sid": "Meanwhile", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}
    world.console_edit(extra, provision=False)
    world.org.provisioning.release()
    await world.results()

    assert extra in world.foreign()
    assert world.allowed()


async def test_what_others_overwrite_while_aws_provisions_is_merged_once_more(world: World) -> None:
    world.org.provisioning.hold()
    await world.start()
    card = await world.asked()

    await world.ben.click(card, "Approve")
    await world.aws.wait_for(lambda: bool(world.org.provisioning.in_flight()), timeout=PATIENCE)
    theirs = {"Sid": "Terraform", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}
    world.org.console_edit(DATA_SCIENTIST, {"Version": "2012-10-17", "Statement": [theirs]})
    world.org.provisioning.release()
    await world.results()

    assert world.foreign() == [theirs]
    assert len(world.managed()) == 1
    assert world.allowed()


# What it costs


async def test_one_grant_in_one_account_costs_five_calls_and_the_polls(world: World) -> None:
    await world.start()
    card = await world.asked()
    world.aws.calls.clear()

    await world.ben.click(card, "Approve")
    await world.results()
    await world.settled(card)

    calls = [call for call in world.aws.calls.operations("sso-admin") if call != POLL]
    assert len(calls) <= 5, calls


async def test_no_round_asks_aws_more_often_than_its_limit(world: World) -> None:
    ids = five_accounts(world)
    await world.start()

    await world.granted(accounts=ids)

    assert world.aws.calls.peak_per_second("sso-admin") <= 20
    assert not [call for call in world.aws.calls.entries if call.outcome == "ThrottlingException"]


# The end


async def test_access_ends_on_time_even_while_the_bot_is_down(world: World) -> None:
    await world.start()
    card = await world.granted(span="1 day")

    await world.stop()
    world.clock.advance(timedelta(days=1, minutes=20))
    while_down = world.allowed(), len(world.managed())
    await world.start()
    said = await world.reads(card, "Ended", timeout=PATIENCE)

    assert while_down == (False, 1)
    assert world.managed() == []
    assert world.policy() == FOREIGN
    assert world.org.is_latest(DATA_SCIENTIST, SANDBOX)
    assert "its time" in said


async def test_ends_are_rounded_up_to_a_quarter_and_never_down(world: World) -> None:
    await world.start()

    await world.granted(span="1 day")
    world.clock.advance(timedelta(days=1) - timedelta(seconds=30))
    at_the_end = world.allowed()
    world.clock.advance(timedelta(minutes=16))

    assert at_the_end
    assert not world.allowed()


async def test_a_permanent_grant_has_no_end(world: World) -> None:
    await world.start()

    card = await world.granted(span="Permanent")
    world.clock.advance(timedelta(days=4_000))

    assert world.allowed()
    assert "with no end" in words(card)
    assert "Condition" not in world.managed()[0]


def five_accounts(world: World) -> list[str]:
    """DataScientist in five accounts, all of them offered, nothing waiting anywhere."""
    org: AwsOrganisation = world.org
    ids = [SANDBOX, PRODUCTION, *(f"{number}" * 12 for number in (4, 5, 6))]
    for account in ids[2:]:
        org.add_account(account, f"Workbench {account[0]}")
        org.assign("data-science", DATA_SCIENTIST, account)
        org.deploy_workbench(account, sso_groups=[DATA_SCIENTIST])
    world.rules = world.rules.replace('accounts = ["111111111111", "222222222222"]', 'accounts = "*"')
    return ids
