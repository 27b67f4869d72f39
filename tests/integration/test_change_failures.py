"""When the change in AWS does not work: said exactly, nothing else harmed, and mended by a Retry."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from bot.sandbox.scene import DATA_SCIENTIST, FOREIGN, PRODUCTION, SANDBOX
from bot.sandbox.slack.records import Message
from tests.integration.conftest import (
    BUILDER,
    EXECUTION,
    PATIENCE,
    PROVISION,
    PUT,
    World,
    buttons,
    filled_policy,
    statement,
    words,
)

BROKEN = "Received a 404 status error: Not supported policy arn:aws:iam::222222222222:policy/Team."


async def approved(world: World, **fields: Any) -> Message:
    card = await world.asked(**fields)
    await world.ben.click(card, "Approve")
    return card


# One account fails


async def test_a_failure_in_one_account_does_not_hide_the_other(world: World) -> None:
    world.org.provisioning.fail_in(PRODUCTION, BROKEN)
    await world.start()

    card = await approved(world, accounts=[SANDBOX, PRODUCTION])
    table = await world.results()
    said = await world.reads(card, "Partly failed")

    assert world.allowed()
    assert not world.allowed(account=PRODUCTION)
    assert re.search(r"\b1 (role )?is granted", said)
    assert BROKEN in said
    assert "1 CONFIGURED, 1 needs attention" in words(table)
    assert BROKEN in words(table)
    assert "#workbench-support" in words(table)
    assert f"role/{BUILDER}" in words(table)
    assert f"aws sts assume-role --role-arn arn:aws:iam::{PRODUCTION}" not in words(table)


async def test_the_requester_reads_the_failure_too(world: World) -> None:
    world.org.provisioning.fail_in(SANDBOX, BROKEN)
    await world.start()

    await approved(world)
    copy = await world.dm(world.alice, "Failed")
    results = await world.dm(world.alice, "Verification results")

    assert BROKEN in words(copy)
    assert "Retry" in words(copy)
    assert BROKEN in words(results)
    assert "CONFIGURED" not in words(results)


async def test_an_approver_retries_after_it_was_mended(world: World) -> None:
    world.org.provisioning.fail_in(PRODUCTION, BROKEN)
    await world.start()
    card = await approved(world, accounts=[SANDBOX, PRODUCTION])
    await world.reads(card, "Partly failed")
    await world.results(1)  # an outcome that a retry overtakes is not told any more

    world.org.provisioning.mend(PRODUCTION)
    await world.chris.click(card, "Retry")
    table = await world.results(2)
    await world.settled(card)

    assert world.allowed(account=PRODUCTION)
    assert "2 CONFIGURED" in words(table)
    assert buttons(card).count("Retry") == 0
    assert "is being tried again" in await world.told(world.chris, "WA-1")


async def test_a_second_failure_offers_a_retry_again(world: World) -> None:
    world.org.provisioning.fail_in(SANDBOX, BROKEN)
    await world.start()
    card = await approved(world)
    await world.reads(card, "Failed")
    await world.results(1)  # an outcome that a retry overtakes is not told any more

    await world.ben.click(card, "Retry")
    await world.results(2)
    await world.slack.wait_for(lambda: "Retry" in buttons(card), timeout=PATIENCE, what="Retry on the card")

    assert not world.allowed()


async def test_who_is_not_an_approver_does_not_retry(world: World) -> None:
    world.org.provisioning.fail_in(SANDBOX, BROKEN)
    await world.start()
    card = await approved(world)
    await world.reads(card, "Failed")
    before = world.count(PROVISION)

    await world.dana.click(card, "Retry")

    await world.told(world.dana, "You are not an approver")
    assert world.count(PROVISION) == before


async def test_a_retry_that_came_twice_is_answered_twice_and_done_once(world: World) -> None:
    world.org.provisioning.fail_in(SANDBOX, BROKEN, times=1)
    await world.start()
    card = await approved(world)
    await world.reads(card, "Retry")

    await world.ben.click(card, "Retry")
    await world.settled(card)
    retries = next(at for at in range(len(card.versions)) if "Retry" in str(card.versions[at].blocks))
    await world.chris.click(card, "Retry", version=retries)

    await world.told(world.chris, "nothing to retry")
    assert world.count(PROVISION) == 2


async def test_what_failed_and_nobody_retries_is_taken_back_within_a_day(world: World) -> None:
    world.org.provisioning.fail_in(PRODUCTION, BROKEN)
    await world.start()
    card = await approved(world, accounts=[SANDBOX, PRODUCTION])
    await world.reads(card, "Partly failed")

    world.clock.advance(timedelta(days=1, minutes=1))
    world.org.provisioning.mend(PRODUCTION)
    await world.slack.wait_for(
        lambda: (
            [arn for s in world.managed() for arn in s["Resource"]]
            == [f"arn:aws:iam::{SANDBOX}:role/{BUILDER}"]
        ),
        timeout=PATIENCE,
        what="the policy without what had failed",
    )

    assert world.allowed()


# Permission, and policies that must not be touched


async def test_a_set_without_the_tag_is_refused_with_the_tag_that_it_needs(world: World) -> None:
    world.org.behaviour.tag_guard = True
    world.org.set_tags(DATA_SCIENTIST, {})
    await world.start()

    card = await approved(world)
    table = await world.results()
    said = await world.reads(card, "Failed")
    mine = await world.dm(world.alice, "Verification results")

    assert "workbench-access=managed" in words(table)
    assert "workbench-access=managed" in words(mine)
    assert "not authorized to perform: sso:PutInlinePolicyToPermissionSet" in said
    assert world.policy() == FOREIGN


async def test_a_retry_after_the_tag_was_set_goes_through(world: World) -> None:
    world.org.behaviour.tag_guard = True
    world.org.set_tags(DATA_SCIENTIST, {})
    await world.start()
    card = await approved(world)
    await world.reads(card, "Failed")

    world.org.set_tags(DATA_SCIENTIST, {"workbench-access": "managed"})
    await world.ben.click(card, "Retry")
    await world.settled(card)

    assert world.allowed()


async def test_a_managed_statement_edited_by_hand_stops_the_set_and_is_left_alone(world: World) -> None:
    await world.start()
    await world.granted()
    card = await world.asked(roles=[EXECUTION])
    altered = world.policy()
    altered["Statement"][-1]["Resource"].append("arn:aws:iam::111111111111:role/Admin")
    world.org.console_edit(DATA_SCIENTIST, altered)

    await world.ben.click(card, "Approve")
    said = await world.reads(card, "Stopped")

    assert "Somebody has changed a statement" in said
    assert altered["Statement"][-1]["Sid"] in said
    assert "by hand" in said
    assert world.policy() == altered
    assert not world.allowed(role=EXECUTION)


async def test_once_the_altered_statement_is_gone_a_retry_goes_through(world: World) -> None:
    await world.start()
    await world.granted()
    card = await world.asked(roles=[EXECUTION])
    altered = world.policy()
    altered["Statement"][-1]["Resource"] = "*"
    world.org.console_edit(DATA_SCIENTIST, altered)
    await world.ben.click(card, "Approve")
    await world.reads(card, "Retry")

    world.org.console_edit(DATA_SCIENTIST, FOREIGN)
    await world.ben.click(card, "Retry")
    await world.settled(card)

    assert world.allowed(role=EXECUTION)
    assert world.allowed(role=BUILDER)


TWICE = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}]}'
)


@pytest.mark.parametrize("document", ["{not json", TWICE, '{"Version":"2012-10-17"}', "[]"])
async def test_a_policy_that_cannot_be_read_safely_is_refused_and_untouched(
    world: World, document: str
) -> None:
    await world.start()
    card = await world.asked()
    world.org.console_edit(DATA_SCIENTIST, document, checked=False)

    await world.ben.click(card, "Approve")
    said = await world.reads(card, "Stopped")

    assert "cannot be read safely" in said
    assert world.org.inline_policy(DATA_SCIENTIST) == document
    assert world.count(PUT) == world.count(PROVISION) == 0


async def test_an_explicit_deny_that_appeared_since_the_request_is_said_and_nothing_is_written(
    world: World,
) -> None:
    await world.start()
    card = await world.asked()
    world.console_edit(statement("Deny", BUILDER, sid="NoBuilders"))

    await world.ben.click(card, "Approve")
    table = await world.results()
    said = await world.reads(card, "Failed")

    assert "Explicit deny" in said
    assert "NoBuilders" in said
    assert "NoBuilders" in words(table)
    assert world.managed() == []


async def test_a_policy_that_filled_up_since_the_request_is_said_and_left_alone(world: World) -> None:
    await world.start()
    card = await world.asked()
    full = filled_policy(free=20)
    world.org.console_edit(DATA_SCIENTIST, full)

    await world.ben.click(card, "Approve")
    said = await world.reads(card, "Failed")

    assert "No room in the policy" in said
    assert world.policy() == full


async def test_what_does_not_fit_does_not_keep_the_rest_out(world: World) -> None:
    await world.start()
    card = await world.asked()
    other = await world.asked(accounts=[SANDBOX, PRODUCTION], roles=[BUILDER, EXECUTION], span="30 days")
    world.org.console_edit(DATA_SCIENTIST, filled_policy(free=300))

    await world.ben.click(card, "Approve")
    await world.settled(card)
    await world.ben.click(other, "Approve")
    await world.reads(other, "No room in the policy")

    assert world.allowed()


async def test_somebody_who_keeps_overwriting_the_policy_is_named_in_the_end(world: World) -> None:
    await world.start()
    card = await world.asked()

    def overwrite() -> None:
        if world.managed():
            world.org.permission_set(DATA_SCIENTIST).inline_policy = json.dumps(FOREIGN)

    forget = world.org.on_change(overwrite)
    await world.ben.click(card, "Approve")
    said = await world.reads(card, "Failed", timeout=40)
    forget()

    assert "Overwritten by others" in said
    assert not world.allowed()


async def test_a_permission_set_that_was_deleted_since_the_request_is_said(world: World) -> None:
    await world.start()
    card = await world.asked()
    world.org.delete_permission_set(DATA_SCIENTIST)

    await world.ben.click(card, "Approve")
    said = await world.reads(card, "Failed")

    assert "Permission set missing" in said
