"""The Home tab, published anew whenever it is opened, and the doctor behind its button."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from slack_bolt.async_app import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.diagnosis import Diagnosis
from bot.domain.errors import AccessError, Misconfigured
from bot.domain.names import SlackUserId
from bot.log import get_logger
from bot.ports.clock import Clock
from bot.usecases.doctor import MayDiagnose
from bot.usecases.read_status import ReadStatus
from handlers.errors import slack_errors
from handlers.jobs import Jobs
from handlers.payloads import actor
from handlers.people import FreshReads
from handlers.views.diagnosis import diagnosis_modal, looking, not_for_you, sorry
from handlers.views.home_tab import home_tab, sorry_tab
from handlers.views.parts import Json
from handlers.views.wording import sentence

log = get_logger(__name__)

WORTH_WAITING = 2.5
"""Seconds that a page waits to learn whether AWS answers; without an answer it says so."""

DIAGNOSIS_LASTS = timedelta(seconds=10)

EVERYTHING = "everything"
"""The one thing there is to diagnose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeConversation:
    """What people see in the app's Home tab, and what approvers can start there."""

    read_status: ReadStatus
    may_diagnose: MayDiagnose
    diagnoses: FreshReads[str, Diagnosis]
    """Shared by all who ask together: a diagnosis takes some fifty calls to AWS."""
    ping_aws: Callable[[], Awaitable[None]]
    client: AsyncWebClient
    jobs: Jobs
    clock: Clock
    support: str

    # The page

    async def on_opened(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Acknowledge, then publish; the messages tab is Slack's own."""
        await ack()
        event = body.get("event") or {}
        if event.get("tab", "home") == "home":
            self.jobs.start(self._publish(actor(body).user), name="home")

    async def _publish(self, user: SlackUserId) -> None:
        view = await self._page(user)
        try:
            with slack_errors():
                await self.client.views_publish(user_id=user, view=view)
        except AccessError as error:
            log.warning("home_not_published", code=error.code.value, error=error.facts.get("error", ""))

    async def _page(self, user: SlackUserId) -> Json:
        answering = asyncio.create_task(self._aws_answers(), name="home:aws")
        try:
            seen = await self.read_status.overview(user)
            return home_tab(
                seen.mine,
                seen.waiting,
                unreadable=seen.unreadable,
                unlisted=seen.unlisted,
                is_cut=seen.is_cut,
                may_diagnose=await self.may_diagnose(user),
                aws_answers=await answering,
                support=self.support,
            )
        except AccessError as error:
            return sorry_tab(sentence(error.code, error.facts, support=self.support), support=self.support)
        finally:
            answering.cancel()

    async def _aws_answers(self) -> bool:
        try:
            async with asyncio.timeout(WORTH_WAITING):
                await self.ping_aws()
        except (AccessError, Misconfigured, TimeoutError):
            return False
        return True

    # The doctor

    async def on_doctor(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """“Run doctor” was pressed: the modal opens first, within Slack's three seconds."""
        clicked_at = self.clock.now()
        await ack()
        opened: list[str] = []

        async def tell(error: AccessError) -> None:
            if opened:
                await self._show(opened[0], sorry(sentence(error.code, error.facts, support=self.support)))

        trigger = str(body.get("trigger_id") or "")
        self.jobs.start(self._doctor(actor(body).user, trigger, clicked_at, opened), name="doctor", tell=tell)

    async def _doctor(
        self, user: SlackUserId, trigger_id: str, clicked_at: datetime, opened: list[str]
    ) -> None:
        try:
            with slack_errors():
                answer = await self.client.views_open(trigger_id=trigger_id, view=looking())
        except AccessError as error:
            log.warning("doctor_not_shown", code=error.code.value)
            return
        opened.append(str(answer["view"]["id"]))
        await self._show(opened[0], await self._findings(user, clicked_at))

    async def _findings(self, user: SlackUserId, clicked_at: datetime) -> Json:
        """Who may see them is asked now, of Slack and the configuration, never of the page."""
        try:
            if not await self.may_diagnose(user, not_before=clicked_at):
                return not_for_you(self.support)
        except AccessError as error:
            return sorry(sentence(error.code, error.facts, support=self.support))
        return diagnosis_modal(await self.diagnoses.get(EVERYTHING, not_before=None))

    async def _show(self, view_id: str, view: Json) -> None:
        try:
            with slack_errors():
                await self.client.views_update(view_id=view_id, view=view)
        except AccessError as error:
            # Whoever has closed the modal meanwhile does not want to see it.
            log.warning("doctor_not_shown", code=error.code.value)
