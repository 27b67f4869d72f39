"""The people of a run: they ask, decide twice and too late, change their minds, and try again as people do."""

import asyncio
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bot.domain.names import AccountId, ChannelId, PermissionSetName, RoleName, SlackUserId
from bot.domain.request import RequestId
from bot.sandbox.slack import inputs
from bot.sandbox.slack.actor import Actor
from bot.sandbox.slack.inputs import ClientRefusedError
from bot.sandbox.slack.records import Message, View
from handlers import ids
from handlers.views.deny_form import deny_form
from handlers.views.request_form import FormModel, account_option, form, span_value
from tests.chaos.world import APPROVERS, CHANNEL, READ_ONLY, REQUESTERS, ROLES, SETS, World

SPANS = (timedelta(minutes=15), timedelta(minutes=45), None)
CROWD = 8
"""Requests that wait for anything before people stop asking for more."""
PATIENCE = 12
"""How often a person tries again what Slack said it could not deliver."""

HOLDERS = {"DataScientist": ("U0ANA", "U0BEA", "U0CEM"), "Analyst": ("U0CEM", "U0DAN", "U0EVA")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A request form that somebody sent, and what became of it in front of that person."""

    id: str
    by: str
    permission_set: str
    accounts: tuple[str, ...]
    roles: tuple[str, ...]
    only_me: bool
    span: timedelta | None
    acknowledged: int
    refused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """One press of a button or of a small form's."""

    by: str
    what: str
    request: int
    acknowledged: bool


@dataclass(slots=True, kw_only=True)
class Crowd:
    """Everybody, and what they did: the suite's own memory of the decisions."""

    world: World
    rng: random.Random
    forms: list[Form] = field(default_factory=list)
    presses: list[Press] = field(default_factory=list)
    resting: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when everybody may go home after what they are doing."""
    gives_reasons: int = 0
    cancelled: int = 0
    """Requests that were cancelled before they had a card, more or less."""

    def actor(self, user: str) -> Actor:
        return self.world.slack.as_user(user)

    async def live(self) -> None:
        """Until `resting` is set."""
        async with asyncio.TaskGroup() as everybody:
            for user in REQUESTERS:
                everybody.create_task(self._requester(user))
            for user in APPROVERS:
                everybody.create_task(self._approver(user))

    async def _pause(self, mean: float) -> None:
        try:
            async with asyncio.timeout(min(self.rng.expovariate(1 / mean), mean * 4)):
                await self.resting.wait()
        except TimeoutError:
            return

    # Asking

    async def _requester(self, user: str) -> None:
        while not self.resting.is_set():
            if self.waiting() < CROWD:
                await self.ask(user)
            await self._pause(1.0)
            if self.rng.random() < 0.05:
                await self._cancel(user)
            if self.rng.random() < 0.12:
                await self._end_one(user, [each for each in self.actor(user).dm() if is_granted(each)])

    async def ask(self, user: str) -> None:
        """Fill in a form that has been open for a while, and send it, again and again until it is taken."""
        name = self.rng.choice([name for name, holders in HOLDERS.items() if user in holders])
        span = self.rng.choices(SPANS, weights=(60, 34, 6))[0]
        roles = (READ_ONLY,) if span is None else tuple(self.rng.sample(ROLES, self.rng.choice((1, 1, 2))))
        most = len(SETS[name])
        accounts = tuple(self.rng.sample(SETS[name], self.rng.choice((1, 1, 2, most))))
        only_me = self.rng.random() < 0.6
        view = self._open_form(user, name, accounts, roles, only_me=only_me, span=span)
        taken = 0
        for _ in range(PATIENCE):
            presses = 2 if self.rng.random() < 0.15 else 1
            acks = await asyncio.gather(*(self._submit(user, view) for _ in range(presses)))
            taken += sum(ack == "taken" for ack in acks)
            if taken or "refused" in acks or not view.is_open:
                break
            await asyncio.sleep(0.2)
        self.forms.append(
            Form(
                id=view.id,
                by=user,
                permission_set=name,
                accounts=accounts,
                roles=roles,
                only_me=only_me,
                span=span,
                acknowledged=taken,
                refused=bool(view.errors),
            )
        )
        if view.is_open:
            self.world.slack.workspace.close_view(view)

    async def _submit(self, user: str, view: View) -> str:
        self.world.slack.bot_url = self.world.fleet.url()
        try:
            ack = await self.actor(user).submit(view)
        except ClientRefusedError:
            return "gone"
        if ack.shown != "ok":
            return "lost"
        return "refused" if ack.errors or ack.problems else "taken"

    def _open_form(
        self,
        user: str,
        name: str,
        accounts: tuple[str, ...],
        roles: tuple[str, ...],
        *,
        only_me: bool,
        span: timedelta | None,
    ) -> View:
        """The form as the bot draws it, filled in; drawing it costs the bot no state, so it is taken for granted."""
        model = FormModel(
            sets=(PermissionSetName(name),),
            chosen=PermissionSetName(name),
            roles=tuple(RoleName(role) for role in ROLES),
            durations=SPANS,
            support="#workbench-support",
        )
        view = self.world.slack.workspace.open_view(user, form(model))
        self.gives_reasons += 1
        answers: dict[str, Any] = {
            ids.ACTION_SET: name,
            ids.ACTION_ACCOUNTS: list(accounts),
            ids.ACTION_ROLES: list(roles),
            ids.ACTION_SCOPE: "only_me" if only_me else "everyone",
            ids.ACTION_SPAN: span_value(span),
            ids.ACTION_REASON: f"Reason number {self.gives_reasons}",
        }
        offered = [account_option(AccountId(each), f"Account {each[0]}").to_dict() for each in SETS[name]]
        for placed in inputs.placed_elements(view.blocks):
            options = inputs.static_options(placed.element) or offered
            state = inputs.chosen(placed.element, answers[placed.action_id], options)
            view.values.setdefault(placed.block_id, {})[placed.action_id] = state
        return view

    async def _cancel(self, user: str) -> None:
        copies = [message for message in self.actor(user).dm() if "Cancel request" in buttons(message)]
        if copies:
            chosen = self.rng.choice(copies)
            has_card = number_of(chosen) in {number_of(card) for card in self.cards()}
            if await self.press(user, chosen, "Cancel request") and not has_card:
                self.cancelled += 1

    async def _end_one(self, user: str, messages: list[Message]) -> None:
        if messages:
            await self.end(user, self.rng.choice(messages))

    # Deciding

    async def _approver(self, user: str) -> None:
        while not self.resting.is_set():
            await self._pause(0.3)
            await self.decide(user)
            if self.rng.random() < 0.04:
                await self._end_one(user, [each for each in self.cards() if is_granted(each)])

    async def decide(self, user: str) -> None:
        """Press something on one of the cards that wait."""
        failed = [card for card in self.cards() if "Retry" in buttons(card)]
        if failed and self.rng.random() < 0.4:
            await self.press(user, self.rng.choice(failed), "Retry")
            return
        waiting = self.waiting_cards()
        if not waiting:
            return
        card = waiting[0] if self.rng.random() < 0.5 else self.rng.choice(waiting)
        chance = self.rng.random()
        if chance < 0.12:
            await self.deny(user, card)
        elif chance < 0.22:
            other = self.rng.choice([each for each in APPROVERS if each != user])
            await asyncio.gather(self.press(user, card, "Approve"), self.press(other, card, "Approve"))
        elif chance < 0.32:
            await asyncio.gather(self.press(user, card, "Approve"), self.press(user, card, "Approve"))
        else:
            await self.press(user, card, "Approve")

    async def press(self, user: str, message: Message, what: str) -> bool:
        """Press a button until Slack says that it was delivered; False when it never was, or is gone."""
        for _ in range(PATIENCE):
            self.world.slack.bot_url = self.world.fleet.url()
            try:
                ack = await self.actor(user).click(message, what)
            except ClientRefusedError:
                return False
            self._remember(user, what, message, acknowledged=ack.ok)
            if ack.ok:
                return True
            await asyncio.sleep(0.2)
        return False

    async def deny(self, user: str, card: Message) -> None:
        """Send the small form with the reason, which stood open already."""
        await self._note(
            user, card, "Deny", deny_form(RequestId(number_of(card)), channel=ChannelId(CHANNEL))
        )

    async def end(self, user: str, message: Message) -> None:
        """Give access back, or take it away: the form asks for a reason as a denial's does."""
        where = ChannelId(CHANNEL) if user in APPROVERS else SlackUserId(user)
        body = deny_form(RequestId(number_of(message)), channel=where)
        await self._note(user, message, "End", {**body, "callback_id": ids.VIEW_END})

    async def _note(self, user: str, card: Message, what: str, body: dict[str, Any]) -> None:
        view = self.world.slack.workspace.open_view(user, body)
        for placed in inputs.placed_elements(view.blocks):
            state = inputs.chosen(placed.element, "Not this week", [])
            view.values.setdefault(placed.block_id, {})[placed.action_id] = state
        for _ in range(PATIENCE):
            outcome = await self._submit(user, view)
            if outcome == "gone":
                return
            self._remember(user, what, card, acknowledged=outcome == "taken")
            if outcome != "lost":
                break
            await asyncio.sleep(0.2)
        if view.is_open:
            self.world.slack.workspace.close_view(view)

    def _remember(self, user: str, what: str, message: Message, *, acknowledged: bool) -> None:
        self.presses.append(Press(by=user, what=what, request=number_of(message), acknowledged=acknowledged))

    # What is on the screen

    def cards(self) -> list[Message]:
        """The newest of the approvals channel; nobody scrolls back for ever."""
        return [each for each in self.world.slack.workspace.messages(CHANNEL)[-600:] if not each.is_reply]

    def waiting(self) -> int:
        """Requests that nobody has decided: those without a card yet, and those with one."""
        taken = sum(form.acknowledged > 0 for form in self.forms)
        # Of all cards, however old: who counts those that are decided from the newest alone asks no more one day.
        cards = (each for each in self.world.slack.workspace.messages(CHANNEL) if not each.is_reply)
        gone = sum(not any(word in card.text for word in ("Waiting", "Being checked")) for card in cards)
        return taken - gone - self.cancelled

    def waiting_cards(self) -> list[Message]:
        return [card for card in self.cards() if "Approve" in buttons(card)]


def is_granted(message: Message) -> bool:
    """Whether a card or a copy reads so."""
    return "Granted" in message.text


def buttons(message: Message) -> list[str]:
    return [str(element["text"]["text"]) for element in _elements(message) if element["type"] == "button"]


def _elements(message: Message) -> Iterator[dict[str, Any]]:
    for block in message.blocks:
        if block["type"] == "actions":
            yield from block["elements"]


def number_of(message: Message) -> int:
    """WA-17 → 17, as everybody reads it in the message's text."""
    found = re.match(r"WA-(\d+)", message.text) or re.search(r"WA-(\d+)", message.text)
    assert found is not None, message.text
    return int(found[1])
