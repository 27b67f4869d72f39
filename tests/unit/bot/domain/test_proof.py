"""What tokens must say, and which role each of them speaks for."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.names import AccountId, IdentityUserId, PermissionSetName, RoleName
from bot.domain.proof import (
    ATTEMPTS,
    LIFETIME,
    MOST_BY_HAND,
    MOST_ROLES,
    TOKEN_BYTES,
    CallerIdentity,
    Challenge,
    ChallengeId,
    Finding,
    Flaw,
    Step,
    TokenRefused,
    body_limit,
    choose,
    judge,
    place,
    split,
)
from bot.domain.request import Target
from tests.builders import ALICE, HOME
from tests.fakes.clock import NOON

PROD, LAB = AccountId("111111111111"), AccountId("222222222222")
BUILDER, READER = RoleName("Workbench-BuilderRole"), RoleName("Workbench-ReadOnlyRole")


def target(account: AccountId = PROD, role: RoleName = BUILDER) -> Target:
    return Target(account=account, role=role)


def step(account: AccountId = PROD, role: RoleName | None = BUILDER) -> Step:
    return Step(account=account, role=role)


def a_challenge(*targets: Target, **fields: Any) -> Challenge:
    plain = Challenge(
        id=ChallengeId("c"),
        team=HOME,
        user=ALICE,
        identity=IdentityUserId("u-1"),
        sso_user="alice@example.com",
        partition="aws",
        permission_set=PermissionSetName("DataScientist"),
        targets=targets or (target(),),
        request=None,
        issued_at=NOON,
    )
    return replace(plain, **fields)


def caller(role: str, session: str, account: str = PROD, partition: str = "aws") -> CallerIdentity:
    arn = f"arn:{partition}:sts::{account}:assumed-role/{role}/{session}"
    return CallerIdentity(arn=arn, account=AccountId(account), user_id="AROAX:x", signed_at=NOON)


SSO = "AWSReservedSSO_DataScientist_0123456789abcdef"

# Splitting

alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
tokens = st.text(alphabet, min_size=1, max_size=80).map(lambda text: "k8s-aws-v1." + text)


@given(st.text())
def test_whatever_is_sent_is_split_without_an_error(text: str) -> None:
    found = split(text)

    assert all(token.startswith("k8s-aws-v1.") for token in found.tokens)
    assert not any(character.isspace() for token in found.tokens for character in token)


@given(
    st.lists(tokens, max_size=6, unique=True),
    st.sets(st.integers(0, 20), max_size=4),
    st.randoms(use_true_random=False),
)
def test_tokens_come_back_whole_wherever_they_are_torn(
    made: list[str], failed: set[int], random: Any
) -> None:
    pieces = [*made, *(f"[failed:{number}]" for number in failed)]
    text = "".join(
        character + random.choice(["", "", "", "\n", " ", "\r\n"]) for piece in pieces for character in piece
    )

    found = split(text)

    assert found.tokens == tuple(made)
    assert found.failed == failed
    assert not found.garbage


@pytest.mark.parametrize("text", ["hello", "None\nk8s-aws-v1.abc", "[failed:x]", "[failed:1] oops"])
def test_what_is_neither_token_nor_marker_is_noticed(text: str) -> None:
    assert split(text).garbage


def test_nothing_is_nothing() -> None:
    assert split(" \n ") == split("")
    assert not split("").garbage


# Who it is


def test_the_persons_own_sign_in_answers_for_its_account() -> None:
    assert place(a_challenge(), caller(SSO, "alice@example.com")) == step(role=None)


def test_the_role_answers_for_itself() -> None:
    assert place(a_challenge(), caller(BUILDER, "EKSGetTokenAuth")) == step()


NOBODYS = [
    (caller(SSO, "ALICE@example.com"), Flaw.OTHER_PERSON),
    (caller(SSO, "alice@example.com.evil"), Flaw.OTHER_PERSON),
    (caller(SSO, "EKSGetTokenAuth"), Flaw.OTHER_PERSON),
    (caller(SSO, "alice@example.com", LAB), Flaw.OTHER_ACCOUNT),
    (caller("AWSReservedSSO_DataScientist_Admin_0123456789abcdef", "alice@example.com"), Flaw.OTHER_SET),
    (caller("AWSReservedSSO_DataScientist_0123456789ABCDEF", "alice@example.com"), Flaw.OTHER_SET),
    (caller("AWSReservedSSO_DataScientist", "alice@example.com"), Flaw.OTHER_SET),
    (caller("Xreserved", "alice@example.com"), Flaw.NOT_SSO),
    (caller(BUILDER, "somebody"), Flaw.NOT_SSO),
    (caller(BUILDER, "EKSGetTokenAuth", LAB), Flaw.OTHER_ACCOUNT),
    (caller(READER, "EKSGetTokenAuth"), Flaw.OTHER_ROLE),
    (caller(BUILDER.lower(), "EKSGetTokenAuth"), Flaw.OTHER_ROLE),
    (caller(BUILDER, "EKSGetTokenAuth", partition="aws-cn"), Flaw.NOT_SSO),
    (
        CallerIdentity(arn=f"arn:aws:iam::{PROD}:user/al", account=PROD, user_id="AIDA", signed_at=NOON),
        Flaw.NOT_SSO,
    ),
    (
        CallerIdentity(arn=f"arn:aws:iam::{PROD}:root", account=PROD, user_id=PROD, signed_at=NOON),
        Flaw.NOT_SSO,
    ),
    (CallerIdentity(arn="", account=PROD, user_id="x", signed_at=NOON), Flaw.NOT_SSO),
    (replace(caller(BUILDER, "EKSGetTokenAuth"), account=LAB), Flaw.NOT_SSO),
]


@pytest.mark.parametrize(("seen", "flaw"), NOBODYS)
def test_nobody_else_answers(seen: CallerIdentity, flaw: Flaw) -> None:
    with pytest.raises(TokenRefused) as refused:
        place(a_challenge(), seen)

    assert refused.value.flaw is flaw


def test_a_dot_in_a_permission_sets_name_is_no_wildcard() -> None:
    challenge = a_challenge(permission_set=PermissionSetName("Data.Scientist"))

    with pytest.raises(TokenRefused):
        place(challenge, caller("AWSReservedSSO_DataXScientist_0123456789abcdef", "alice@example.com"))


# What became of each role


def flaws(challenge: Challenge, seen: list[Step | Flaw], failed: set[int]) -> list[Flaw | None]:
    return [finding.flaw for finding in judge(challenge, seen, failed)]


def test_the_commands_ask_in_each_account_who_it_is_before_its_roles() -> None:
    challenge = a_challenge(target(PROD), target(PROD, READER), target(LAB))

    assert challenge.steps == (
        step(PROD, None),
        step(PROD, BUILDER),
        step(PROD, READER),
        step(LAB, None),
        step(LAB, BUILDER),
    )


def test_a_role_needs_its_own_token_and_the_sign_in_of_its_account() -> None:
    challenge = a_challenge(target(PROD), target(LAB))

    assert flaws(challenge, [step(PROD, None), step(PROD), step(LAB)], set()) == [None, Flaw.NO_IDENTITY]
    assert flaws(challenge, [step(PROD, None), step(LAB, None), step(LAB)], set()) == [Flaw.NO_TOKEN, None]


def test_tokens_may_come_in_any_order() -> None:
    assert flaws(a_challenge(), [step(), step(role=None)], set()) == [None]


def test_a_flaw_belongs_to_the_step_in_whose_place_it_came() -> None:
    challenge = a_challenge(target(PROD), target(PROD, READER))

    seen: list[Step | Flaw] = [step(role=None), Flaw.NOT_BELIEVED, step(role=READER)]
    assert flaws(challenge, seen, set()) == [Flaw.NOT_BELIEVED, None]
    assert flaws(challenge, seen[:2], {2}) == [Flaw.NOT_BELIEVED, Flaw.CLI_FAILED]


def test_the_sign_ins_flaw_is_told_for_each_role_of_its_account() -> None:
    assert judge(a_challenge(), [Flaw.OTHER_PERSON, step()], set()) == (
        Finding(target=target(), flaw=Flaw.OTHER_PERSON, identity=True),
    )


def test_a_flaw_without_a_place_is_told_once_at_the_end() -> None:
    found = judge(a_challenge(), [Flaw.NOT_A_TOKEN, Flaw.NOT_A_TOKEN, Flaw.NOT_A_TOKEN], set())

    assert found == (
        Finding(target=target(), flaw=Flaw.NO_TOKEN),
        Finding(target=None, flaw=Flaw.NOT_A_TOKEN),
    )


steps = st.sampled_from(a_challenge(target(PROD), target(PROD, READER), target(LAB)).steps)


@given(st.lists(steps | st.sampled_from(Flaw), max_size=8), st.sets(st.integers(0, 40), max_size=5))
def test_nothing_is_proved_without_both_tokens(seen: list[Step | Flaw], failed: set[int]) -> None:
    challenge = a_challenge(target(PROD), target(PROD, READER), target(LAB))

    found = judge(challenge, seen, failed)

    for finding in found[: len(challenge.targets)]:
        assert finding.target is not None
        pair = {step(finding.target.account, None), step(finding.target.account, finding.target.role)}
        assert (finding.flaw is None) == (pair <= set(seen))
    assert [each.target for each in found[: len(challenge.targets)]] == list(challenge.targets)


# The challenge


def test_it_takes_deliveries_for_ten_minutes_and_ten_times() -> None:
    challenge = a_challenge()

    assert challenge.takes(NOON + LIFETIME - timedelta(seconds=1))
    assert not challenge.takes(NOON + LIFETIME)
    assert not a_challenge(attempts=ATTEMPTS).takes(NOON)
    assert not a_challenge(closed_at=NOON).takes(NOON)


def test_a_delivery_has_room_for_the_longest_tokens_of_every_step() -> None:
    challenge = a_challenge(target(PROD), target(LAB))

    assert body_limit(challenge) >= 4 * (TOKEN_BYTES + 1)
    assert body_limit(challenge) < 6 * TOKEN_BYTES


def test_what_has_no_proof_yet_comes_first() -> None:
    wanted = [target(PROD, RoleName(f"Role{number:02}")) for number in range(20)]

    chosen = choose(wanted, wanted[:10], by_hand=False)

    assert len(chosen) == MOST_ROLES
    assert set(wanted[10:]) <= set(chosen)


def test_pasted_tokens_are_of_one_account() -> None:
    wanted = [target(account, RoleName(f"Role{number}")) for account in (PROD, LAB) for number in range(5)]

    assert choose(wanted, [], by_hand=True) == tuple(wanted[:MOST_BY_HAND])
    assert choose(wanted, wanted[:5], by_hand=True) == tuple(wanted[5 : 5 + MOST_BY_HAND][:MOST_BY_HAND])
