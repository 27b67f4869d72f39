"""What stands before every listener: our workspace only, and nobody whom we already know to be refused."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from slack_bolt.async_app import AsyncAck
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import AccessError, Code, Refusal
from bot.log import get_logger
from bot.usecases.admission import Admission
from handlers import ids
from handlers.errors import slack_errors
from handlers.jobs import Jobs
from handlers.payloads import actor
from handlers.respond import Respond
from handlers.told import told
from handlers.views.request_form import refused
from handlers.views.wording import sentence

log = get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Refuses people of other workspaces, and guests, bots and deactivated people as far as they are known.

    Whoever is not known yet is looked up after the ack, before anything comes of the payload.
    """

    admission: Admission
    jobs: Jobs
    respond: Respond
    client: AsyncWebClient
    support: str

    async def __call__(
        self,
        ack: AsyncAck,
        body: dict[str, Any],
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002 -- Bolt hands its arguments in by these names
    ) -> BoltResponse:
        """Let the payload through, or answer it here."""
        who = actor(body)
        try:
            if who.team != self.admission.team:
                raise Refusal(Code.STRANGER)
            self.admission.known(who.user)
        except Refusal as refusal:
            if _opens_home(body) and refusal.code is not Code.STRANGER:
                # Whoever opens the Home tab reads there why it is empty; an event has no other way to answer.
                return await next()
            return await self._refuse(ack, body, refusal)
        return await next()

    async def _refuse(self, ack: AsyncAck, body: dict[str, Any], refusal: Refusal) -> BoltResponse:
        message = told(refusal, support=self.support)
        match body.get("type"):
            case "view_submission":
                words = sentence(refusal.code, refusal.facts, support=self.support)
                return await ack(response_action="update", view=refused(words))
            case "block_suggestion":
                return await ack(options=[])
            case None if body.get("command"):
                return await ack(text=message.text, blocks=message.blocks, response_type="ephemeral")
            case "shortcut":
                view = refused(sentence(refusal.code, refusal.facts, support=self.support))
                self.jobs.start(self._show(str(body.get("trigger_id") or ""), view), name="refused")
                return await ack()
            case _:
                url = str(body.get("response_url") or "")
                self.jobs.start(self.respond(url, message), name="refused")
                return await ack()

    async def _show(self, trigger_id: str, view: dict[str, Any]) -> None:
        """A shortcut has no message to answer in: the refusal stands in a modal."""
        try:
            with slack_errors():
                await self.client.views_open(trigger_id=trigger_id, view=view)
        except AccessError as error:
            log.warning("refusal_not_shown", code=error.code.value)


def _opens_home(body: dict[str, Any]) -> bool:
    event = body.get("event")
    return isinstance(event, dict) and event.get("type") == ids.EVENT_HOME
