"""What a workspace is made of: people, channels, messages, views, and the short-lived keys between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
"""One JSON object as it crosses the wire."""

Blocks = list[Json]
Values = dict[str, dict[str, Json]]
"""`state.values` of a view: block_id → action_id → what is chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    id: str
    name: str
    domain: str
    enterprise_id: str | None = None


@dataclass(slots=True, kw_only=True)
class User:
    id: str
    name: str
    team_id: str
    real_name: str = ""
    email: str | None = None
    is_email_confirmed: bool = True
    tz: str = "Europe/Berlin"
    deleted: bool = False
    is_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    is_active: bool = True
    """Present in a client: only then an ephemeral message reaches the person."""

    def api_shape(self, *, with_email: bool) -> Json:
        """The `user` object of users.info."""
        profile: Json = {
            "real_name": self.real_name or self.name,
            "display_name": self.name,
            "team": self.team_id,
        }
        if with_email and self.email is not None:
            profile["email"] = self.email
        user: Json = {
            "id": self.id,
            "team_id": self.team_id,
            "name": self.name,
            "deleted": self.deleted,
            "profile": profile,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "updated": 0,
        }
        if self.is_stranger:
            user["is_stranger"] = True
        if self.deleted:
            return user
        return user | {
            "real_name": self.real_name or self.name,
            "tz": self.tz,
            "is_admin": False,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": self.is_restricted,
            "is_ultra_restricted": self.is_ultra_restricted,
            "is_email_confirmed": self.is_email_confirmed,
        }


@dataclass(slots=True, kw_only=True)
class UserGroup:
    id: str
    handle: str
    name: str
    users: list[str]
    is_disabled: bool = False

    def api_shape(self, team_id: str, *, include_users: bool = False) -> Json:
        group: Json = {
            "id": self.id,
            "team_id": team_id,
            "is_usergroup": True,
            "name": self.name,
            "description": "",
            "handle": self.handle,
            "is_external": False,
            "date_create": 0,
            "date_update": 0,
            "date_delete": 1 if self.is_disabled else 0,
            "user_count": len(self.users),
        }
        return group | {"users": list(self.users)} if include_users else group


@dataclass(slots=True, kw_only=True)
class Channel:
    id: str
    name: str
    members: list[str]
    is_private: bool = False
    is_im: bool = False
    is_ext_shared: bool = False
    is_archived: bool = False

    @property
    def payload_name(self) -> str:
        """The `channel_name` that a payload carries: Slack hides the names of private places."""
        if self.is_im:
            return "directmessage"
        return "privategroup" if self.is_private else self.name

    def api_shape(self, bot_user: str) -> Json:
        if self.is_im:
            person = next((member for member in self.members if member != bot_user), bot_user)
            return {"id": self.id, "is_im": True, "user": person, "is_archived": self.is_archived}
        return {
            "id": self.id,
            "name": self.name,
            "is_channel": not self.is_private,
            "is_group": self.is_private,
            "is_im": False,
            "is_mpim": False,
            "is_private": self.is_private,
            "is_archived": self.is_archived,
            "is_shared": self.is_ext_shared,
            "is_ext_shared": self.is_ext_shared,
            "is_member": bot_user in self.members,
            "num_members": len(self.members),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a message says; a message keeps every content that it ever showed."""

    text: str
    blocks: Blocks = field(default_factory=list)
    metadata: Json | None = None
    attachments: list[Json] = field(default_factory=list)
    shown_at: float = 0.0
    parses_names: bool = False
    """`link_names` or `parse: full` was given: bare @names become mentions."""


@dataclass(slots=True, kw_only=True)
class Message:
    """A message in a channel or thread. `versions[-1]` is what is read now."""

    channel: str
    ts: str
    user: str
    versions: list[Content]
    bot_id: str | None = None
    app_id: str | None = None
    team_id: str = ""
    thread_ts: str | None = None
    files: list[Json] = field(default_factory=list)
    deleted: bool = False

    @property
    def text(self) -> str:
        return self.versions[-1].text

    @property
    def blocks(self) -> Blocks:
        return self.versions[-1].blocks

    @property
    def metadata(self) -> Json | None:
        return self.versions[-1].metadata

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts

    def api_shape(self, *, version: int = -1, include_metadata: bool = False) -> Json:
        content = self.versions[version]
        message: Json = {
            "type": "message",
            "user": self.user,
            "ts": self.ts,
            "text": content.text,
            "team": self.team_id,
        }
        if self.bot_id:
            message |= {"bot_id": self.bot_id, "app_id": self.app_id}
        if content.blocks:
            message["blocks"] = content.blocks
        if content.attachments:
            message["attachments"] = content.attachments
        if self.files:
            message["files"] = self.files
        if self.thread_ts:
            message["thread_ts"] = self.thread_ts
        # Slack marks a message as edited only where its text is shown, not its blocks.
        if len(self.versions) > 1 and not content.blocks:
            message["edited"] = {"user": self.user, "ts": f"{int(self.versions[-1].shown_at)}.000000"}
        if include_metadata and content.metadata is not None:
            message["metadata"] = content.metadata
        return message


@dataclass(slots=True, kw_only=True)
class Ephemeral:
    """A message that one person sees, in no history; only its response_url can change it."""

    channel: str
    ts: str
    user: str
    versions: list[Content]
    thread_ts: str | None = None
    deleted: bool = False
    delivered: bool = True

    @property
    def text(self) -> str:
        return self.versions[-1].text

    @property
    def blocks(self) -> Blocks:
        return self.versions[-1].blocks


@dataclass(slots=True, kw_only=True)
class View:
    """A modal or a Home tab as it is on the screen of one person; the object lives on through updates."""

    id: str
    user: str
    body: Json
    """The view as the bot wrote it, with the ids that Slack adds to blocks and elements."""
    hash: str
    values: Values
    root_view_id: str
    previous_view_id: str | None
    is_open: bool = True
    versions: list[Json] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    """What the last submission was answered at the fields, by block_id."""

    @property
    def type(self) -> str:
        return str(self.body["type"])

    @property
    def blocks(self) -> Blocks:
        blocks: Blocks = self.body["blocks"]
        return blocks

    @property
    def title(self) -> str:
        return str((self.body.get("title") or {}).get("text", ""))

    @property
    def callback_id(self) -> str:
        return str(self.body.get("callback_id") or "")

    @property
    def private_metadata(self) -> str:
        return str(self.body.get("private_metadata") or "")

    @property
    def external_id(self) -> str:
        return str(self.body.get("external_id") or "")


@dataclass(slots=True, kw_only=True)
class Trigger:
    id: str
    user: str
    created_at: float
    view_id: str | None
    """The modal that the interaction came from: views.push needs one."""
    exchanged: bool = False


@dataclass(slots=True, kw_only=True)
class ResponseUrl:
    id: str
    user: str
    channel: str
    created_at: float
    message_ts: str | None
    is_ephemeral: bool
    uses: int = 0


@dataclass(slots=True, kw_only=True)
class File:
    id: str
    name: str
    length: int
    upload_id: str
    title: str = ""
    content: bytes | None = None
    channel: str | None = None
    completed: bool = False

    def api_shape(self) -> Json:
        return {
            "id": self.id,
            "name": self.name,
            "title": self.title or self.name,
            "size": len(self.content or b""),
            "mode": "hosted",
        }
