"""Acting as somebody: each person sees their own, and what people write stays what they wrote."""

import re

import pytest
from playwright.async_api import expect

from bot.sandbox.scene import ALICE, APPROVALS, BEN, CHRIS, DANA, GENERAL, GUEST, STRANGER
from tests.browser.window import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

RIGHT_TO_LEFT = "\u202e"
EVIL = "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'>"
LETTERED = f"{EVIL} <!channel> <@U0BEN> &lt;@U0BEN&gt; {RIGHT_TO_LEFT}tfel"
LONG = (LETTERED + " " + "long " * 600)[:3_000]


async def test_each_person_sees_their_own_places_and_messages(alone: Desk) -> None:
    workspace = alone.visitor.page.stage.workspace
    workspace.post(APPROVALS, workspace.content("A card for the approvers"))
    workspace.post_ephemeral(APPROVALS, BEN, workspace.content("Only for Ben"))
    window = await alone.window(ALICE)
    rail = window.page.get_by_role("navigation", name="Workspace")

    await expect(rail.get_by_role("list", name="Channels").get_by_role("button")).to_have_text(["general"])

    await window.act_as(BEN)
    await window.go("access-approvals")
    await expect(window.messages).to_contain_text(["A card for the approvers", "Only visible to you"])

    await window.act_as(CHRIS)
    await window.go("access-approvals")
    await expect(window.messages).to_have_count(1)
    await expect(window.conversation).not_to_contain_text("Only for Ben")

    await window.act_as(STRANGER)
    await expect(rail.get_by_role("list", name="Channels").get_by_role("button")).to_have_text(
        ["access-approvals"]
    )
    await expect(rail).not_to_contain_text("workbench-access")

    await window.act_as(DANA)
    await expect(window.page.get_by_test_id("about")).to_have_text("You are Dana Diaz")


@pytest.mark.parametrize(
    ("who", "place", "words"),
    [
        (GUEST, "general", "Guests of this Slack workspace cannot use Workbench Access"),
        (STRANGER, "access-approvals", "Your Slack account belongs to another workspace"),
    ],
    ids=["guest", "stranger"],
)
async def test_whom_the_bot_does_not_serve_is_told_so(at: Desk, who: str, place: str, words: str) -> None:
    window = await at.window(who)
    await window.go(place)

    await window.type("/workbench-access request")

    await expect(window.page.get_by_text(re.compile(words)).first).to_be_visible()
    await expect(window.form.get_by_role("combobox")).to_have_count(0)


async def test_names_and_lines_of_people_stay_text(alone: Desk) -> None:
    workspace = alone.visitor.page.stage.workspace
    workspace.users[CHRIS].real_name = f"{EVIL}{RIGHT_TO_LEFT}sirhC"
    window = await alone.window(ALICE)

    await window.type(LETTERED)
    await window.act_as(CHRIS)
    await window.type(LONG)
    await window.type("The end")
    workspace.post(GENERAL, workspace.content("*bold* by <@U0CHRIS> &lt;@U0BEN&gt; &lt;!channel&gt; then"))

    await expect(window.messages).to_have_count(4)
    said = window.messages.locator(".text")
    await expect(said.nth(0)).to_have_text(LETTERED)
    await expect(said.nth(1)).to_have_text(LONG.strip())
    await expect(said.nth(3)).to_contain_text("<@U0BEN> <!channel> then")
    # Only the bot's real mention is one; nothing that was typed or escaped became anything.
    await expect(window.messages.locator(".mention")).to_have_count(1)
    await expect(window.messages.locator("script, img, a")).to_have_count(0)
    await expect(window.messages.nth(1)).to_contain_text(EVIL)
    assert await window.measure("window.ran") is None


async def test_a_name_that_turns_the_direction_turns_nothing_but_itself(alone: Desk) -> None:
    workspace = alone.visitor.page.stage.workspace
    workspace.users[CHRIS].real_name = f"{RIGHT_TO_LEFT}sirhC"
    workspace.post(GENERAL, workspace.content("Decided by <@U0CHRIS> and by nobody else"))
    window = await alone.window(ALICE)
    said = window.messages.locator(".text")
    await expect(said).to_contain_text("nobody")

    parts = await said.evaluate(
        """node => [...node.childNodes].map((part) => {
          const range = document.createRange();
          range.selectNodeContents(part);
          const at = range.getBoundingClientRect();
          return [Math.round(at.left), Math.round(at.right)];
        })"""
    )

    before, name, after = parts
    assert before[1] <= name[0] + 1
    assert name[1] <= after[0] + 1


async def test_a_hostile_reason_is_text_on_the_card(at: Desk) -> None:
    window = await at.window(ALICE)
    await window.asks(reason=LETTERED)

    await window.act_as(BEN)
    await window.go("access-approvals")

    card = window.messages.filter(has_text="WA-1").first
    # The bot takes out what turns the direction, and nothing else.
    await expect(card.locator("blockquote")).to_have_text(LETTERED.replace(RIGHT_TO_LEFT, ""))
    await expect(card.locator("blockquote .mention")).to_have_count(0)
    await expect(card.locator("script, img")).to_have_count(0)
    assert await window.measure("window.ran") is None
