"""The Home tab: what each person sees there, and the doctor behind its button."""

from typing import Any

import pytest

from bot.sandbox.scene import ADMINS, DATA_SCIENTIST, GUEST
from bot.sandbox.slack.actor import Actor
from bot.sandbox.slack.inputs import ClientRefusedError
from bot.sandbox.slack.records import View
from tests.integration.conftest import PATIENCE, World, words


async def opened(world: World, who: Actor, *, has: str = "Workbench Access") -> View:
    """The page after this person has opened it, once it says this."""
    versions = len(who.home.versions) if who.home is not None else 0
    acks = await who.open_home()
    assert all(ack.ok for ack in acks)

    def shown() -> View | None:
        home = who.home
        is_new = home is not None and len(home.versions) > versions
        return home if home is not None and is_new and has in words(home.blocks) else None

    return await world.seen(shown, what=f"a Home tab with {has!r}")


def pressable(home: View) -> list[str]:
    actions = [block for block in home.blocks if block["type"] == "actions"]
    return [element["text"]["text"] for block in actions for element in block["elements"]]


async def test_somebody_new_is_shown_where_to_begin(world: World) -> None:
    await world.start()

    home = await opened(world, world.alice)

    assert pressable(home) == ["Request access"]
    assert "You have asked for nothing yourself so far" in words(home.blocks)
    assert "#workbench-support" in words(home.blocks)


async def test_the_button_opens_the_form(world: World) -> None:
    await world.start()
    home = await opened(world, world.alice)

    ack = await world.alice.click(home, "Request access")

    assert ack.ok
    await world.screen(world.alice, "Permission set")


async def test_one_sees_ones_own_requests_and_an_approver_what_waits(world: World) -> None:
    await world.start()
    await world.asked()

    alice, ben = await opened(world, world.alice), await opened(world, world.ben)

    assert "Your requests" in words(alice.blocks)
    assert "WA-1" in words(alice.blocks)
    assert "Waiting for you" not in words(alice.blocks)
    assert "Waiting for you" in words(ben.blocks)
    assert "WA-1" in words(ben.blocks)
    assert pressable(ben) == ["Request access", "Run doctor"]


async def test_it_is_read_anew_whenever_it_is_opened(world: World) -> None:
    await world.start()
    await opened(world, world.alice)
    await world.asked()

    home = await opened(world, world.alice)

    assert "WA-1" in words(home.blocks)
    assert len(home.versions) == 2


@pytest.mark.parametrize("is_known", [False, True], ids=["guest", "known guest"])
async def test_a_guest_reads_why_there_is_nothing(world: World, is_known: bool) -> None:
    await world.start()
    guest = world.slack.as_user(GUEST)
    if is_known:
        await opened(world, guest)

    home = await opened(world, guest)

    assert "Guests of this Slack workspace cannot use Workbench Access" in words(home.blocks)
    assert pressable(home) == []


async def test_an_aws_that_does_not_answer_is_said_on_the_page(world: World) -> None:
    await world.start()
    await world.asked()
    world.aws.faults.hang("*", times=None)

    home = await opened(world, world.alice, has="AWS does not answer at the moment")

    assert "WA-1" in words(home.blocks)


async def test_a_database_that_does_not_answer_is_said_on_the_page(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bot.adapters.storage.store import SqlStore
    from bot.domain.errors import Code, Unavailable

    await world.start()

    async def away(*_: object, **__: object) -> None:
        raise Unavailable(Code.STORE_UNAVAILABLE)

    monkeypatch.setattr(SqlStore, "run", away)
    home = await opened(world, world.alice, has="Not now")

    assert "#workbench-support" in words(home.blocks)
    monkeypatch.undo()


async def test_a_slow_slack_does_not_hold_up_the_ack(world: World) -> None:
    await world.start()
    world.slack.faults.hang("users.info", times=1)
    world.slack.faults.hang("views.publish", times=1)

    acks = await world.alice.open_home()

    assert all(ack.ok and ack.elapsed < 3 for ack in acks)


# The doctor


async def test_an_approver_runs_the_doctor_in_a_modal(world: World) -> None:
    await world.start()
    world.org.set_tags(DATA_SCIENTIST, {"ManagedBy": "Terraform"})
    home = await opened(world, world.ben)

    ack = await world.ben.click(home, "Run doctor")

    assert ack.ok
    said = await world.screen(world.ben, "Examined")
    assert "⛔ 0 failures" in said
    assert f"Permission sets: owner {DATA_SCIENTIST}" in said
    assert "aws sso-admin tag-resource" in said
    assert "What is well" in said
    assert world.slack.bot_token not in said


async def test_the_modal_is_there_before_the_findings(world: World) -> None:
    await world.start()
    home = await opened(world, world.ben)
    silence = world.aws.faults.hang("sso-admin", times=None)

    await world.ben.click(home, "Run doctor")

    await world.screen(world.ben, "Being examined", timeout=3)
    silence.release()
    await world.screen(world.ben, "Examined")


async def test_whoever_is_no_approver_at_the_click_is_refused_kindly(world: World) -> None:
    await world.start()
    home = await opened(world, world.ben)
    world.slack.workspace.usergroups[ADMINS].users.remove(world.ben.id)

    await world.ben.click(home, "Run doctor")

    said = await world.screen(world.ben, "Approvers only")
    assert "#workbench-support" in said
    assert "ok" not in said.split()


async def test_a_forged_click_of_somebody_else_is_refused(world: World) -> None:
    await world.start()
    home = await opened(world, world.ben)
    calls = world.aws.calls.count("sso-admin", "ListTagsForResource")

    with pytest.raises(ClientRefusedError):
        await world.alice.click(await opened(world, world.alice), "Run doctor")
    await world.ben.click(home, "Run doctor", forge=_as(world.alice.id, home, world))

    await world.screen(world.ben, "Approvers only")
    assert world.aws.calls.count("sso-admin", "ListTagsForResource") == calls


def _as(user: str, home: View, world: World) -> dict[str, Any]:
    assert home.user != user
    return {"user": {"id": user, "team_id": world.slack.workspace.team.id}}


async def test_a_guest_among_the_approvers_is_refused(world: World) -> None:
    await world.start()
    home = await opened(world, world.ben)
    world.slack.workspace.users[world.ben.id].is_restricted = True

    await world.ben.click(home, "Run doctor")

    await world.screen(world.ben, "Guests of this Slack workspace cannot use Workbench Access")


async def test_two_who_ask_together_share_one_look(world: World) -> None:
    await world.start()
    first, second = await opened(world, world.ben), await opened(world, world.chris)
    before = world.aws.calls.count("sts", "GetCallerIdentity")

    await world.ben.click(first, "Run doctor")
    await world.chris.click(second, "Run doctor")

    await world.screen(world.ben, "Examined", timeout=PATIENCE)
    await world.screen(world.chris, "Examined", timeout=PATIENCE)
    assert world.aws.calls.count("sts", "GetCallerIdentity") == before + 1
