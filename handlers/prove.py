"""“Prove it”: commands for a person's own terminal, and tokens that come back through the form.

Tokens are never stored, so this form is the one that a kill can lose: the person reads so, and presses again.
"""

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from slack_bolt.async_app import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import AccessError
from bot.ports.identity_center import Directory
from bot.usecases.prove_access import About, ProveAccess, StartProof
from handlers.errors import slack_errors
from handlers.jobs import Jobs
from handlers.payloads import Actor, actor, pasted_tokens, press, pressed_set
from handlers.respond import Respond
from handlers.told import teller, told
from handlers.views.parts import Json
from handlers.views.prove import checking, opening, prove_form, result
from handlers.views.proved import report_lines
from handlers.views.request_form import refused
from handlers.views.wording import sentence

TITLE = "Prove it"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveConversation:
    """The button in the results and in the answer of `verify`. `public_url`: where tokens go; None by the form."""

    start_proof: StartProof
    prove_access: ProveAccess
    directory: Directory
    client: AsyncWebClient
    jobs: Jobs
    respond: Respond
    public_url: str | None
    support: str

    async def on_prove(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """In the results of a request: its requester gets the commands, everybody else a kind word."""
        await ack()
        self._start(body, self._for_request(body))

    async def on_prove_set(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """In the answer of `verify`, which only its reader sees."""
        await ack()
        self._start(body, self._for_set(body))

    async def on_submitted(self, ack: AsyncAck, body: dict[str, Any], view: dict[str, Any]) -> None:
        """Take the pasted tokens; AWS is asked after the ack, and the form shows what it said."""
        nonce, text = pasted_tokens(view)
        view_id = str(view.get("id") or "")

        async def tell(error: AccessError) -> None:
            await self._show(view_id, self._no(error))

        await ack(response_action="update", view=checking())
        self.jobs.start(self._check(actor(body), nonce, text, view_id), name="prove", tell=tell)

    def _start(self, body: dict[str, Any], job: Coroutine[Any, Any, None]) -> None:
        url = str(body.get("response_url") or "")
        self.jobs.start(job, name="prove_form", tell=teller(self.respond, url, support=self.support))

    async def _for_request(self, body: dict[str, Any]) -> None:
        try:
            pressed = press(body)
            await self._open(actor(body), About(request=pressed.request), pressed.trigger_id)
        except AccessError as error:
            await self._refuse(body, error)

    async def _for_set(self, body: dict[str, Any]) -> None:
        try:
            permission_set, account, trigger_id = pressed_set(body)
            about = About(permission_set=permission_set, account=account)
            await self._open(actor(body), about, trigger_id)
        except AccessError as error:
            await self._refuse(body, error)

    async def _refuse(self, body: dict[str, Any], error: AccessError) -> None:
        await self.respond(str(body.get("response_url") or ""), told(error, support=self.support))

    async def _open(self, who: Actor, about: About, trigger_id: str) -> None:
        """Open first, fill afterwards: AWS may take longer than Slack's three seconds."""
        await self.start_proof.check(who.user, about)
        with slack_errors():
            opened = await self.client.views_open(trigger_id=trigger_id, view=opening())
        try:
            made = await self.start_proof(who.user, who.team, about, by_hand=self.public_url is None)
            view = prove_form(
                made.challenge,
                made.nonce,
                left_out=made.left_out,
                public_url=self.public_url,
                account_name=self.directory.account_name,
            )
        except AccessError as error:
            view = self._no(error)
        await self._show(str(opened["view"]["id"]), view)

    async def _check(self, who: Actor, nonce: str, text: str, view_id: str) -> None:
        try:
            challenge = await self.prove_access.open(nonce, only=who.user)
            report = await self.prove_access(nonce, text)
        except AccessError as error:
            await self._show(view_id, self._no(error))
            return
        lines = report_lines(report, self.directory.account_name)
        done = set(report.proved) == set(challenge.targets)
        await self._show(view_id, result(lines, all_proved=done))

    async def _show(self, view_id: str, view: Json) -> None:
        with slack_errors():
            await self.client.views_update(view_id=view_id, view=view)

    def _no(self, error: AccessError) -> Json:
        return refused(sentence(error.code, error.facts, support=self.support), title=TITLE)
