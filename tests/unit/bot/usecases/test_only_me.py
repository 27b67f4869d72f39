"""One proof lets “Only me” count as tried for all: so it counts only where nothing else could have allowed it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from bot.adapters.storage import tables
from bot.adapters.storage.tx import SqlTx
from bot.domain.errors import AccessError, Code, Provisioning, Unavailable
from bot.domain.grant import GrantStatus
from bot.domain.member_view import MemberView, Question, RoleSeen
from bot.domain.messages import ClickKind
from bot.domain.names import role_arn
from bot.domain.request import RequestId, Scope
from bot.domain.three_valued import Answer
from bot.ports.identity_center import Attachments
from bot.ports.store import Tx
from tests.builders import BUILDER, PROD, SET, a_policy, an_ask
from tests.fakes.members import FakeMembers
from tests.fakes.world import World, a_world
from tests.unit.bot.usecases.test_prove_access import Desk

EVERYONE = an_ask(scope=Scope.EVERYONE, form_key="V2")
MINUTE = timedelta(minutes=1)


@asynccontextmanager
async def granted_to_alice() -> AsyncIterator[Desk]:
    """Alice alone has been granted a role, and its account can be looked into."""
    async with a_world() as world:
        await world.granted(an_ask(scope=Scope.ONLY_ME))
        world.members = FakeMembers()
        yield Desk(world)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with granted_to_alice() as made:
        yield made


async def shown(desk: Desk, nonce: str | None = None) -> bool:
    """What one whole delivery shows of “Only me”."""
    opened = nonce if nonce is not None else (await desk.open()).nonce
    report = await desk.prove(opened, desk.me() + desk.role())
    assert report.proved
    (proof,) = await desk.proofs()
    assert await desk.world.read(lambda tx: tx.only_me_was_proven()) is proof.only_me
    return proof.only_me


async def end(world: World, request: int) -> None:
    """Somebody takes the access away, and what can be done about it within a minute is done."""
    await world.click(ClickKind.END, request=request, note="Not needed any more")
    await world.work(until=world.clock.now() + MINUTE)


async def test_it_is_shown_where_nothing_else_allows_it(desk: Desk) -> None:
    assert await shown(desk)


@pytest.mark.parametrize(
    ("scope", "attached"),
    [
        (Scope.EVERYONE, Attachments()),
        (Scope.ONLY_ME, Attachments(managed=("arn:aws:iam::aws:policy/AdministratorAccess",))),
        (Scope.ONLY_ME, Attachments(customer_managed=("/unknown",))),
    ],
)
async def test_it_is_not_shown_where_something_else_does_or_may(scope: Scope, attached: Attachments) -> None:
    async with a_world() as world:
        await world.granted(an_ask(scope=scope))
        world.members = FakeMembers()
        world.aws.attached = attached

        assert not await shown(Desk(world))


@pytest.mark.parametrize("what", ["permission_set", "read_policy", "attachments", "latest_accounts", "home"])
@pytest.mark.parametrize("error", [Provisioning(Code.ACCESS_DENIED), Unavailable(Code.AWS_UNAVAILABLE)])
async def test_what_cannot_be_read_shows_nothing(desk: Desk, what: str, error: AccessError) -> None:
    nonce = (await desk.open()).nonce
    desk.world.aws.errors[what] = error

    assert not await shown(desk, nonce)


async def test_everyones_access_hides_it_although_the_live_policy_has_it_no_more(desk: Desk) -> None:
    policy = desk.world.aws.policy
    await desk.world.granted(EVERYONE)
    desk.world.aws.policy = policy
    desk.world.aws.provision_everywhere(PROD)

    assert not await shown(desk)


async def test_everyones_access_that_ended_since_the_commands_were_made_hides_it(desk: Desk) -> None:
    await desk.world.granted(EVERYONE)
    nonce = (await desk.open()).nonce

    await end(desk.world, 2)

    assert await desk.world.statuses(2) == {GrantStatus.ENDED}
    assert not await shown(desk, nonce)


async def test_everyones_access_that_ended_a_moment_before_hides_it(desk: Desk) -> None:
    """IAM's own copies follow late, as the bot's verification knows."""
    await desk.world.granted(EVERYONE)
    await end(desk.world, 2)

    ended = (await desk.world.grants(2))[0].settled_at
    assert ended is not None
    desk.world.clock.set(ended + MINUTE / 2)
    assert not await shown(desk)


async def test_everyones_access_that_ended_long_before_does_not(desk: Desk) -> None:
    await desk.world.granted(EVERYONE)
    await end(desk.world, 2)
    desk.world.clock.advance(2 * MINUTE)

    assert await shown(desk)


@pytest.mark.parametrize("levelled", [False, True])
async def test_everyones_access_that_could_not_be_taken_away_hides_it(desk: Desk, *, levelled: bool) -> None:
    await desk.world.granted(EVERYONE)
    desk.world.aws.failing[PROD] = "Internal error"
    await end(desk.world, 2)
    nonce = (await desk.open()).nonce
    if levelled:
        desk.world.aws.provision_everywhere(PROD)

    assert await desk.world.statuses(2) == {GrantStatus.ENDING}
    assert not await shown(desk, nonce)


async def test_an_older_version_in_the_account_may_allow_more_than_can_be_read(desk: Desk) -> None:
    world = desk.world
    world.aws.held[world.aws.sets[SET]][PROD] = a_policy(foreign=[everyones()])

    assert not await shown(desk)


async def test_a_statement_for_everyone_that_ran_out_since_the_commands_were_made_hides_it(
    desk: Desk,
) -> None:
    world = desk.world
    grants = await world.grants()
    ends = world.clock.now() + 2 * MINUTE
    world.aws.policy = a_policy(grants, foreign=[everyones(f"{ends:%Y-%m-%dT%H:%M:%SZ}")])
    world.aws.provision_everywhere(PROD)
    nonce = (await desk.open()).nonce

    world.clock.advance(5 * MINUTE)

    assert not await shown(desk, nonce)


def everyones(ends: str | None = None) -> dict[str, object]:
    """Somebody else's statement that lets everybody in, until an instant."""
    arn = role_arn("aws", PROD, BUILDER)
    made: dict[str, object] = {
        "Sid": "Foreign",
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Resource": arn,
    }
    if ends is not None:
        made["Condition"] = {"DateLessThan": {"aws:CurrentTime": ends}}
    return made


async def test_a_grant_that_cannot_be_read_may_be_for_everyone(desk: Desk) -> None:
    await desk.world.granted(EVERYONE)
    policy = a_policy(await desk.world.grants())
    desk.world.aws.policy = policy
    desk.world.aws.provision_everywhere(PROD)

    def spoil(tx: Tx) -> None:
        assert isinstance(tx, SqlTx)
        table = tables.grants
        spoilt = table.update().where(table.c.request == RequestId(2)).values(status="of a newer version")
        tx.connection.execute(spoilt)

    await desk.world.read(spoil)

    assert not await shown(desk)


# The role's own trust policy


@dataclass
class Trusting(FakeMembers):
    """Every role has this trust policy."""

    trust: str = ""

    async def look(
        self, question: Question, *, within: float = 8.0, max_age: timedelta = timedelta(0)
    ) -> MemberView:
        view = await super().look(question, within=within, max_age=max_age)
        seen = RoleSeen(exists=Answer.YES, trust=self.trust)
        return replace(view, roles=dict.fromkeys(question.roles, seen))


def trust(principal: str) -> str:
    return (
        '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
        f'"Principal":{{"AWS":"{principal}"}}}}]}}'
    )


SSO_ROLE = (
    f"arn:aws:iam::{PROD}:role/aws-reserved/sso.amazonaws.com/eu-central-1/"
    "AWSReservedSSO_DataScientist_0123456789abcdef"
)


@pytest.mark.parametrize(
    ("policy", "alone"),
    [
        (trust(f"arn:aws:iam::{PROD}:root"), True),
        (trust(SSO_ROLE), False),
        (trust("*"), False),
        (trust("arn:aws:iam::222222222222:root"), False),
        ("", False),
    ],
    ids=["the account", "the set's own role", "everybody", "somebody else", "unreadable"],
)
async def test_a_role_that_lets_the_set_in_by_itself_shows_nothing(
    desk: Desk, policy: str, *, alone: bool
) -> None:
    desk.world.members = Trusting(trust=policy)

    assert await shown(desk) is alone


@pytest.mark.parametrize(
    "members",
    [
        None,
        FakeMembers(closed={PROD: Provisioning(Code.ACCESS_DENIED)}),
        FakeMembers(silent={PROD}),
        FakeMembers(missing={BUILDER}),
    ],
    ids=["no member role", "closed", "silent", "no role"],
)
async def test_an_account_that_cannot_be_looked_into_shows_nothing(
    desk: Desk, members: FakeMembers | None
) -> None:
    desk.world.members = members

    assert not await shown(desk)
