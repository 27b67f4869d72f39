"""Seeing what one has, giving it back, and having it taken away: by command, by button, and by nobody else."""

from bot.sandbox.slack.actor import Actor
from tests.integration.conftest import World, words


async def ask_to_end(world: World, who: Actor, line: str = "/workbench-access revoke WA-1") -> None:
    ack = await who.command(line)
    assert ack.ok, ack


async def form_of(world: World, who: Actor) -> str:
    return await world.screen(who, "WA-1", submits=True)


async def test_the_requester_gives_access_back_and_reads_that_it_ended(world: World) -> None:
    await world.start()
    card = await world.granted()
    had = world.allowed()

    await ask_to_end(world, world.alice)
    said = await form_of(world, world.alice)
    assert world.alice.open_view is not None
    ack = await world.alice.submit(world.alice.open_view)
    ended = await world.dm(world.alice, "Access ended")

    assert had
    assert ack.ok, ack
    assert "2 people" in said
    assert not world.allowed()
    assert world.managed() == []
    assert "given back by you" in words(ended)
    await world.reads(card, "Ended")


async def test_an_approver_takes_access_away_and_the_requester_reads_why(world: World) -> None:
    await world.start()
    await world.granted()

    await ask_to_end(world, world.ben)
    await form_of(world, world.ben)
    view = world.ben.open_view
    assert view is not None
    await world.ben.select(view, "type_reason", "The project is over")
    ack = await world.ben.submit(view)
    ended = await world.dm(world.alice, "Access ended")

    assert ack.ok, ack
    assert "taken away by an approver" in words(ended)
    assert "The project is over" in words(ended)
    assert not world.allowed()


async def test_somebody_elses_access_does_not_exist_for_others(world: World) -> None:
    await world.start()
    await world.granted()
    dana = world.slack.as_user("U0DANA")

    await ask_to_end(world, dana)
    asked = await world.screen(dana, "WA-1")
    await dana.command("/workbench-access status WA-1")
    said = await world.told(dana, "WA-1")

    assert "that you may see" in asked
    assert "that you may see" in said
    assert world.allowed()


async def test_who_presses_undo_on_a_card_without_being_an_approver_reads_just_that(world: World) -> None:
    await world.start()
    card = await world.granted()
    world.slack.workspace.channels[card.channel].members.append("U0DANA")
    dana = world.slack.as_user("U0DANA")

    await dana.click(card, "Undo")

    assert "approver" in await world.screen(dana, "Not possible")
    assert world.allowed()


async def test_status_tells_what_one_has_and_what_waits_for_ones_decision(world: World) -> None:
    await world.start()
    await world.granted()
    await world.asked(reason="A second one")

    await world.alice.command("/workbench-access status")
    mine = await world.told(world.alice, "WA-2")
    await world.ben.command("/workbench-access status")
    waiting = await world.told(world.ben, "WA-2")

    assert "WA-1" in mine
    assert "Granted" in mine
    assert "1 request waits" in waiting
