"""The verification after a change: owed once, and only of what has come to rest."""

from datetime import timedelta

from bot.domain.verification import Level
from tests.builders import BUILDER, PROD, SET, a_foreign, a_policy, an_ask
from tests.fakes.clock import NOON
from tests.fakes.world import World
from tests.unit.bot.usecases.self_check.checking import ONE


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
