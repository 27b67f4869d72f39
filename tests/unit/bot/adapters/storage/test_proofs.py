"""Challenges and proofs as the store keeps them."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.adapters.storage.store import SqlStore
from bot.domain.names import IdentityUserId, RoleName, SlackTeamId
from bot.domain.proof import ATTEMPTS, LIFETIME, Challenge, ChallengeId, Proof
from bot.domain.request import RequestId, Target
from tests.fakes.clock import NOON, FakeClock
from tests.unit.bot.adapters.storage.samples import ALICE, BOB, SET, TARGET, add_request

OPEN = ChallengeId("open")
OTHER = Target(account=TARGET.account, role=RoleName("Workbench-ReadOnlyRole"))


def a_challenge(**fields: Any) -> Challenge:
    plain = Challenge(
        id=OPEN,
        team=SlackTeamId("T0HOME"),
        user=ALICE,
        identity=IdentityUserId("u-1"),
        sso_user="alice@example.com",
        partition="aws",
        permission_set=SET,
        targets=(TARGET, OTHER),
        request=None,
        issued_at=NOON,
    )
    return replace(plain, **fields)


def a_proof(**fields: Any) -> Proof:
    plain = Proof(
        user=ALICE,
        target=TARGET,
        permission_set=SET,
        at=NOON,
        only_me=False,
        sso_user="alice@example.com",
        request=None,
    )
    return replace(plain, **fields)


async def test_a_challenge_comes_back_as_it_was(store: SqlStore) -> None:
    request = (await store.run(add_request)).id
    written = a_challenge(request=request, attempts=3, closed_at=NOON)

    await store.run(lambda tx: tx.add_challenge(written))

    assert await store.run(lambda tx: tx.challenge(OPEN)) == written
    assert await store.run(lambda tx: tx.challenge(ChallengeId("none"))) is None


async def test_attempts_are_counted_to_the_last_one(store: SqlStore) -> None:
    await store.run(lambda tx: tx.add_challenge(a_challenge()))

    counted = await asyncio.gather(
        *(store.run(lambda tx: tx.count_attempt(OPEN)) for _ in range(ATTEMPTS + 5))
    )

    assert sorted(each.attempts for each in counted if each is not None) == list(range(1, ATTEMPTS + 1))


async def test_no_attempt_counts_after_ten_minutes_or_when_all_is_proved(
    store: SqlStore, clock: FakeClock
) -> None:
    await store.run(lambda tx: tx.add_challenge(a_challenge()))
    await store.run(lambda tx: tx.add_challenge(a_challenge(id=ChallengeId("closed"))))
    await store.run(lambda tx: tx.close_challenge(ChallengeId("closed")))

    closed = await store.run(lambda tx: tx.count_attempt(ChallengeId("closed")))
    clock.advance(LIFETIME)
    late = await store.run(lambda tx: tx.count_attempt(OPEN))

    assert closed is None
    assert late is None


async def test_a_day_later_a_challenge_is_forgotten_and_its_proofs_are_not(
    store: SqlStore, clock: FakeClock
) -> None:
    await store.run(lambda tx: tx.add_challenge(a_challenge()))
    await store.run(lambda tx: tx.add_proof(OPEN, a_proof()))

    clock.advance(timedelta(days=1, seconds=1))
    await store.run(lambda tx: tx.add_challenge(a_challenge(id=ChallengeId("new"), issued_at=clock.now())))

    assert await store.run(lambda tx: tx.challenge(OPEN)) is None
    assert await store.run(lambda tx: tx.proofs_of(ALICE)) == (a_proof(),)


async def test_a_challenge_proves_each_role_once(store: SqlStore) -> None:
    added = [await store.run(lambda tx: tx.add_proof(OPEN, a_proof())) for _ in range(2)]
    again = await store.run(lambda tx: tx.add_proof(ChallengeId("next"), a_proof(at=NOON + LIFETIME)))

    assert [*added, again] == [True, False, True]
    assert await store.run(lambda tx: tx.proved_with(OPEN)) == {TARGET}


async def test_the_newest_proof_of_each_role_is_read(store: SqlStore) -> None:
    request: RequestId = (await store.run(add_request)).id
    newer = a_proof(at=NOON + LIFETIME, request=request)
    other = a_proof(target=OTHER, at=NOON + timedelta(minutes=1))

    await store.run(lambda tx: tx.add_proof(OPEN, a_proof()))
    await store.run(lambda tx: tx.add_proof(OPEN, other))
    await store.run(lambda tx: tx.add_proof(ChallengeId("next"), newer))
    await store.run(lambda tx: tx.add_proof(OPEN, a_proof(user=BOB, target=OTHER)))

    assert await store.run(lambda tx: tx.proofs_of(ALICE)) == (newer, other)


async def test_one_only_me_proof_counts_for_the_organisation(store: SqlStore) -> None:
    await store.run(lambda tx: tx.add_proof(OPEN, a_proof()))
    before = await store.run(lambda tx: tx.only_me_was_proven())
    await store.run(lambda tx: tx.add_proof(OPEN, a_proof(target=OTHER, only_me=True)))

    assert not before
    assert await store.run(lambda tx: tx.only_me_was_proven())
