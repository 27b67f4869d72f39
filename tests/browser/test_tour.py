"""The guided tour, as a newcomer follows it in a browser."""

import re

import pytest
from playwright.async_api import expect

from bot.sandbox.scene import ALICE
from tests.browser.window import Desk
from tests.integration.page_visitor import BUILDER

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_newcomer_follows_the_tour_from_the_first_request_to_its_end(at: Desk) -> None:
    window = await at.window(ALICE)
    page = window.page
    step = page.get_by_test_id("tour")
    await page.get_by_test_id("tour-begin").click()

    await expect(step).to_contain_text("1 of 5 · Ask as Alice")
    await expect(window.cell("Alice Smith")).to_contain_text("no")
    await window.asks()

    await expect(step).to_contain_text("2 of 5 · Approve as Ben")
    await page.get_by_test_id("tour-act").click()
    await expect(page.get_by_test_id("place")).to_have_text("access-approvals")
    card = window.messages.filter(has_text="WA-1").first
    await expect(card).to_contain_text("Train the churn model")
    await expect(card).to_contain_text("WorkbenchAccess")
    await expect(window.cell("Alice Smith")).to_contain_text("no")
    await window.approves(card)

    await expect(step).to_contain_text("3 of 5 · Read the results")
    await expect(window.cell("Alice Smith")).to_contain_text("can")
    await page.get_by_test_id("tour-act").click()
    await expect(page.get_by_test_id("place")).to_have_text("workbench-access")
    results = window.messages.filter(has=page.get_by_role("table"))
    await expect(results.get_by_role("cell", name=BUILDER).last).to_be_visible()

    await expect(step).to_contain_text("4 of 5 · Break something and verify")
    await page.get_by_test_id("tour-switches").click()
    await page.locator('[data-switch="remove_ours:DataScientist"]').click()
    await window.tab("AWS")
    await expect(window.cell("Alice Smith")).to_contain_text("no")
    await window.go("general")
    await window.type("/workbench-access verify")
    await expect(window.messages.filter(has=page.get_by_role("table"))).to_contain_text("Only visible to you")

    await expect(step).to_contain_text("5 of 5 · Move the clock to the end")
    await page.get_by_test_id("tour-switches").click()
    before = await page.get_by_test_id("clock").inner_text()
    await page.get_by_role("button", name="+ 7 days").click()
    await expect(step).to_contain_text("That was the tour")
    assert await page.get_by_test_id("clock").inner_text() != before
    await window.go("workbench-access")
    await expect(window.messages.last).to_contain_text(re.compile("ended|over", re.IGNORECASE))
