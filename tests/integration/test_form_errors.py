"""What can never work is refused with the answer to the form, at the field where it can be mended."""

import json
from typing import Any

import pytest

from bot.sandbox.aws.sessions import Sessions
from bot.sandbox.scene import DATA_SCIENTIST, PRODUCTION, RESEARCH, SANDBOX
from bot.sandbox.slack.delivery import Ack
from bot.sandbox.slack.records import View
from tests.integration.conftest import BUILDER, EXECUTION, World, filled_policy, statement

pytestmark = pytest.mark.usefixtures("unhurried")

ACCOUNTS, ROLES, SPAN = (f"{base}:{DATA_SCIENTIST}" for base in ("accounts", "roles", "span"))
SET, REASON = "permission_set", "reason"


def says(ack: Ack, field: str, sentence: str) -> None:
    assert list(ack.errors) == [field], ack
    assert sentence in ack.errors[field]


async def nothing_came_of_it(world: World) -> None:
    """Whatever the bot still had to do is done once it has stopped."""
    await world.stop()
    assert world.slack.workspace.all_messages == []
    assert world.managed() == []


async def test_an_account_where_the_set_is_not_assigned_to_the_caller(world: World) -> None:
    world.org.assign("chris@example.com", DATA_SCIENTIST, PRODUCTION)
    world.org.unassign("data-science", DATA_SCIENTIST, PRODUCTION)
    await world.start()
    view = await world.fill(await world.open_form())

    ack = await world.alice.submit(view, forge=chosen_many(view, ACCOUNTS, PRODUCTION))

    says(ack, ACCOUNTS, "Not assigned: DataScientist is not assigned to you in account 222222222222")
    await nothing_came_of_it(world)


async def test_an_assignment_that_was_taken_away_since_the_form_was_opened(world: World) -> None:
    world.org.assign("chris@example.com", DATA_SCIENTIST, SANDBOX)
    await world.start()
    view = await world.fill(await world.open_form())
    world.org.unassign("data-science", DATA_SCIENTIST, SANDBOX)

    ack = await world.alice.submit(view)

    says(ack, ACCOUNTS, "Not assigned")
    await nothing_came_of_it(world)


async def test_a_policy_without_room(world: World) -> None:
    world.org.console_edit(DATA_SCIENTIST, filled_policy(free=40))
    await world.start()

    ack = await world.ask()

    says(ack, ROLES, "No room: the inline policy of DataScientist would grow beyond the 10,240 bytes")
    await nothing_came_of_it(world)


async def test_a_policy_with_just_enough_room(world: World) -> None:
    world.org.console_edit(DATA_SCIENTIST, filled_policy(free=400))
    await world.start()

    ack = await world.ask()
    card = await world.card()

    assert ack.ok
    assert "nearly full" in await world.reads(card, "Warning")


async def test_a_role_that_another_statement_denies(world: World) -> None:
    world.console_edit(statement("Deny", BUILDER, sid="NoBuilders"))
    await world.start()

    ack = await world.ask()

    says(ack, ROLES, "Explicit deny: a statement “NoBuilders” in the inline policy of DataScientist")
    await nothing_came_of_it(world)


async def test_a_managed_statement_that_was_edited_by_hand(world: World) -> None:
    await world.start()
    await world.granted()
    policy = world.policy()
    policy["Statement"][-1]["Action"] = "sts:*"
    world.org.console_edit(DATA_SCIENTIST, policy)

    ack = await world.ask(roles=[EXECUTION])

    says(ack, SET, "Somebody has changed a statement “WorkbenchAccess")
    assert world.policy() == policy


async def test_a_policy_that_cannot_be_read_safely(world: World) -> None:
    twice = '{"Version":"2012-10-17","Statement":[],"Statement":[]}'
    world.org.console_edit(DATA_SCIENTIST, twice, checked=False)
    await world.start()

    ack = await world.ask()

    says(ack, SET, "cannot be read safely")
    assert world.org.inline_policy(DATA_SCIENTIST) == twice


async def test_a_set_that_a_delegated_administrator_may_not_change(world: World) -> None:
    org = world.org
    org.delegated_admin = org.bot_account = "999999999999"
    org.add_account("999999999999", "Identity")
    org.sessions = Sessions(org)
    org.assign("chris@example.com", DATA_SCIENTIST, org.management_account)
    await world.start()

    ack = await world.ask()

    says(ack, SET, "Management account: DataScientist is provisioned in the management account")
    await nothing_came_of_it(world)


async def test_a_delegated_administrator_changes_every_other_set(world: World) -> None:
    org = world.org
    org.delegated_admin = org.bot_account = "999999999999"
    org.add_account("999999999999", "Identity")
    org.sessions = Sessions(org)
    await world.start()

    await world.granted()

    assert world.allowed()


async def test_a_reason_of_white_space(world: World) -> None:
    await world.start()

    ack = await world.ask(reason=" \n\t ")

    says(ack, REASON, "Please say why you need it")
    await nothing_came_of_it(world)


@pytest.mark.parametrize("character", ["x", "🐍"])
async def test_a_reason_that_is_longer_than_a_card_can_hold(world: World, character: str) -> None:
    await world.start()
    view = await world.fill(await world.open_form())

    long = {"type_reason": {"value": character * 1_001}}
    ack = await world.alice.submit(view, forge=state({REASON: long}))

    says(ack, REASON, "Please shorten this to 1,000 characters")
    await nothing_came_of_it(world)


@pytest.mark.parametrize("forged", ["3600", "0", "-1", "eternal", "9999999999999999999999", "604800.0", ""])
async def test_a_forged_duration(world: World, forged: str) -> None:
    await world.start()
    view = await world.fill(await world.open_form())

    span = {"choose_span": {"selected_option": {"value": forged}}}
    ack = await world.alice.submit(view, forge=state({SPAN: span}))

    assert ack.errors.keys() <= {SPAN, ACCOUNTS}
    assert ack.errors
    await nothing_came_of_it(world)


async def test_a_duration_that_one_of_the_roles_does_not_offer(world: World) -> None:
    world.rules += '\n[permission_sets.DataScientist.role."Workbench-ExecutionRole"]\ndurations = ["1d"]\n'
    await world.start()

    ack = await world.ask(roles=[BUILDER, EXECUTION], span="7 days")

    says(ack, SPAN, "These roles cannot be asked for that long")
    await nothing_came_of_it(world)


@pytest.mark.parametrize("forged", ["AdministratorRole", "Workbench-BuilderRole\n", "*", "a" * 300, ""])
async def test_a_forged_role(world: World, forged: str) -> None:
    await world.start()
    view = await world.fill(await world.open_form())

    role = {"choose_roles": {"selected_options": [{"value": forged}]}}
    ack = await world.alice.submit(view, forge=state({ROLES: role}))

    says(ack, ROLES, "cannot be asked for")
    await nothing_came_of_it(world)


async def test_a_forged_account(world: World) -> None:
    await world.start()
    view = await world.fill(await world.open_form())

    ack = await world.alice.submit(view, forge=chosen_many(view, ACCOUNTS, RESEARCH))

    says(ack, ACCOUNTS, "account 333333333333 cannot be asked for")
    await nothing_came_of_it(world)


@pytest.mark.parametrize("forged", ["12345678901", "1111111111111", "١١١١١١١١١١١١", "'; DROP TABLE", "*"])
async def test_something_that_is_no_account(world: World, forged: str) -> None:
    await world.start()
    view = await world.fill(await world.open_form())

    ack = await world.alice.submit(view, forge=chosen_many(view, ACCOUNTS, forged))

    says(ack, ACCOUNTS, "Please choose at least one account and one role")
    await nothing_came_of_it(world)


@pytest.mark.parametrize("forged", ["AdministratorAccess", "<!channel>", "x" * 75])
async def test_a_forged_permission_set(world: World, forged: str) -> None:
    await world.start()
    view = await world.fill(await world.open_form())

    option = {"selected_option": {"value": forged}}
    ack = await world.alice.submit(view, forge=state({SET: {"choose_permission_set": option}}))

    says(ack, SET, "cannot be asked for here")
    await nothing_came_of_it(world)


@pytest.mark.parametrize("metadata", ["", "[]", "{", '{"permission_set": 5}', "null", '"x"'])
async def test_forged_metadata_of_the_form_changes_nothing(world: World, metadata: str) -> None:
    await world.start()
    view = await world.fill(await world.open_form())

    ack = await world.alice.submit(view, forge={"view": {"private_metadata": metadata}})
    card = await world.card()

    assert ack.ok
    assert DATA_SCIENTIST in json.dumps(card.blocks)


def state(values: dict[str, Any]) -> dict[str, Any]:
    return {"view": {"state": {"values": values}}}


def chosen_many(view: View, block: str, *values: str) -> dict[str, Any]:
    """A selection in which the values of the person's own choice were replaced."""
    (action,) = view.values[block]
    return state({block: {action: {"selected_options": [{"value": value} for value in values]}}})
