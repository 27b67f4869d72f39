"""The request form in a browser: what is wrong stands at the field, and no mouse is needed."""

import pytest
from playwright.async_api import Locator, expect

from bot.sandbox.scene import ALICE, BEN
from tests.browser.window import Desk, Window
from tests.integration.page_visitor import BUILDER

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUIRED = "Please complete this required field."
IN_FORM = "document.querySelector('dialog#modal').contains(document.activeElement)"


async def tabs_to(window: Window, target: Locator, *, key: str = "Tab") -> None:
    """Press Tab until the target has the focus."""
    for _ in range(60):
        if await target.evaluate("node => node === document.activeElement"):
            return
        await window.page.keyboard.press(key)
    raise AssertionError(f"{key} does not lead to {target}")


async def test_what_is_missing_stands_at_its_field_and_goes_when_it_is_there(at: Desk) -> None:
    window = await at.window(ALICE)
    await window.opens_form()

    await window.sends_form()

    reason, accounts = window.field("Reason"), window.field("Accounts")
    await expect(reason.get_by_role("alert")).to_have_text(REQUIRED)
    await expect(accounts.get_by_role("alert")).to_have_text(REQUIRED)
    await expect(window.field("For how long").get_by_role("alert")).to_be_hidden()
    box = reason.get_by_role("textbox")
    await expect(box).to_have_attribute("aria-invalid", "true")
    await expect(box).to_have_accessible_description(
        f"Approvers decide by this. A link to a ticket helps. {REQUIRED}"
    )
    await expect(accounts.get_by_role("combobox")).to_be_focused()

    await box.fill("Train the churn model")

    await expect(reason.get_by_role("alert")).to_be_hidden()
    await expect(box).not_to_have_attribute("aria-invalid", "true")
    await expect(accounts.get_by_role("alert")).to_be_visible()


async def test_what_the_bot_refuses_stands_at_its_field_with_everything_still_filled_in(at: Desk) -> None:
    window = await at.window(ALICE)
    await window.opens_form()
    await window.fills_form(reason="   ")

    await window.sends_form()

    error = window.field("Reason").get_by_role("alert")
    await expect(error).to_be_visible()
    assert await error.inner_text() != REQUIRED
    await expect(window.form.get_by_role("checkbox", name=BUILDER)).to_be_checked()
    await expect(window.field("Accounts")).to_contain_text("Workbench Sandbox")

    await window.form.get_by_role("textbox", name="Reason").fill("Train the churn model")

    await expect(error).to_be_hidden()


async def test_a_request_can_be_made_without_a_mouse(at: Desk) -> None:
    window = await at.window(ALICE)
    page, keyboard = window.page, window.page.keyboard

    await keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the conversation")).to_be_focused()
    await keyboard.press("Enter")
    await tabs_to(window, window.composer)
    await keyboard.type("/w")
    await keyboard.press("Tab")
    await expect(window.composer).to_have_value("/workbench-access ")
    await keyboard.type("req")
    await keyboard.press("Enter")
    await expect(window.composer).to_have_value("/workbench-access request ")
    await keyboard.press("Enter")

    accounts = window.form.get_by_role("combobox", name="Accounts")
    await tabs_to(window, accounts)
    await keyboard.type("sandbox")
    await expect(window.form.get_by_role("option", name="Workbench Sandbox")).to_be_visible()
    await keyboard.press("Enter")
    await expect(window.field("Accounts").get_by_role("listitem")).to_contain_text("Workbench Sandbox")
    await tabs_to(window, window.form.get_by_role("checkbox", name=BUILDER))
    await keyboard.press("Space")
    await tabs_to(window, window.form.get_by_role("textbox", name="Reason"))
    await keyboard.type("Asked without a mouse")
    await tabs_to(window, window.form.get_by_test_id("modal-submit"))
    await keyboard.press("Enter")

    await expect(window.form).to_be_hidden()
    await expect(window.composer).to_be_focused()
    reader = await at.window(BEN)
    await reader.go("access-approvals")
    await expect(reader.messages.first).to_contain_text("Asked without a mouse")


async def test_the_focus_stays_in_the_form_and_comes_back_when_it_closes(at: Desk) -> None:
    window = await at.window(ALICE)
    await window.composer.focus()
    await window.opens_form()
    assert await window.measure(IN_FORM)

    # After the last control the browser's own bar comes, where the document has no focus at all.
    seen = set()
    for key in ["Tab"] * 20 + ["Shift+Tab"] * 20:
        await window.page.keyboard.press(key)
        where = await window.measure(
            f"document.activeElement === document.body ? 'bar' : {IN_FORM} ? 'form' : 'page'"
        )
        seen.add(where)
    assert seen <= {"form", "bar"}
    assert "form" in seen

    await window.form.get_by_role("textbox", name="Reason").focus()
    await window.page.keyboard.press("Escape")

    await expect(window.form).to_be_hidden()
    await expect(window.composer).to_be_focused()
