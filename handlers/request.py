"""Asking for access: the form opens at once, fills itself from AWS, checks while it is filled in, and is stored."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from slack_bolt.async_app import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import AccessError, Code, NotFound, Provisioning, Refusal, Unavailable
from bot.domain.names import AccountId, PermissionSetName, SlackUserId
from bot.domain.offer import check_ask
from bot.domain.precheck import Finding
from bot.domain.request import Ask, Target
from bot.domain.rules import Rules
from bot.log import get_logger
from bot.ports.identity_center import Account, Directory, Holdings
from bot.ports.store import Store
from bot.usecases.admission import Admission
from bot.usecases.precheck import Precheck, impossible
from bot.usecases.request_access import RequestAccess
from handlers import ids
from handlers.errors import slack_errors
from handlers.jobs import Jobs
from handlers.payloads import Actor, FormState, actor, form_state, press
from handlers.views.request_form import FormModel, account_options, form, loading, refused
from handlers.views.wording import sentence

log = get_logger(__name__)

WORTH_WAITING = 1.5
"""Seconds that a submission waits for checks: half of Slack's three."""

OPTIONS_AT_MOST = 100

FIELD: dict[Code, str] = {
    Code.NOTHING_CHOSEN: ids.BLOCK_ACCOUNTS,
    Code.TOO_MANY_TARGETS: ids.BLOCK_ACCOUNTS,
    Code.ACCOUNT_NOT_OFFERED: ids.BLOCK_ACCOUNTS,
    Code.NOT_ASSIGNED: ids.BLOCK_ACCOUNTS,
    Code.NOT_PROVISIONED: ids.BLOCK_ACCOUNTS,
    Code.ROLE_NOT_OFFERED: ids.BLOCK_ROLES,
    Code.EXPLICIT_DENY: ids.BLOCK_ROLES,
    Code.ROLE_NOT_FOUND: ids.BLOCK_ROLES,
    Code.NOT_TRUSTED: ids.BLOCK_ROLES,
    Code.BOUNDARY: ids.BLOCK_ROLES,
    Code.SCP: ids.BLOCK_ROLES,
    Code.NO_ROOM: ids.BLOCK_ROLES,
    Code.DURATION_NOT_OFFERED: ids.BLOCK_SPAN,
    Code.REASON_MISSING: ids.BLOCK_REASON,
    Code.REASON_TOO_LONG: ids.BLOCK_REASON,
    Code.STORE_UNAVAILABLE: ids.BLOCK_REASON,
}
"""The field at which a person reads a refusal; what is not here stands at the permission set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestConversation:
    """The request form, from its opening to its submission."""

    admission: Admission
    directory: Directory
    precheck: Precheck
    request_access: RequestAccess
    rules: Rules
    client: AsyncWebClient
    jobs: Jobs
    store: Store

    # Opening

    def start(self, user: SlackUserId, trigger_id: str, *, wanted: str = "") -> None:
        """Open the form within Slack's three seconds and fill it afterwards."""
        self.jobs.start(self._open(user, trigger_id, wanted), name="request_form")

    async def on_shortcut(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """The global shortcut, and every button that asks for a form."""
        await ack()
        self.start(actor(body).user, str(body.get("trigger_id") or ""))

    async def on_extend(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """“Extend” on a reminder: a new request, with the same permission set chosen."""
        await ack()
        self.jobs.start(self._extend(body), name="extend")

    async def _extend(self, body: dict[str, Any]) -> None:
        wanted = ""
        with suppress(AccessError):  # without the old request the form simply starts empty
            number = press(body).request
            request = await self.store.run(lambda tx: tx.seen_request(number))
            wanted = request.ask.permission_set
        await self._open(actor(body).user, str(body.get("trigger_id") or ""), wanted)

    async def _open(self, user: SlackUserId, trigger_id: str, wanted: str) -> None:
        try:
            with slack_errors():
                opened = await self.client.views_open(trigger_id=trigger_id, view=loading())
        except AccessError as error:
            # Without a view there is nothing to say it in: Slack itself tells the person.
            log.warning("form_not_opened", code=error.code.value, error=str(error.facts.get("error", "")))
            return
        view_id = str(opened["view"]["id"])
        tell = partial(self._refuse, view_id)
        self.jobs.start(self._fill(view_id, user, wanted), name="form_fill", tell=tell)

    async def _fill(self, view_id: str, user: SlackUserId, wanted: str) -> None:
        try:
            holdings = await self._holdings(user)
            model = self._model(holdings, _wanted(wanted, holdings))
            if not model.sets:
                raise Refusal(Code.HOLDS_NO_SET)
            view = form(await self._with_approvers(model, user))
        except AccessError as error:
            await self._refuse(view_id, error)
        else:
            await self._update(view_id, view)

    async def _refuse(self, view_id: str, error: AccessError) -> None:
        """Say in the form's place why there is none."""
        words = sentence(error.code, error.facts, support=self.rules.support)
        await self._update(view_id, refused(words))

    async def _holdings(self, user: SlackUserId) -> Holdings:
        person = await self.admission.person(user)
        return await self.directory.holdings(self.admission.email(person))

    # Filling in

    async def on_choice(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """A set, accounts or roles were chosen: show what depends on them, then what is known of them."""
        await ack()
        state = form_state(body.get("view") or {})
        tell = partial(self._refuse, state.view_id)
        self.jobs.start(self._refresh(actor(body), state), name="form_choice", tell=tell)

    async def _refresh(self, who: Actor, state: FormState) -> None:
        try:
            holdings = await self._holdings(who.user)
            model = self._model(holdings, state.permission_set)
            model = await self._with_approvers(model, who.user, state)
            ask = self._ask(who, state)
            if ask is None:
                await self._update(state.view_id, form(model))
                return
            await self._update(state.view_id, form(replace(model, checking=True)))
            findings = await self.precheck.findings(ask, holdings.identity)
            await self._update(state.view_id, form(replace(model, findings=findings)))
        except AccessError as error:
            await self._refuse(state.view_id, error)

    async def _with_approvers(
        self, model: FormModel, user: SlackUserId, state: FormState | None = None
    ) -> FormModel:
        """Say early when nobody could approve; Slack's silence is no reason to keep anybody from asking."""
        if model.chosen is None:
            return model
        roles = state.roles if state is not None and state.roles else self.rules.sets[model.chosen].roles[:1]
        try:
            await self.precheck.could_be_approved(user, model.chosen, roles)
        except Unavailable:
            return model
        except Refusal as refusal:
            note = sentence(refusal.code, refusal.facts, support=self.rules.support)
            return replace(model, notes=(*model.notes, note))
        return model

    async def on_account_options(self, ack: AsyncAck, body: dict[str, Any]) -> None:
        """Typeahead over the accounts where the caller holds the chosen set, from the cache alone."""
        state = form_state(body.get("view") or {})
        typed = str(body.get("value") or "")
        await ack(**account_options(self._matching(actor(body).user, state.permission_set, typed)))

    def _matching(
        self, user: SlackUserId, permission_set: PermissionSetName | None, typed: str
    ) -> list[tuple[AccountId, str]]:
        try:
            person = self.admission.known(user)
            if person is None or permission_set is None:
                return []
            holdings = self.directory.cached_holdings(self.admission.email(person))
        except Refusal:
            return []
        accounts: Iterable[Account] = holdings.of(permission_set) if holdings is not None else ()
        words = typed.casefold().split()
        found = [each for each in accounts if all(w in f"{each.name} {each.id}".casefold() for w in words)]
        return [(account.id, account.name) for account in found[:OPTIONS_AT_MOST]]

    # Submitting

    async def on_submitted(self, ack: AsyncAck, body: dict[str, Any], view: dict[str, Any]) -> None:
        """Refuse at the field what can never work, store the rest, then acknowledge."""
        who, state = actor(body), form_state(view)
        ask = self._ask(who, state)
        try:
            if ask is None or not state.span_chosen:
                raise Refusal(Code.NOTHING_CHOSEN)
            check_ask(ask, self.rules)
            await self._check(ask)
            await self.request_access(ask)
        except (Refusal, NotFound, Unavailable) as error:
            words = sentence(error.code, error.facts, support=self.rules.support)
            await ack(response_action="errors", errors={self._field(error, state, view): words})
        else:
            await ack()

    async def _check(self, ask: Ask) -> None:
        """Wait a moment for the checks; what is not known by then is accepted as unknown and checked later."""
        try:
            async with asyncio.timeout(WORTH_WAITING):
                holdings = await self._holdings(ask.requester)
                held = {account.id for account in holdings.of(ask.permission_set)}
                missing = sorted({target.account for target in ask.targets} - held)
                if holdings.complete and missing:
                    raise Refusal(Code.NOT_ASSIGNED, account=missing[0], permission_set=ask.permission_set)
                findings, _ = await asyncio.gather(
                    self.precheck.findings(ask, holdings.identity), self.precheck.approvers(ask)
                )
        except (TimeoutError, Unavailable, Provisioning):
            return
        for finding in impossible(findings):
            raise _refusal(finding, ask)

    def _ask(self, who: Actor, state: FormState) -> Ask | None:
        if state.permission_set is None or not state.accounts or not state.roles:
            return None
        return Ask(
            requester=who.user,
            team=who.team,
            permission_set=state.permission_set,
            targets=tuple(
                Target(account=account, role=role) for account in state.accounts for role in state.roles
            ),
            scope=state.scope,
            span=state.span if state.span_chosen else timedelta(days=1),
            reason=state.reason,
            form_key=state.view_id,
        )

    def _field(self, error: AccessError, state: FormState, view: dict[str, Any]) -> str:
        base = FIELD.get(error.code, ids.BLOCK_SET)
        if base in (ids.BLOCK_ACCOUNTS, ids.BLOCK_ROLES, ids.BLOCK_SPAN):
            base = ids.block(base, state.permission_set or "")
        # Sent before its fields arrived, the form holds the set alone; Slack takes errors at inputs only.
        inputs = {block.get("block_id") for block in view.get("blocks", []) if block.get("type") == "input"}
        return base if base in inputs else ids.BLOCK_SET

    # Drawing

    def _model(self, holdings: Holdings, chosen: PermissionSetName | None) -> FormModel:
        sets = tuple(name for name, accounts in holdings.accounts if accounts)
        if chosen not in sets:
            chosen = sets[0] if len(sets) == 1 else None
        offered = self.rules.sets[chosen] if chosen is not None else None
        return FormModel(
            sets=sets,
            chosen=chosen,
            roles=offered.roles if offered is not None else (),
            durations=offered.combined(offered.roles[:1]).durations if offered is not None else (),
            account_names=tuple((account.id, account.name) for account in holdings.of(chosen))
            if chosen
            else (),
            incomplete=not holdings.complete,
            support=self.rules.support,
        )

    async def _update(self, view_id: str, view: dict[str, Any]) -> None:
        try:
            with slack_errors():
                await self.client.views_update(view_id=view_id, view=view)
        except NotFound:
            return  # the person has closed the form
        except AccessError as error:
            log.warning("form_not_updated", code=error.code.value)


def _wanted(text: str, holdings: Holdings) -> PermissionSetName | None:
    """The set named in the command, whatever its case."""
    named = [name for name, _ in holdings.accounts if name.casefold() == text.strip().casefold()]
    return named[0] if named else None


def _refusal(finding: Finding, ask: Ask) -> Refusal:
    assert finding.code is not None  # a NO always names its link
    return Refusal(
        finding.code,
        account=finding.account,
        role=finding.role,
        permission_set=ask.permission_set,
        detail=finding.detail,
        names=", ".join(finding.names[:5]),
    )
