"""A person in front of the page: windows of a real browser, and what people do in them."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Playwright, Request, expect

from bot.sandbox.scene import SANDBOX
from tests.integration.page_visitor import BUILDER, PATIENCE, Visitor, visiting

PATIENCE_MS: Final = PATIENCE * 1_000
WIDE: Final = (1280, 800)
PHONE: Final = (390, 844)
Scheme = Literal["light", "dark"]

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET: Final = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
"""What a browser does beside showing a page is left out: nothing here goes to the network."""


@dataclass(slots=True, kw_only=True)
class Window:
    """One window of one person. `wrong` collects what no page should do."""

    page: Page
    visitor: Visitor
    wrong: list[str] = field(default_factory=list)

    # Where things are

    @property
    def conversation(self) -> Locator:
        return self.page.get_by_role("main")

    @property
    def messages(self) -> Locator:
        return self.conversation.get_by_test_id("message")

    @property
    def thread(self) -> Locator:
        return self.page.get_by_role("complementary", name="Thread")

    @property
    def composer(self) -> Locator:
        return self.conversation.get_by_test_id("composer")

    @property
    def form(self) -> Locator:
        return self.page.locator("dialog#modal")

    @property
    def notice(self) -> Locator:
        return self.conversation.get_by_test_id("notice")

    @property
    def tour(self) -> Locator:
        return self.page.get_by_role("region", name="Guided tour")

    def field(self, label: str) -> Locator:
        """An input block of the form with its label, hint and error."""
        return self.form.locator(".field").filter(has=self.page.get_by_text(re.compile(rf"^{label}")))

    def cell(self, person: str, role: str = "Builder", account: str = "Workbench Sandbox") -> Locator:
        """A cell of the matrix: whether this person can assume the role right now."""
        name = re.compile(rf"^{person}, Workbench-{role}Role in {account}")
        return self.page.get_by_test_id("matrix").get_by_role("button", name=name)

    # What people do

    async def act_as(self, who: str) -> None:
        """Look through somebody else's eyes."""
        person = self.page.get_by_role("radiogroup", name="Act as").locator(f'[data-person="{who}"]')
        await person.click()
        await expect(person).to_have_attribute("aria-checked", "true")

    async def go(self, place: str) -> None:
        """Open a channel, the direct message or App Home by its name in the rail."""
        entry = self.page.get_by_role("navigation", name="Workspace").get_by_role("button", name=place)
        await entry.first.click()
        await expect(self.page.get_by_test_id("place")).to_contain_text(place)

    async def type(self, text: str) -> None:
        """Write a line into the composer and send it."""
        await self.composer.fill(text)
        await self.composer.press("Escape")
        await self.composer.press("Enter")

    async def tab(self, name: str) -> None:
        await self.page.get_by_role("tab", name=name).click()

    async def opens_form(self) -> None:
        """The request form, ready to be filled in."""
        await self.type("/workbench-access request")
        await expect(self.form.get_by_role("combobox", name="Accounts")).to_be_visible()

    async def fills_form(self, *, reason: str = "Train the churn model") -> None:
        """The sandbox account, the Builder role, a day, and why."""
        accounts = self.form.get_by_role("combobox", name="Accounts")
        await accounts.fill("sandbox")
        await self.form.get_by_role("option", name=re.compile(SANDBOX)).click()
        await self.form.get_by_role("checkbox", name=BUILDER).check()
        await self.form.get_by_role("textbox", name="Reason").fill(reason)

    async def sends_form(self) -> None:
        await self.form.get_by_test_id("modal-submit").click()

    async def asks(self, *, reason: str = "Train the churn model") -> None:
        """The whole of it, up to the closed form."""
        await self.opens_form()
        await self.fills_form(reason=reason)
        await self.sends_form()
        await expect(self.form).to_be_hidden()

    async def approves(self, card: Locator) -> None:
        """Press Approve on a card, and once more when asked whether it is meant."""
        await card.get_by_role("button", name=re.compile("^Approve")).click()
        await self.page.get_by_role("alertdialog").get_by_role("button", name="Approve").click()

    async def measure(self, script: str, argument: Any = None) -> Any:
        """What a function finds out inside the page."""
        return await self.page.evaluate(script, argument)


@dataclass(slots=True, kw_only=True)
class Desk:
    """A sandbox, and the windows that are open on it."""

    browser: Browser
    visitor: Visitor
    windows: list[Window] = field(default_factory=list)
    stack: AsyncExitStack

    async def window(
        self,
        who: str = "",
        *,
        size: tuple[int, int] = WIDE,
        colours: Scheme = "light",
        init: str = "",
    ) -> Window:
        """A new window with a profile of its own, acting as `who`; `init` runs before the page's own scripts."""
        context = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=colours,
            reduced_motion="reduce",
            locale="en-US",
            timezone_id="Europe/Berlin",
        )
        self.stack.push_async_callback(context.close)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        made = Window(page=page, visitor=self.visitor)
        self.windows.append(made)
        page.on("console", lambda message: _heard(made, message))
        page.on("dialog", lambda dialog: made.wrong.append(f"dialog: {dialog.message}"))
        page.on("pageerror", lambda error: made.wrong.append(f"error: {error}"))
        page.on("request", lambda request: _asked(made, request))
        if init:
            await page.add_init_script(init)
        await page.goto(self.visitor.address + (f"#as={who}" if who else ""))
        await expect(page.get_by_test_id("composer").first).to_be_attached()
        return made


def _heard(window: Window, message: ConsoleMessage) -> None:
    if message.type in {"error", "warning"}:
        window.wrong.append(f"console {message.type}: {message.text}")


def _asked(window: Window, request: Request) -> None:
    if not request.url.startswith((window.visitor.address, "data:", "blob:")):
        window.wrong.append(f"request to {request.url}")


def installed() -> str | None:
    """A browser of this machine; none is ever downloaded."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


@asynccontextmanager
async def launched(driver: Playwright, chromium: str) -> AsyncIterator[Browser]:
    """Debian's Chromium. Its own sandbox needs a user who is not root."""
    flags = [*QUIET, "--no-sandbox"] if os.getuid() == 0 else QUIET
    browser = await driver.chromium.launch(executable_path=chromium, args=flags)
    try:
        yield browser
    finally:
        await browser.close()


@asynccontextmanager
async def sitting(browser: Browser, visitor: Visitor) -> AsyncIterator[Desk]:
    """Windows on a sandbox. At the end none of them may have complained, or asked anybody else."""
    async with AsyncExitStack() as stack:
        made = Desk(browser=browser, visitor=visitor, stack=stack)
        yield made
        # What is under way in the pages has come to its end: no complaint is missed.
        await asyncio.gather(*(window.page.evaluate("0") for window in made.windows))
        wrong = [line for window in made.windows for line in window.wrong]
    workspace = visitor.page.stage.workspace
    for who in workspace.users:
        for view in list(workspace.stack(who)):
            await visitor.post("api/close", **{"as": who, "view": view.id, "all": True})
    assert wrong == []


@asynccontextmanager
async def desk(browser: Browser, folder: Path, *, with_bot: bool = True) -> AsyncIterator[Desk]:
    """A sandbox of its own, and windows on it. Its bot, if any, is still starting."""
    async with visiting(folder, with_bot=with_bot) as visitor, sitting(browser, visitor) as made:
        yield made
