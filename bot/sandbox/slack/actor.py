"""A person in front of Slack's client: types, clicks, fills in forms, and reads what is on the screen."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bot.sandbox.slack import inputs, payloads
from bot.sandbox.slack.delivery import Ack, Delivery, Signing
from bot.sandbox.slack.inputs import ClientRefusedError, Placed
from bot.sandbox.slack.records import Ephemeral, Message, View

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.sandbox.slack.records import Blocks, Channel, Json, User
    from bot.sandbox.slack.workspace import Workspace

Surface = Message | Ephemeral | View
DEFAULT_MIN_QUERY: Final = 3
"""An external select asks the bot from the third character on, unless `min_query_length` says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """A dialog that the person read before something was sent, and the answer."""

    title: str
    text: str
    confirm: str
    deny: str
    accepted: bool


class Actor:
    """Drives one user. Raises ClientRefusedError where Slack's client would offer no such thing."""

    def __init__(self, workspace: Workspace, delivery: Delivery, user_id: str, url_of: Callable[[str], str]):
        self.workspace = workspace
        self.delivery = delivery
        self.id = user_id
        self.notices: list[str] = []
        """What Slack's client itself told the person: failed commands, broken connections."""
        self.confirmations: list[Confirmation] = []
        self.opened_urls: list[str] = []
        self.last_ack: Ack | None = None
        self._offered: dict[tuple[str, str, str], list[Json]] = {}
        self._url_of = url_of

    @property
    def user(self) -> User:
        return self.workspace.users[self.id]

    # Reading

    @property
    def open_view(self) -> View | None:
        """The modal on top of the screen."""
        stack = self.workspace.stack(self.id)
        return stack[-1] if stack else None

    @property
    def home(self) -> View | None:
        return self.workspace.homes.get(self.id)

    def messages(self, channel: str) -> list[Message]:
        """A channel's messages, replies included, oldest first; only for its members."""
        return self.workspace.messages(self._own_channel(channel).id)

    def thread(self, message: Message) -> list[Message]:
        """The replies below a message."""
        return [m for m in self.workspace.replies(message.channel, message.ts) if m is not message]

    def dm(self) -> list[Message]:
        """The direct messages with the bot."""
        channel = self.workspace.dm_of(self.id)
        return self.workspace.messages(channel.id) if channel else []

    def ephemerals(self, channel: str | None = None) -> list[Ephemeral]:
        """What only this person sees."""
        return self.workspace.ephemerals(self.id, channel)

    def reload(self) -> None:
        """Reloads the client: ephemeral messages and open forms are gone."""
        for ephemeral in self.ephemerals():
            self.workspace.delete(ephemeral)
        for view in self.workspace.stack(self.id)[:1]:
            self.workspace.close_view(view, whole_stack=True)

    # Writing

    async def command(
        self,
        line: str,
        *,
        channel: str | None = None,
        forge: Json | None = None,
        signing: Signing | None = None,
    ) -> Ack:
        """Types a slash command; without `channel`, in the first channel that the person is in."""
        place = self._own_channel(channel) if channel else self._anywhere()
        name, _, text = line.partition(" ")
        url = self.workspace.new_response_url(self.id, place.id)
        fields = payloads.command(
            self.workspace,
            self.user,
            place,
            name=name,
            text=text.strip(),
            response_url=self._url_of(url.id),
        )
        ack = await self.delivery.command(self.user, place, forged(fields, forge), signing)
        return self._note(ack)

    async def shortcut(
        self, callback_id: str, *, forge: Json | None = None, signing: Signing | None = None
    ) -> Ack:
        payload = payloads.shortcut(self.workspace, self.user, callback_id)
        return self._note(await self.delivery.actions(forged(payload, forge), signing))

    async def open_home(self) -> list[Ack]:
        """Looks at the app's Home tab; all delivery attempts."""
        acks = await self.delivery.event(payloads.app_home_opened(self.workspace, self.user))
        self._note(acks[-1])
        return acks

    def say(self, channel: str, text: str, *, thread: Message | None = None) -> Message:
        """Writes a message of the person's own; the app is not subscribed to messages and is not told."""
        place = self._own_channel(channel)
        content = self.workspace.content(text)
        return self.workspace.post(
            place.id, content, user=self.id, thread_ts=thread.ts if thread is not None else None
        )

    # Buttons

    async def click(
        self,
        where: Surface,
        what: str | None = None,
        *,
        action_id: str | None = None,
        value: str | None = None,
        block_id: str | None = None,
        accept: bool = True,
        version: int = -1,
        forge: Json | None = None,
        signing: Signing | None = None,
    ) -> Ack:
        """Presses a button, named by its text or action_id (and value or block_id where several look alike).

        `accept=False` declines the confirmation dialog, and nothing is sent. `version` presses a button of an
        earlier content of the message, as someone does whose screen has not been refreshed.
        """
        placed = self._button(self._blocks(where, version), what or action_id, value, block_id)
        element = placed.element
        if not self._confirmed(element, accept=accept):
            return Ack(shown="not_sent", notice="declined")
        if "url" in element:
            self.opened_urls.append(element["url"])
        entry = payloads.action(self.workspace, placed, {})
        return await self._send_action(where, entry, version=version, forge=forge, signing=signing)

    def _button(self, blocks: Blocks, wanted: str | None, value: str | None, block_id: str | None) -> Placed:
        buttons = [p for p in inputs.placed_elements(blocks) if p.element["type"] == "button"]
        fitting = [
            placed
            for placed in buttons
            if wanted in (None, placed.action_id, placed.element["text"]["text"])
            and value in (None, placed.element.get("value"))
            and block_id in (None, placed.block_id)
            and self.id in (placed.element.get("visible_to_user_ids") or [self.id])
        ]
        if len(fitting) != 1:
            seen = [(p.action_id, p.element["text"]["text"], p.element.get("value")) for p in buttons]
            raise ClientRefusedError(f"{len(fitting)} buttons are {wanted!r}; there are {seen}")
        return fitting[0]

    # Forms

    async def select(
        self,
        where: Surface,
        action_id: str,
        value: Any,
        *,
        block_id: str | None = None,
        accept: bool = True,
        forge: Json | None = None,
        signing: Signing | None = None,
    ) -> Ack | None:
        """Chooses or types; options are named by value or text, fields by action_id or label.

        Sends block_actions where the element stands outside an input block, or where the input asks for it;
        None where nothing is sent.
        """
        placed = self.field(where, action_id, block_id=block_id)
        element = placed.element
        if element["type"] == "overflow":
            picked = inputs.chosen({**element, "type": "static_select"}, value, element["options"])
            state: Json = {"type": "overflow", "selected_option": picked["selected_option"]}
        else:
            state = inputs.chosen(element, value, self._options(where, placed))
        if placed.dispatches and not self._confirmed(element, accept=accept):
            return Ack(shown="not_sent", notice="declined")
        values = where.values if isinstance(where, View) else {}
        if element["type"] != "overflow":
            values.setdefault(placed.block_id, {})[placed.action_id] = state
            self.workspace.changed()
        if not placed.dispatches:
            return None
        entry = payloads.action(self.workspace, placed, state)
        return await self._send_action(where, entry, version=-1, forge=forge, signing=signing, values=values)

    def field(self, where: Surface, name: str, *, block_id: str | None = None) -> Placed:
        """The element with this action_id or label; refuses where there is none or more than one."""
        fields = [p for p in inputs.placed_elements(self._blocks(where)) if p.element["type"] != "button"]
        fitting = [p for p in fields if name in {p.action_id, p.label} and block_id in (None, p.block_id)]
        if len(fitting) != 1:
            seen = [(p.block_id, p.action_id, p.label) for p in fields]
            raise ClientRefusedError(f"{len(fitting)} fields are {name!r}; there are {seen}")
        return fitting[0]

    def value(self, view: View, name: str, *, block_id: str | None = None) -> Any:
        """What a field holds now: text, an option's value, or a list of them."""
        placed = self.field(view, name, block_id=block_id)
        state = view.values[placed.block_id][placed.action_id]
        held = state[inputs.STATEFUL[state["type"]][0]]
        if state["type"] not in inputs.OPTION_BASED:
            return held
        if isinstance(held, list):
            return [option["value"] for option in held]
        return held["value"] if held else None

    async def type_ahead(
        self,
        where: Surface,
        action_id: str,
        query: str,
        *,
        block_id: str | None = None,
        forge: Json | None = None,
        signing: Signing | None = None,
    ) -> list[Json]:
        """Types into an external select; the options offered (`last_ack` tells how the bot took it)."""
        placed = self.field(where, action_id, block_id=block_id)
        if placed.element["type"] not in {"external_select", "multi_external_select"}:
            raise ClientRefusedError(f"{placed.action_id} does not ask the bot for options")
        shortest = placed.element.get("min_query_length", DEFAULT_MIN_QUERY)
        if len(query) < shortest:
            raise ClientRefusedError(f"the client asks from {shortest} characters on")
        payload = payloads.block_suggestion(
            self.workspace,
            self.user,
            self._place(where),
            block_id=placed.block_id,
            action_id=placed.action_id,
            query=query,
        )
        ack, options = await self.delivery.suggestion(forged(payload, forge), signing)
        self._note(ack)
        self._offered.setdefault(self._key(where, placed), []).extend(options)
        return options

    async def submit(self, view: View, *, forge: Json | None = None, signing: Signing | None = None) -> Ack:
        """Presses the form's submit button. `errors` of the answer stand at the fields, by block_id."""
        self._blocks(view)
        if not view.body.get("submit"):
            raise ClientRefusedError("this view has no submit button")
        view.errors = inputs.missing_or_wrong(view.blocks, view.values)
        if view.errors:
            self.workspace.changed(view)
            return Ack(shown="not_sent", errors=dict(view.errors))
        payload = payloads.view_submission(self.workspace, self.user, view, [])
        return self._note(await self.delivery.submission(view, forged(payload, forge), signing))

    async def close(self, view: View, *, whole_stack: bool = False) -> Ack | None:
        """Closes a form; the bot is told only where `notify_on_close` asks for it."""
        self._blocks(view)
        whole = whole_stack or bool(view.body.get("clear_on_close"))
        payload = payloads.view_closed(self.workspace, self.user, view, is_cleared=whole)
        self.workspace.close_view(view, whole_stack=whole)
        if not view.body.get("notify_on_close"):
            return None
        return self._note(await self.delivery.actions(payload))

    # Inside

    async def _send_action(
        self,
        where: Surface,
        entry: Json,
        *,
        version: int,
        forge: Json | None,
        signing: Signing | None,
        values: dict[str, dict[str, Json]] | None = None,
    ) -> Ack:
        if isinstance(where, View):
            payload = payloads.actions_in_view(self.workspace, self.user, where, [entry])
        else:
            url = self.workspace.new_response_url(
                self.id,
                where.channel,
                message_ts=where.ts,
                is_ephemeral=isinstance(where, Ephemeral),
            )
            state = inputs.merged_values(where.blocks, values or {})
            payload = payloads.actions_in_message(
                self.workspace,
                self.user,
                self._place(where, version),
                [entry],
                values=state,
                response_url=self._url_of(url.id),
            )
        return self._note(await self.delivery.actions(forged(payload, forge), signing))

    def _place(self, where: Surface, version: int = -1) -> Json:
        if isinstance(where, View):
            return payloads.place_of_view(self.workspace, where)
        shape = where.api_shape(version=version) if isinstance(where, Message) else None
        return payloads.place_of_message(where, self._channel(where.channel), shape)

    def _blocks(self, where: Surface, version: int = -1) -> Blocks:
        """The blocks of something that this person has on the screen."""
        if isinstance(where, View):
            on_screen = where is self.open_view or where is self.home
            if where.user != self.id or not on_screen:
                raise ClientRefusedError("this view is not on the person's screen")
            return where.blocks
        if where.deleted:
            raise ClientRefusedError("this message is gone")
        mine = where.user == self.id and where.delivered if isinstance(where, Ephemeral) else True
        if not mine or self.id not in self._channel(where.channel).members:
            raise ClientRefusedError(f"{self.id} does not see this message")
        return where.versions[version].blocks

    def _options(self, where: Surface, placed: Placed) -> list[Json]:
        element = placed.element
        known = inputs.static_options(element) + self._offered.get(self._key(where, placed), [])
        first = element.get("initial_option")
        return known + (element.get("initial_options") or []) + ([first] if first else [])

    def _key(self, where: Surface, placed: Placed) -> tuple[str, str, str]:
        return (where.id if isinstance(where, View) else where.ts, placed.block_id, placed.action_id)

    def _confirmed(self, element: Json, *, accept: bool) -> bool:
        dialog = element.get("confirm")
        if not dialog:
            return True
        words = {key: dialog[key]["text"] for key in ("title", "text", "confirm", "deny")}
        self.confirmations.append(Confirmation(**words, accepted=accept))
        return accept

    def _note(self, ack: Ack) -> Ack:
        self.last_ack = ack
        if ack.notice:
            self.notices.append(ack.notice)
            self.workspace.changed()
        return ack

    def _channel(self, channel_id: str) -> Channel:
        channel = self.workspace.channels.get(channel_id)
        if channel is None:
            raise ClientRefusedError(f"there is no channel {channel_id}")
        return channel

    def _own_channel(self, channel_id: str) -> Channel:
        channel = self._channel(channel_id)
        if self.id not in channel.members:
            raise ClientRefusedError(f"{self.id} is not in {channel_id}")
        return channel

    def _anywhere(self) -> Channel:
        mine = [c for c in self.workspace.channels.values() if self.id in c.members and not c.is_im]
        return mine[0] if mine else self.workspace.open_dm(self.id)


def forged(payload: Any, changes: Any) -> Any:
    """The payload with `changes` laid over it: objects are merged, lists item by item, the rest replaced."""
    if changes is None:
        return payload
    if isinstance(payload, dict) and isinstance(changes, dict):
        merged = copy.deepcopy(payload)
        for key, value in changes.items():
            merged[key] = forged(merged[key], value) if key in merged and value is not None else value
        return merged
    if isinstance(payload, list) and isinstance(changes, list):
        tail = payload[len(changes) :]
        return (
            [forged(old, new) for old, new in zip(payload, changes, strict=False)]
            + tail
            + changes[len(payload) :]
        )
    return changes
