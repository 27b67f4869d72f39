"""A proof is stored, told and audited once, whatever dies on the way; and only for the person it belongs to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from bot.adapters.storage import tables
from bot.adapters.storage.tx import SqlTx
from bot.domain.errors import Code, NotFound, Refusal
from bot.domain.messages import AuditEntry, MessageKind, OwedMessage
from bot.domain.names import AccountId
from bot.domain.proof import Flaw, Proof
from bot.domain.request import RequestId
from bot.ports.store import Tx
from bot.usecases.prove_access import About, Opened, ProveAccess, StartProof
from tests.builders import (
    ALICE,
    BOB,
    BUILDER,
    HOME,
    PROD,
    READER,
    SET,
    TEST,
    a_target,
    an_ask,
    set_rules,
    some_rules,
)
from tests.fakes.clock import NOON
from tests.fakes.crashes import Killed, breaking
from tests.fakes.token_verifier import FakeVerifier
from tests.fakes.world import World, a_world

ROLE = "AWSReservedSSO_DataScientist_0123456789abcdef"
REQUEST = About(request=RequestId(1))


@dataclass
class Desk:
    """Alice has been granted something, and wants to prove it."""

    world: World
    verifier: FakeVerifier = field(default_factory=FakeVerifier)

    @property
    def start(self) -> StartProof:
        world = self.world
        return StartProof(
            store=world.store, rules=world.rules, admission=world.admission, identity_center=world.aws
        )

    @property
    def prove(self) -> ProveAccess:
        world = self.world
        return ProveAccess(
            store=world.store,
            rules=world.rules,
            clock=world.clock,
            identity_center=world.aws,
            directory=world.directory,
            verifier=self.verifier,
            members=world.members,
        )

    async def open(self, about: About = REQUEST, *, by_hand: bool = False) -> Opened:
        return await self.start(ALICE, HOME, about, by_hand=by_hand)

    def me(self, account: AccountId = PROD, *, at: datetime = NOON) -> str:
        name = self.world.aws.users["alice@example.com"].user_name
        return self.verifier.sign(f"me-{account}", ROLE, name, account, at)

    def role(self, role: str = BUILDER, account: AccountId = PROD, *, at: datetime = NOON) -> str:
        return self.verifier.sign(f"{role}-{account}", role, "EKSGetTokenAuth", account, at)

    async def proofs(self) -> tuple[Proof, ...]:
        return tuple(await self.world.read(lambda tx: tx.proofs_of(ALICE)))

    async def owed(self) -> list[OwedMessage]:
        return await self.world.read(_owed)

    async def audited(self) -> list[AuditEntry]:
        history = await self.world.read(lambda tx: tx.history(RequestId(1)))
        return [entry for entry in history if entry.event == "proof.proved"]


def _owed(tx: Tx) -> list[OwedMessage]:
    assert isinstance(tx, SqlTx)
    keys = tx.connection.scalars(tables.messages.select().with_only_columns(tables.messages.c.key)).all()
    found = [tx.message(key) for key in keys]
    return [each for each in found if each is not None and each.kind is MessageKind.PROOF]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with a_world() as world:
        await world.granted()
        yield Desk(world)


async def test_a_proof_is_stored_told_and_audited(desk: Desk) -> None:
    opened = await desk.open()

    report = await desk.prove(opened.nonce, f"{desk.me()}\n{desk.role()}\n")

    (proof,), (owed,), (line,) = await desk.proofs(), await desk.owed(), await desk.audited()
    assert report.proved == (a_target(),)
    assert (proof.target, proof.permission_set, proof.request) == (a_target(), SET, RequestId(1))
    assert (owed.thread_key, owed.channel) == ("WA-1:card", desk.world.rules.channel)
    assert (line.actor, line.account, line.role) == (ALICE, PROD, BUILDER)


async def test_no_token_is_remembered_anywhere(desk: Desk) -> None:
    opened = await desk.open()
    await desk.prove(opened.nonce, f"{desk.me()}\n{desk.role()}\nk8s-aws-v1.wrong")

    def everything(tx: Tx) -> str:
        assert isinstance(tx, SqlTx)
        rows = [tx.connection.execute(table.select()).all() for table in tables.metadata.sorted_tables]
        return repr(rows)

    stored = await desk.world.read(everything)
    assert "k8s-aws-v1" not in stored
    assert opened.nonce not in stored


async def story(n: int) -> int:
    """The first delivery breaks off at the n-th call; the person runs the same commands again."""
    async with a_world() as world:
        await world.granted()
        desk = Desk(world)
        opened = await desk.open()
        text = f"{desk.me()}\n{desk.role()}"
        with breaking(world, n) as breaker:
            desk.verifier.before = breaker.call
            with suppress(Killed):
                await desk.prove(opened.nonce, text)
        desk.verifier.before = None
        with suppress(Refusal):  # where the first delivery got through before it broke off
            await desk.prove(opened.nonce, text)
        await world.work()

        assert len(await desk.proofs()) == 1, n
        assert len(await desk.audited()) == 1, n
        (owed,) = await desk.owed()
        assert owed.shown == owed.wanted, n
        return breaker.count


async def test_a_kill_anywhere_leaves_one_proof_and_one_message() -> None:
    calls = await story(0)

    assert calls > 5
    for n in range(1, calls + 1):
        await story(n)


async def test_two_deliveries_at_once_prove_it_once(desk: Desk) -> None:
    opened = await desk.open()
    text = f"{desk.me()}\n{desk.role()}"

    reports = await asyncio.gather(desk.prove(opened.nonce, text), desk.prove(opened.nonce, text))

    assert sorted(str(report.findings[0].flaw) for report in reports) == ["None", "already_proved"]
    assert len(await desk.proofs()) == len(await desk.owed()) == 1


async def test_what_is_proved_stays_when_the_rest_is_not() -> None:
    async with a_world() as world:
        await world.granted(an_ask(targets=(a_target(), a_target(role=READER))))
        desk = Desk(world)
        opened = await desk.open()

        report = await desk.prove(opened.nonce, f"{desk.me()}{desk.role()}[failed:2]")
        later = await desk.prove(opened.nonce, f"{desk.me()}[failed:1]{desk.role(READER)}")

        assert [finding.flaw for finding in report.findings] == [None, Flaw.CLI_FAILED]
        assert [finding.flaw for finding in later.findings] == [Flaw.CLI_FAILED, None]
        assert len(await desk.proofs()) == len(await desk.owed()) == 2


@pytest.mark.parametrize(
    ("me", "role", "at"),
    [(3, 2, 2), (2, 3, 2), (-4, 2, 0), (9, 9, 5)],
    ids=["the role's", "the sign-in's", "a clock that is late", "a clock that is early"],
)
async def test_a_proof_is_as_old_as_the_older_of_its_tokens(desk: Desk, me: int, role: int, at: int) -> None:
    """All in minutes since the commands were made; the tokens come after five."""
    opened = await desk.open()
    issued = opened.challenge.issued_at
    text = desk.me(at=issued + timedelta(minutes=me)) + desk.role(at=issued + timedelta(minutes=role))
    desk.world.clock.set(issued + timedelta(minutes=5))

    report = await desk.prove(opened.nonce, text)

    (proof,), (owed,), (line,) = await desk.proofs(), await desk.owed(), await desk.audited()
    signed = issued + timedelta(minutes=at)
    assert owed.answer is not None
    assert (proof.at, report.findings[0].at) == (signed, signed)
    assert dict(owed.answer.facts)["at"] == int(signed.timestamp())
    assert f"{signed:%Y-%m-%dT%H:%M:%SZ}" in line.detail
    assert line.at == issued + timedelta(minutes=5)


# Who may


async def test_nobody_else_gets_the_commands_of_a_request(desk: Desk) -> None:
    for call in (desk.start.check(BOB, REQUEST), desk.start(BOB, HOME, REQUEST, by_hand=False)):
        with pytest.raises(Refusal) as refused:
            await call
        assert refused.value.code in {Code.NOT_YOURS, Code.NOT_IN_IDENTITY_CENTER}


async def test_a_request_that_opened_nothing_has_nothing_to_prove() -> None:
    async with a_world() as world:
        await world.ask()
        await world.work()
        desk = Desk(world)

        with pytest.raises(Refusal) as refused:
            await desk.start.check(ALICE, REQUEST)
        with pytest.raises(NotFound):
            await desk.start.check(ALICE, About(request=RequestId(99)))

        assert refused.value.code is Code.NOTHING_TO_PROVE


@pytest.mark.parametrize(
    ("about", "code"),
    [
        (About(), Code.SET_NOT_OFFERED),
        (About(permission_set=SET, account=TEST), Code.ACCOUNT_NOT_OFFERED),
    ],
)
async def test_only_what_is_configured_can_be_proved(desk: Desk, about: About, code: Code) -> None:
    desk.world.rules = some_rules(set_rules(only=[PROD]))

    with pytest.raises(Refusal) as refused:
        await desk.start.check(ALICE, about)

    assert refused.value.code is code


async def test_verify_proves_every_role_of_an_account_without_a_request(desk: Desk) -> None:
    opened = await desk.open(About(permission_set=SET, account=TEST))

    report = await desk.prove(opened.nonce, desk.me(TEST) + desk.role(BUILDER, TEST))

    (owed,) = await desk.owed()
    assert BUILDER in {target.role for target in opened.challenge.targets}
    assert report.proved == (a_target(TEST),)
    assert (owed.channel, owed.thread_key, owed.request) == (ALICE, None, None)


async def test_what_was_granted_can_be_proved_though_another_request_cannot_be_read(desk: Desk) -> None:
    await desk.world.granted(an_ask(targets=[a_target(PROD, READER)], form_key="second"))
    await desk.world.granted(an_ask(form_key="third"))

    def damage(tx: Tx) -> None:
        assert isinstance(tx, SqlTx)
        tx.connection.execute(text("UPDATE grants SET failure = '{' WHERE request = 1"))
        tx.connection.execute(text("UPDATE requests SET facts = '{' WHERE id = 3"))

    await desk.world.database.run(damage)

    opened = await desk.open(About(permission_set=SET))

    assert set(opened.challenge.targets) == {a_target(PROD, READER)}


async def test_tokens_that_come_by_slack_must_be_brought_by_the_person(desk: Desk) -> None:
    opened = await desk.open()

    assert (await desk.prove.open(opened.nonce, only=ALICE)).user == ALICE
    with pytest.raises(Refusal) as refused:
        await desk.prove.open(opened.nonce, only=BOB)
    assert refused.value.code is Code.PROOF_GONE


async def test_what_cannot_be_a_nonce_is_refused_without_the_database(desk: Desk) -> None:
    with breaking(desk.world, 0) as breaker:
        for nonce in ("", "..no-nonce", "7E" * 20, "7e" * 21, "٧٧" * 20):
            with pytest.raises(Refusal):
                await desk.prove.open(nonce)

        assert breaker.count == 0


async def test_more_tokens_than_were_asked_for_are_not_all_tried(desk: Desk) -> None:
    opened = await desk.open()

    await desk.prove(opened.nonce, " ".join(f"k8s-aws-v1.{number}" for number in range(50)))

    assert len(desk.verifier.asked) == 2
