"""The buttons on cards: stored, acknowledged, and decided right after; nothing in the message is believed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slack_bolt.async_app import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import AccessError, Code, NotFound, Refusal, Unavailable
from bot.domain.messages import ClickKind
from bot.domain.names import ChannelId
from bot.domain.request import REASON_LIMIT, RequestId, label
from bot.domain.rules import Rules
from bot.ports.store import Store
from bot.usecases.admission import Admission
from bot.usecases.decide_request import HandleClick
from bot.usecases.record_click import RecordClick
from bot.usecases.stories import story_of
from handlers import ids
from handlers.errors import slack_errors
from handlers.jobs import Jobs, Tell
from handlers.modals import Modals
from handlers.payloads import Actor, actor, noted_form, press
from handlers.respond import Respond
from handlers.told import teller, told
from handlers.views.deny_form import deny_form
from handlers.views.details import details
from handlers.views.request_form import refused
from handlers.views.wording import sentence

BUTTONS: Mapping[str, ClickKind] = {
    ids.ACTION_APPROVE: ClickKind.APPROVE,
    ids.ACTION_CANCEL: ClickKind.CANCEL,
    ids.ACTION_RETRY: ClickKind.RETRY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewConversation:
    """Approve, deny, cancel, retry and details."""

    store: Store
    rules: Rules
    admission: Admission
    handle_click: HandleClick
    record_click: RecordClick
    client: AsyncWebClient
    modals: Modals
    jobs: Jobs
    respond: Respond
    support: str

    async def on_button(self, ack: AsyncAck, body: dict[str, Any], action: dict[str, Any]) -> None:
        """A decision that needs no form: one short transaction, then the ack."""
        who = actor(body)
        try:
            pressed = press(body)
            await self._store(BUTTONS[str(action["action_id"])], pressed.request, who, pressed.channel)
        except (Refusal, Unavailable) as error:
            await ack()
            url = str(body.get("response_url") or "")
            self.jobs.start(self.respond(url, told(error, support=self.support)), name="click_refused")
        else:
            await ack()

    async def on_deny(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Ask for the reason: the form opens at once, whether the person may deny is looked up meanwhile."""
        await ack()
        self.jobs.start(self._open_deny(body), name="deny_form", tell=self._teller(body))

    async def on_deny_submitted(self, ack: AsyncAck, body: dict[str, Any], view: dict[str, Any]) -> None:
        """Store the denial with its reason."""
        try:
            request, channel, reason = noted_form(view)
            note = reason
            if not note:
                raise Refusal(Code.REASON_MISSING)
            if len(note) > REASON_LIMIT:
                raise Refusal(Code.REASON_TOO_LONG, limit=REASON_LIMIT)
            await self._store(ClickKind.DENY, request, actor(body), channel, note=note)
        except (Refusal, Unavailable) as error:
            words = sentence(error.code, error.facts, support=self.support)
            await ack(response_action="errors", errors={ids.BLOCK_REASON: words})
        else:
            await ack()

    async def on_details(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Everything that the card had no room for."""
        await ack()
        self.jobs.start(self._open_details(body), name="details", tell=self._teller(body))

    def _teller(self, body: dict[str, Any]) -> Tell:
        return teller(self.respond, str(body.get("response_url") or ""), support=self.support)

    async def _store(
        self, kind: ClickKind, request: RequestId, who: Actor, channel: ChannelId, *, note: str = ""
    ) -> None:
        await self.record_click(kind, request, by=who.user, team=who.team, channel=channel, note=note)

    async def _open_deny(self, body: dict[str, Any]) -> None:
        who = actor(body)
        try:
            pressed = press(body)
            request = await self.store.run(lambda tx: tx.seen_request(pressed.request))
            view = deny_form(request.id, requester=request.ask.requester, channel=pressed.channel or who.user)
            with slack_errors():
                opened = await self.client.views_open(trigger_id=pressed.trigger_id, view=view)
        except AccessError as error:
            await self.respond(str(body.get("response_url") or ""), told(error, support=self.support))
            return
        try:
            await self.admission.person(who.user)
            await self.handle_click.preview(request.id, who.user)
        except (Refusal, NotFound) as error:
            words = sentence(error.code, error.facts, support=self.support)
            with slack_errors():
                await self.client.views_update(view_id=opened["view"]["id"], view=refused(words))
        except Unavailable:
            return  # the denial itself is checked again when it is sent

    async def _open_details(self, body: dict[str, Any]) -> None:
        who = actor(body)
        try:
            pressed = press(body)

            async def draw() -> dict[str, Any]:
                await self.admission.person(who.user)
                story = await self.store.run(lambda tx: story_of(tx, pressed.request))
                assert story is not None  # a request id always has one, or raises NotFound
                if who.user != story.request.ask.requester and pressed.channel != self.rules.channel:
                    raise Refusal(Code.NOT_YOURS, label=story.request.label)
                return details(story, support=self.support)

            await self.modals.open(pressed.trigger_id, draw, title=f"Details of {label(pressed.request)}")
        except AccessError as error:
            await self.respond(str(body.get("response_url") or ""), told(error, support=self.support))
