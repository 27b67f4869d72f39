"""What the tests of the self-check share."""

from bot.domain.errors import Code
from bot.domain.evaluate import Answer
from bot.domain.request import RequestId
from bot.domain.verification import Link, Verification
from bot.ports.identity_center import Assignees
from tests.builders import ALICE, SET, a_target
from tests.fakes.identity_center import ALICE_IDENTITY
from tests.fakes.world import World

ONE = RequestId(1)
NOBODY = Assignees(users=frozenset(), groups=frozenset())


async def check(world: World) -> Verification:
    """Of the one builder role in the production account."""
    report = await world.self_check.check(SET, [a_target()], ALICE_IDENTITY, ALICE)
    (verification,) = report.verifications
    return verification


def answer_of(verification: Verification, link: Link) -> tuple[Answer, Code | None]:
    (found,) = [check for check in verification.checks if check.link is link]
    return found.answer, found.code
