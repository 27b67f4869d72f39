"""What the tests of rounds share: approvals, endings, and passes over one permission set."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

from bot.domain.errors import NotFound, Provisioning, Unavailable
from bot.domain.grant import EndCause, GrantStatus
from bot.domain.names import AccountId
from bot.domain.policy import managed, parse
from bot.domain.request import RequestId, Target
from bot.ports.store import Tx
from bot.usecases.transitions import move_grant, wake_set
from tests.builders import (
    BUILDER,
    PROD,
    SET,
    TEST,
    WEEK,
    a_foreign,
    a_grant,
    a_target,
    an_ask,
)
from tests.fakes.clock import NOON
from tests.fakes.world import World

ACTIVE, ENDED, FAILED = {GrantStatus.ACTIVE}, {GrantStatus.ENDED}, {GrantStatus.FAILED}
PROVISIONING, ENDING = {GrantStatus.PROVISIONING}, {GrantStatus.ENDING}
BOTH = (Target(account=PROD, role=BUILDER), Target(account=TEST, role=BUILDER))
FOREIGN = [a_foreign("Theirs")]
OPEN_TO_ALL = a_foreign("Open", Action="sts:AssumeRole", Resource="*")
DENIED = AccountId("333333333333")


async def approve(world: World, *targets: Target, ends_at: datetime | None = NOON + WEEK) -> None:
    """What an approval leaves in the store: a request and its wanted grants."""

    def open_grants(tx: Tx) -> None:
        asked = targets or (a_target(),)
        request = tx.add_request(
            an_ask(targets=asked, form_key=uuid4().hex),
            decide_by=NOON + timedelta(days=3),
        )
        for target in asked:
            grant = a_grant(target=target)
            tx.add_grant(
                request=request.id,
                permission_set=SET,
                target=target,
                role_arn=grant.role_arn,
                person=None,
                ends_at=ends_at,
            )
        wake_set(tx, SET)

    await world.database.run(open_grants)


async def end(world: World, cause: EndCause = EndCause.REVOKED, *, request: int = 1) -> None:
    def end_all(tx: Tx) -> None:
        for grant in tx.grants_of(RequestId(request)):
            move_grant(tx, grant, GrantStatus.ENDING, cause=cause)
        wake_set(tx, SET)

    await world.database.run(end_all)


async def retry(world: World, *, request: int = 1) -> None:
    """Somebody presses Retry for what failed."""

    def want_again(tx: Tx) -> None:
        for grant in tx.grants_of(RequestId(request)):
            if grant.status is GrantStatus.FAILED:
                move_grant(tx, grant, GrantStatus.PROVISIONING)
        wake_set(tx, SET)

    await world.database.run(want_again)


async def passes(world: World, count: int = 1) -> list[datetime | None]:
    """That many passes, each when the last one said."""
    looks: list[datetime | None] = []
    for _ in range(count):
        looks.append(await world.reconcile(SET))
        if looks[-1] is None:
            break
        world.clock.set(max(world.clock.now(), looks[-1]))
    return looks


async def settle(world: World, *, within: timedelta = timedelta(minutes=15), at_most: int = 60) -> None:
    """Passes until nothing is left to do soon. Backs off where the engine would."""
    end_of_patience = world.clock.now() + within
    for _ in range(at_most):
        try:
            again_at = await world.reconcile(SET)
        except (Unavailable, Provisioning, NotFound):
            again_at = world.clock.now() + timedelta(seconds=30)
        if again_at is None or again_at > end_of_patience:
            return
        world.clock.set(max(again_at, world.clock.now()))
    raise AssertionError("it goes round in circles")


def managed_in(document: str) -> list[str]:
    return [statement.sid for statement in managed(parse(document))]


def foreign_in(document: str) -> list[str | None]:
    return [each.sid for each in parse(document).statements if not each.is_managed]


def once(world: World, name: str, do: Callable[[], None]) -> None:
    """Somebody else acts right before the bot's next call of that name."""

    async def before(called: str) -> None:
        if called == name:
            world.aws.before = None
            do()

    world.aws.before = before
