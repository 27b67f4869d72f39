"""Ending access: `/workbench-access revoke <id>`, “I'm done” and “Undo”, all through one form that asks again."""

from dataclasses import dataclass
from typing import Any

from slack_bolt.async_app import AsyncAck

from bot.domain.errors import AccessError, Code, Refusal, Unavailable
from bot.domain.messages import ClickKind
from bot.domain.names import ChannelId, SlackUserId
from bot.domain.request import REASON_LIMIT, RequestId, label, parse_label
from bot.ports.store import Store
from bot.usecases.read_status import ReadStatus
from bot.usecases.record_click import RecordClick
from handlers import ids
from handlers.jobs import Jobs
from handlers.modals import Modals
from handlers.payloads import actor, noted_form, press
from handlers.respond import Respond
from handlers.told import teller, told
from handlers.views.end_form import end_form
from handlers.views.overview import one, overview
from handlers.views.parts import Message
from handlers.views.request_form import refused
from handlers.views.wording import sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantsConversation:
    """What people do with access they have, or that others have."""

    store: Store
    read_status: ReadStatus
    record_click: RecordClick
    modals: Modals
    jobs: Jobs
    respond: Respond
    support: str

    # Status

    def status(self, user: SlackUserId, text: str, response_url: str) -> None:
        """Answer `/workbench-access status [id]` in the background."""
        self.jobs.start(
            self._status(user, text, response_url),
            name="status",
            tell=teller(self.respond, response_url, support=self.support),
        )

    async def _status(self, user: SlackUserId, text: str, response_url: str) -> None:
        await self.respond(response_url, await self._state(user, text))

    async def _state(self, user: SlackUserId, text: str) -> Message:
        try:
            if text:
                return one(await self.read_status.one(user, parse_label(text)), support=self.support)
            seen = await self.read_status.overview(user)
        except AccessError as error:
            return told(error, support=self.support)
        return overview(
            seen.mine,
            seen.waiting,
            unreadable=seen.unreadable,
            unlisted=seen.unlisted,
            is_cut=seen.is_cut,
            support=self.support,
        )

    # Ending

    def revoke(
        self, user: SlackUserId, text: str, *, trigger_id: str, channel: str, response_url: str
    ) -> None:
        """Open the form for `/workbench-access revoke <id>`."""
        self.jobs.start(
            self._revoke(user, text, trigger_id, channel, response_url),
            name="revoke",
            tell=teller(self.respond, response_url, support=self.support),
        )

    async def on_end(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """“I'm done” or “Undo” was pressed."""
        await ack()
        url = str(body.get("response_url") or "")
        self.jobs.start(
            self._pressed(body), name="end_form", tell=teller(self.respond, url, support=self.support)
        )

    async def on_end_submitted(self, ack: AsyncAck, body: dict[str, Any], view: dict[str, Any]) -> None:
        """Store the wish to end; who may is decided from the store and Slack right after the ack."""
        try:
            request, channel, note = noted_form(view)
            if len(note) > REASON_LIMIT:
                raise Refusal(Code.REASON_TOO_LONG, limit=REASON_LIMIT)
            who = actor(body)
            await self.record_click(
                ClickKind.END, request, by=who.user, team=who.team, channel=channel, note=note
            )
        except (Refusal, Unavailable) as error:
            words = sentence(error.code, error.facts, support=self.support)
            if any(block.get("block_id") == ids.BLOCK_REASON for block in view.get("blocks", ())):
                await ack(response_action="errors", errors={ids.BLOCK_REASON: words})
            else:  # the requester's form asks for nothing, so there is no field to say it at
                await ack(response_action="update", view=refused(words))
        else:
            await ack()

    async def _pressed(self, body: dict[str, Any]) -> None:
        url = str(body.get("response_url") or "")
        try:
            pressed = press(body)
        except Refusal as refusal:
            await self.respond(url, told(refusal, support=self.support))
            return
        await self._ask(
            actor(body).user, pressed.request, pressed.trigger_id, pressed.channel, url, on_card=True
        )

    async def _revoke(
        self, user: SlackUserId, text: str, trigger_id: str, channel: str, response_url: str
    ) -> None:
        try:
            request = parse_label(text)
        except Refusal as refusal:
            await self.respond(response_url, told(refusal, support=self.support))
            return
        await self._ask(user, request, trigger_id, ChannelId(channel), response_url)

    async def _ask(
        self,
        user: SlackUserId,
        request: RequestId,
        trigger_id: str,
        channel: ChannelId,
        response_url: str,
        *,
        on_card: bool = False,
    ) -> None:
        async def draw() -> dict[str, Any]:
            try:
                story = await self.read_status.one(user, request)
            except Refusal as refusal:
                if on_card and refusal.code is Code.NOT_FOUND:
                    # The card is in front of them: that it exists is no secret.
                    raise Refusal(Code.NOT_AN_APPROVER, label=label(request)) from refusal
                raise
            return end_form(story, by_requester=story.request.ask.requester == user, channel=channel or user)

        try:
            await self.modals.open(trigger_id, draw, title=label(request))
        except AccessError as error:
            await self.respond(response_url, told(error, support=self.support))
