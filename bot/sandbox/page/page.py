"""What all routes share: the news, the stage that is shown at present, and who the visitor acts as."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp
from time import time

from bot.sandbox.page.events import Hub
from bot.sandbox.page.stage import Stage, stage
from bot.sandbox.page.wire import Body, NoSuch
from bot.sandbox.play import PROVISIONING_SECONDS
from bot.sandbox.slack.records import User


class Page:
    """One sandbox with its page; `open` it."""

    def __init__(self, folder: Path, *, provisioning_seconds: float, with_bot: bool) -> None:
        # Numbers that rise from one run to the next: a page that was left open sees that it must look again.
        self.hub = Hub(first=int(time() * 1000))
        self._folder = folder
        self._provisioning_seconds = provisioning_seconds
        self._with_bot = with_bot
        self._stage: Stage | None = None
        self._life = AsyncExitStack()
        self._jobs: set[asyncio.Task[None]] = set()
        self.turn = asyncio.Lock()
        """Held while the bot, the clock or everything is changed: one after the other."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls, folder: Path, *, provisioning_seconds: float = PROVISIONING_SECONDS, with_bot: bool = True
    ) -> AsyncIterator["Page"]:
        """Doubles and bot, as long as the context lasts. The bot is still starting when this returns, or stopped."""
        page = cls(folder, provisioning_seconds=provisioning_seconds, with_bot=with_bot)
        try:
            await page._set_up()
            yield page
        finally:
            page.hub.close()
            await page._tear_down()

    @property
    def stage(self) -> Stage:
        if self._stage is None:
            raise NoSuch("The sandbox is being set up again; try in a moment.")
        return self._stage

    def person(self, body: Body) -> User:
        """Whom the visitor acts as; raises `NoSuch`."""
        user = self.stage.workspace.users.get(body.text("as"))
        if user is None or user.is_bot:
            raise NoSuch("There is no such person to act as.")
        return user

    async def reset(self) -> None:
        """Everything as at the start; pages that are open are told to look again."""
        async with self.turn:
            await self._tear_down()
            await self._set_up()
            self.hub.forget()

    async def _set_up(self) -> None:
        folder = Path(mkdtemp(prefix="run-", dir=self._folder))
        opened = stage(folder, self.hub, provisioning_seconds=self._provisioning_seconds)
        self._stage = await self._life.enter_async_context(opened)
        if not self._with_bot:
            return
        # The page is usable before the bot is; it shows that the bot is starting.
        job = asyncio.create_task(self._stage.bot.start(), name="first start of the bot")
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def _tear_down(self) -> None:
        for job in list(self._jobs):
            job.cancel()
        self._stage = None
        await self._life.aclose()
