"""The bot's level against the simulator's own evaluator, which shares no line with it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from bot.adapters.aws.client import AwsClient, Patience
from bot.adapters.aws.identity_center import AwsIdentityCenter
from bot.adapters.aws.member_account import AwsMemberAccounts
from bot.adapters.clock import SystemClock
from bot.domain.errors import Code
from bot.domain.grant import Copies
from bot.domain.names import AccountId, IdentityUserId, PermissionSetName, RoleName
from bot.domain.people import Identity
from bot.domain.request import Target
from bot.domain.three_valued import Answer
from bot.domain.verification import Level, Verification
from bot.sandbox.aws.server import AwsDouble
from bot.usecases.self_check import SelfCheck
from handlers.views.wording import code_of
from tests.builders import ALICE as SLACK_ALICE
from tests.builders import some_rules
from tests.integration.oracle import ALICE, ROLES, SET, Scene, Situation, scenes
from tests.unit.bot.adapters.aws.wiring import maker

T = TypeVar("T")

ACCOUNTS_EACH = 20
SEED = 20_261_122


@dataclass
class NothingStored:
    """A store for a verification: no push, no proof but of the condition that "Only me" hangs on."""

    def pushes_of(self, _: object) -> tuple[()]:
        return ()

    def copies(self, permission_set: PermissionSetName) -> Copies:
        return Copies(permission_set=permission_set)

    def proofs_of(self, _: object) -> tuple[()]:
        return ()

    def only_me_was_proven(self) -> bool:
        return True

    async def run(self, transaction: Callable[[Any], T]) -> T:
        return transaction(self)


@dataclass
class Tally:
    situations: int = 0
    levels: Counter[Level] = field(default_factory=Counter)
    refusals: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)
    overstated: list[str] = field(default_factory=list)
    unknown: int = 0


async def verified(scene: Scene) -> dict[Target, Verification]:
    """What the real adapters and the self-check find, over HTTP."""
    async with AwsDouble(scene.org) as double:
        make = maker(double.endpoint_url, scene.org.region)
        patience = Patience(reads=20.0)
        async with AwsClient(make_client=make, rate=10_000, patience=patience) as aws:
            center = AwsIdentityCenter(aws, SystemClock())
            members = AwsMemberAccounts(
                aws, SystemClock(), role=RoleName("WorkbenchAccessVerifier"), home=center.home
            )
            check: Any = SelfCheck
            self_check: SelfCheck = check(
                identity_center=center,
                members=members,
                store=NothingStored(),
                clock=SystemClock(),
                rules=some_rules(),
                admission=None,
            )
            user = IdentityUserId(scene.org.directory.user(ALICE).id)
            targets = [
                Target(account=AccountId(each.account), role=RoleName(role))
                for each in scene.situations
                for role in ROLES
            ]
            report = await self_check.check(
                PermissionSetName(SET), targets, Identity(user_id=user, user_name=ALICE), SLACK_ALICE
            )
            await members.close()
            await center.close()
            return {each.target: each for each in report.verifications}


def judge(scene: Scene, at: Situation, role: str, found: Verification, tally: Tally) -> None:
    truth = scene.org.can_assume(ALICE, SET, at.account, role)
    where = f"{scene.name}, {at.faults}, {role}: {found.level}; in truth: {truth.because}"
    tally.situations += 1
    tally.levels[found.level] += 1
    if found.level is Level.PREDICTED and not truth:
        tally.overstated.append(where)
    if found.level is Level.CONFIGURED and not is_configured(scene, at, role):
        tally.overstated.append(where)
    broken = found.broken
    if broken is None:
        return
    if broken.answer is Answer.UNKNOWN:
        tally.unknown += 1
        return
    tally.refusals += 1
    if not truth and code_of(broken) in at.broken.get(role, set()):
        tally.right += 1
    else:
        tally.wrong.append(f"{where}; named {code_of(broken)} at {broken.link}")


def is_configured(scene: Scene, at: Situation, role: str) -> bool:
    """CONFIGURED by definition, from the organisation's own records: nothing here asks the bot's evaluator.

    Where the account lets the bot look and nothing is unclear, a CONFIGURED that does not hold is one too many.
    """
    org, broken = scene.org, at.broken.get(role, set())
    if (
        "no member role" not in at.faults
        and not at.is_unclear
        and not org.can_assume(ALICE, SET, at.account, role)
    ):
        return False
    said = {Code.NOT_ASSIGNED, Code.NOT_ALLOWED} | (
        {Code.EXPLICIT_DENY} if scene.name != "own policy" else set()
    )
    latest = org.is_provisioned(SET, at.account) and org.is_latest(SET, at.account)
    return latest and broken.isdisjoint(said)


async def test_the_level_never_exceeds_the_truth_and_refusals_name_what_is_broken(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tally = Tally()
    for scene in scenes(SEED, ACCOUNTS_EACH):
        found = await verified(scene)
        for at in scene.situations:
            for role in ROLES:
                target = Target(account=AccountId(at.account), role=RoleName(role))
                judge(scene, at, role, found[target], tally)
    share = tally.right / tally.refusals
    with capsys.disabled():
        levels = ", ".join(f"{number} {level}" for level, number in sorted(tally.levels.items()))
        print(  # noqa: T201 -- the share is what the test is for
            f"\n{tally.situations} situations: {levels}; {tally.unknown} unknown; "
            f"{share:.1%} of {tally.refusals} refusals name the right link"
        )

    assert tally.situations >= 200
    assert tally.overstated == [], "\n".join(tally.overstated)
    assert share >= 0.98, "\n".join(tally.wrong)
    assert min(tally.levels[level] for level in (Level.NONE, Level.CONFIGURED, Level.PREDICTED)) >= 40
