"""What the tests of clicks share: who presses what, and what they were answered."""

from bot.domain.messages import ClickKind
from bot.domain.names import SlackUserId
from tests.builders import BUILDER, PROD, READER, a_rule, a_target, set_rules, some_rules
from tests.fakes.world import World

TWO = some_rules(set_rules(a_rule(approvals=2)))
BOTH_ROLES = (a_target(PROD, READER), a_target(PROD, BUILDER))


async def press(
    world: World, by: SlackUserId, kind: ClickKind = ClickKind.APPROVE, *, request: int = 1, note: str = ""
) -> None:
    click = await world.click(kind, by=by, request=request, note=note)
    await world.handle_click(click.id)


async def answers(world: World, by: SlackUserId) -> list[str]:
    """What was owed to one person, in order; read from the store, Slack has not been told yet."""
    found = []
    for number in range(1, 20):
        message = await world.read(lambda tx, key=f"click:{number}:answer": tx.message(key))  # type: ignore[misc]
        if message is not None and message.to == by and message.answer is not None:
            found.append(message.answer.code.value if message.answer.code else message.answer.said)
    return found
