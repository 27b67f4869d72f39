"""The workspace's memory: who is there, what was written, which forms stand open. No network, no waiting."""

from __future__ import annotations

import copy
import itertools
import time
from typing import TYPE_CHECKING, Final

from bot.sandbox.slack import inputs
from bot.sandbox.slack.records import (
    Blocks,
    Channel,
    Content,
    Ephemeral,
    File,
    Json,
    Message,
    ResponseUrl,
    Team,
    Trigger,
    User,
    UserGroup,
    View,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

TRIGGER_SECONDS: Final = 3.0
RESPONSE_URL_SECONDS: Final = 30 * 60.0
RESPONSE_URL_USES: Final = 5
VIEW_STACK: Final = 3


class SlackError(Exception):
    """A refusal with Slack's own error code; `extra` goes into the answer beside it."""

    def __init__(self, code: str, **extra: object) -> None:
        super().__init__(code)
        self.code = code
        self.extra = extra


class Workspace:
    """All state of one Slack workspace with one installed app."""

    def __init__(self, *, team: Team | None = None, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.team = team or Team(id="T0WORKBENCH", name="Workbench", domain="workbench")
        self.app_id = "A0ACCESS"
        self.bot_id = "B0ACCESS"
        self.bot_user_id = "U0BOT"
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.usergroups: dict[str, UserGroup] = {}
        self.all_messages: list[Message] = []
        self.all_ephemerals: list[Ephemeral] = []
        self.views: dict[str, View] = {}
        self.stacks: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.files: dict[str, File] = {}
        self.revision = 0
        self.listeners: list[Callable[[], None]] = []
        self.watchers: list[Callable[[Message | Ephemeral | View], None]] = []
        """Told of each message and view that is new or different; `listeners` only that something is."""
        self._serial = itertools.count(1)
        self._last_ts = 0
        self._by_ts: dict[tuple[str, str], Message] = {}
        self._by_channel: dict[str, list[Message]] = {}
        self._by_thread: dict[tuple[str, str], list[Message]] = {}
        self._read_up_to: dict[tuple[str, str], str] = {}
        self.add_user(self.bot_user_id, "workbench-access", is_bot=True)

    # People and places

    def add_user(self, user_id: str, name: str, *, team_id: str | None = None, **facts: object) -> User:
        """A member of the workspace, or of another one when `team_id` says so."""
        user = User(id=user_id, name=name, team_id=team_id or self.team.id)
        for key, value in facts.items():
            setattr(user, key, value)
        self.users[user_id] = user
        self.changed()
        return user

    def add_channel(
        self, channel_id: str, name: str, members: Iterable[str], *, with_bot: bool = True, **facts: bool
    ) -> Channel:
        people = [*members, *([self.bot_user_id] if with_bot else [])]
        channel = Channel(id=channel_id, name=name, members=people)
        for key, value in facts.items():
            setattr(channel, key, value)
        self.channels[channel_id] = channel
        self.changed()
        return channel

    def add_usergroup(self, group_id: str, handle: str, users: Iterable[str]) -> UserGroup:
        group = UserGroup(id=group_id, handle=handle, name=handle, users=list(users))
        self.usergroups[group_id] = group
        self.changed()
        return group

    def dm_of(self, user_id: str) -> Channel | None:
        """The direct channel between the bot and a person, if anyone has opened it."""
        return next((c for c in self.channels.values() if c.is_im and user_id in c.members), None)

    def open_dm(self, user_id: str) -> Channel:
        channel = self.dm_of(user_id)
        if channel is None:
            channel_id = "D" + user_id[1:]
            channel = Channel(
                id=channel_id, name="directmessage", members=[user_id, self.bot_user_id], is_im=True
            )
            self.channels[channel_id] = channel
            self.changed()
        return channel

    # Messages

    def next_ts(self) -> str:
        """Unique and rising, also when the clock stands still."""
        self._last_ts = max(int(self.clock() * 1_000_000), self._last_ts + 1)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def content(
        self,
        text: str,
        blocks: Blocks | None = None,
        *,
        metadata: Json | None = None,
        attachments: list[Json] | None = None,
        parses_names: bool = False,
    ) -> Content:
        """What a message says from now on, stored as Slack stores it."""
        return Content(
            text=text,
            blocks=inputs.with_ids(blocks or [], self.random_id),
            metadata=metadata,
            attachments=attachments or [],
            shown_at=self.clock(),
            parses_names=parses_names,
        )

    def post(
        self,
        channel: str,
        content: Content,
        *,
        user: str | None = None,
        thread_ts: str | None = None,
        files: list[Json] | None = None,
    ) -> Message:
        """A message by the bot, or by `user`."""
        by_bot = user is None
        message = Message(
            channel=channel,
            ts=self.next_ts(),
            user=user or self.bot_user_id,
            versions=[content],
            bot_id=self.bot_id if by_bot else None,
            app_id=self.app_id if by_bot else None,
            team_id=self.team.id,
            thread_ts=thread_ts,
            files=files or [],
        )
        self.all_messages.append(message)
        self._by_ts[channel, message.ts] = message
        self._by_channel.setdefault(channel, []).append(message)
        if thread_ts:
            self._by_thread.setdefault((channel, thread_ts), []).append(message)
        parent = self.message(channel, thread_ts) if thread_ts else None
        if parent is not None:
            parent.thread_ts = parent.ts
        self.changed(message)
        return message

    def edit(self, message: Message | Ephemeral, content: Content) -> None:
        message.versions.append(content)
        self.changed(message)

    def delete(self, message: Message | Ephemeral) -> None:
        message.deleted = True
        self.changed(message)

    def post_ephemeral(
        self, channel: str, user: str, content: Content, *, thread_ts: str | None = None
    ) -> Ephemeral:
        """Seen by one person, and only if that person is active now."""
        person = self.users[user]
        ephemeral = Ephemeral(
            channel=channel,
            ts=self.next_ts(),
            user=user,
            versions=[content],
            thread_ts=thread_ts,
            delivered=person.is_active,
        )
        self.all_ephemerals.append(ephemeral)
        self.changed(ephemeral)
        return ephemeral

    def message(self, channel: str, ts: str) -> Message | None:
        message = self._by_ts.get((channel, ts))
        return None if message is None or message.deleted else message

    def messages(self, channel: str) -> list[Message]:
        """What stands in a channel now, replies included, oldest first."""
        return [m for m in self._by_channel.get(channel, ()) if not m.deleted]

    def latest(self, channel: str) -> Iterator[Message]:
        """The same without the replies, newest first: whoever stops early has looked at little."""
        written = self._by_channel.get(channel, ())
        return (m for m in reversed(written) if not m.deleted and not m.is_reply)

    def replies(self, channel: str, thread_ts: str) -> list[Message]:
        """The parent and its replies."""
        parent = self.message(channel, thread_ts)
        below = [m for m in self._by_thread.get((channel, thread_ts), ()) if not m.deleted]
        return below if parent is None else [parent, *below]

    def mark_read(self, user: str, channel: str) -> None:
        """The person has everything in this channel on the screen."""
        newest = next(self.latest(channel), None)
        if newest is not None:
            self._read_up_to[user, channel] = newest.ts
            self.changed()

    def unread(self, user: str, channel: str) -> int:
        """How many messages of others, replies aside, came since the person last looked."""
        seen = float(self._read_up_to.get((user, channel), "0"))
        new = itertools.takewhile(lambda m: float(m.ts) > seen, self.latest(channel))
        return sum(m.user != user for m in new)

    def ephemerals(self, user: str, channel: str | None = None) -> list[Ephemeral]:
        return [
            e
            for e in self.all_ephemerals
            if e.user == user and e.delivered and not e.deleted and channel in {None, e.channel}
        ]

    # Views

    def stack(self, user: str) -> list[View]:
        return self.stacks.setdefault(user, [])

    def open_view(self, user: str, body: Json, *, push: bool = False) -> View:
        """A new modal on the screen; `push` puts it on the stack, otherwise it replaces the stack."""
        stack = self.stack(user)
        if push and len(stack) >= VIEW_STACK:
            raise SlackError("push_limit_reached")
        self._refuse_duplicate(body, None)
        if not push:
            for view in stack:
                view.is_open = False
            stack.clear()
        view = self._new_view(user, body, parent=stack[-1] if stack else None)
        stack.append(view)
        self.changed(view)
        return view

    def update_view(self, view: View, body: Json) -> View:
        """Redraws a view. What a person chose survives where block_id and action_id stay the same."""
        self._refuse_duplicate(body, view)
        view.body = self._with_ids(body)
        view.values = inputs.merged_values(view.blocks, view.values)
        view.hash = self._new_hash()
        view.errors = {}
        view.versions.append(copy.deepcopy(view.body))
        self.changed(view)
        return view

    def publish_home(self, user: str, body: Json) -> View:
        home = self.homes.get(user)
        if home is not None:
            return self.update_view(home, body)
        home = self.homes[user] = self._new_view(user, body, parent=None)
        self.changed(home)
        return home

    def find_view(self, view_id: str | None, external_id: str | None) -> View | None:
        """An open view or a Home tab, by either of its names."""
        if view_id:
            view = self.views.get(view_id)
            return view if view is not None and view.is_open else None
        named = (view for view in self.views.values() if view.is_open and view.external_id == external_id)
        return next(named, None) if external_id else None

    def close_view(self, view: View, *, whole_stack: bool = False) -> list[View]:
        """Takes a view (and what lies above it) off the screen, or all of them; answers what was closed."""
        stack = self.stack(view.user)
        keep = 0 if whole_stack else (stack.index(view) if view in stack else len(stack))
        closed = stack[keep:]
        del stack[keep:]
        for gone in closed:
            gone.is_open = False
        self.changed(view)
        return closed

    def _new_view(self, user: str, body: Json, parent: View | None) -> View:
        view_id = self.new_id("V")
        body = self._with_ids(body)
        view = View(
            id=view_id,
            user=user,
            body=body,
            hash=self._new_hash(),
            values=inputs.merged_values(body["blocks"], {}),
            root_view_id=parent.root_view_id if parent else view_id,
            previous_view_id=parent.id if parent else None,
            versions=[copy.deepcopy(body)],
        )
        self.views[view_id] = view
        return view

    def _with_ids(self, body: Json) -> Json:
        return {**copy.deepcopy(body), "blocks": inputs.with_ids(body["blocks"], self.random_id)}

    def _refuse_duplicate(self, body: Json, view: View | None) -> None:
        external_id = body.get("external_id")
        other = self.find_view(None, str(external_id)) if external_id else None
        if other is not None and other is not view:
            raise SlackError("duplicate_external_id")

    def _new_hash(self) -> str:
        return f"{int(self.clock())}.{self.random_id()}"

    # Short-lived keys

    def new_trigger(self, user: str, view_id: str | None = None) -> str:
        trigger_id = f"{next(self._serial)}.{self.team.id[1:]}.{self.random_id()}"
        self.triggers[trigger_id] = Trigger(
            id=trigger_id, user=user, created_at=self.clock(), view_id=view_id
        )
        return trigger_id

    def exchange_trigger(self, trigger_id: str) -> Trigger:
        """Spends a trigger: three seconds to live, one use."""
        trigger = self.triggers.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.exchanged:
            raise SlackError("exchanged_trigger_id")
        if self.clock() - trigger.created_at > TRIGGER_SECONDS:
            raise SlackError("expired_trigger_id")
        trigger.exchanged = True
        return trigger

    def new_response_url(
        self,
        user: str,
        channel: str,
        *,
        message_ts: str | None = None,
        is_ephemeral: bool = False,
    ) -> ResponseUrl:
        url = ResponseUrl(
            id=self.new_id("R") + self.random_id(),
            user=user,
            channel=channel,
            created_at=self.clock(),
            message_ts=message_ts,
            is_ephemeral=is_ephemeral,
        )
        self.response_urls[url.id] = url
        return url

    def use_response_url(self, url_id: str) -> ResponseUrl:
        url = self.response_urls.get(url_id)
        if url is None or self.clock() - url.created_at > RESPONSE_URL_SECONDS:
            raise SlackError("expired_url")
        if url.uses >= RESPONSE_URL_USES:
            raise SlackError("used_url")
        url.uses += 1
        return url

    # Names and news

    def new_id(self, letter: str) -> str:
        return f"{letter}{next(self._serial):010d}"

    def random_id(self) -> str:
        """A short name for what the bot left unnamed; counted, so that a test reads the same every time."""
        return f"x{next(self._serial):05x}"

    def changed(self, what: Message | Ephemeral | View | None = None) -> None:
        """Tells whoever watches that something is different now."""
        self.revision += 1
        if what is not None:
            for watcher in list(self.watchers):
                watcher(what)
        for listener in list(self.listeners):
            listener()
