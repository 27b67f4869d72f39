"""Messages: post, edit, delete, show to one person, and where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bot.sandbox.slack import checker
from bot.sandbox.slack.web_api.call import refuse
from bot.sandbox.slack.workspace import SlackError

if TYPE_CHECKING:
    from bot.sandbox.slack.records import Channel, Content, Json, Message
    from bot.sandbox.slack.web_api.call import ApiCall

TEXT_MAX: Final = 40_000
UPDATE_TEXT_MAX: Final = 4_000


def _content(call: ApiCall, *, longest: int, before: Content | None = None) -> Content:
    """The content that the arguments describe, checked; parts left out stay as they were `before`."""
    text = call.text("text")
    blocks = _list(call, "blocks", error="invalid_blocks_format")
    attachments = _list(call, "attachments", error="invalid_attachments")
    metadata = call.parsed("metadata", error="invalid_metadata_format")
    if not text and not blocks and not attachments:
        raise SlackError("no_text")
    if len(text or "") > longest:
        raise SlackError("msg_too_long")
    if blocks:
        # Slack posts blocks without a text, and every screen reader stays silent: a complaint, not a refusal.
        if not text:
            call.complaints.append(f"{call.method}: blocks without a top-level text")
        refuse(checker.check("message", {"text": text or "-", "blocks": blocks}), "invalid_blocks")
    if metadata and not (isinstance(metadata, dict) and {"event_type", "event_payload"} <= metadata.keys()):
        raise SlackError("invalid_metadata_schema")
    if before is not None:
        # Text without blocks removes the blocks (docs.slack.dev/reference/methods/chat.update).
        blocks = before.blocks if blocks is None and text is None else blocks
        metadata = before.metadata if metadata is None else (metadata or None)
    return call.workspace.content(
        text or "",
        blocks,
        metadata=metadata,
        attachments=attachments,
        parses_names=call.flag("link_names") or call.text("parse") == "full",
    )


def _list(call: ApiCall, name: str, *, error: str) -> list[Any] | None:
    value = call.parsed(name, error=error)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise SlackError(error)
    return value


def _target(call: ApiCall) -> Channel:
    """A channel by id, or the direct channel of a person, opened if need be."""
    workspace = call.workspace
    target = call.required("channel")
    person = workspace.users.get(target)
    if person is None:
        channel = call.channel_with_bot(target)
        person = next((workspace.users.get(m) for m in channel.members if m != workspace.bot_user_id), None)
    else:
        if person.is_bot:
            raise SlackError("cannot_dm_bot")
        if person.deleted:
            raise SlackError("channel_not_found")
        channel = workspace.open_dm(person.id)
    if channel.is_im and not call.messages_tab_enabled:
        raise SlackError("messages_tab_disabled")
    return channel


async def post_message(call: ApiCall) -> Json:
    call.require_scope("chat:write")
    channel = _target(call)
    content = _content(call, longest=TEXT_MAX)
    thread_ts = call.text("thread_ts")
    if thread_ts is not None:
        parent = call.workspace.message(channel.id, thread_ts)
        if parent is None:
            raise SlackError("thread_not_found")
        # A reply to a reply lands in the parent's thread.
        thread_ts = parent.thread_ts or parent.ts
    message = call.workspace.post(channel.id, content, thread_ts=thread_ts)
    return {
        "ok": True,
        "channel": channel.id,
        "ts": message.ts,
        "message": message.api_shape(include_metadata=True),
    }


def _own(call: ApiCall, *, ts: str, error: str) -> Message:
    channel = call.workspace.channels.get(call.required("channel"))
    if channel is None:
        raise SlackError("channel_not_found")
    message = call.workspace.message(channel.id, ts)
    if message is None:
        raise SlackError("message_not_found")
    if message.bot_id != call.workspace.bot_id:
        raise SlackError(error)
    if channel.is_archived:
        raise SlackError("is_archived" if error == "cant_update_message" else error)
    return message


async def update(call: ApiCall) -> Json:
    call.require_scope("chat:write")
    message = _own(call, ts=call.required("ts"), error="cant_update_message")
    content = _content(call, longest=UPDATE_TEXT_MAX, before=message.versions[-1])
    call.workspace.edit(message, content)
    return {
        "ok": True,
        "channel": message.channel,
        "ts": message.ts,
        "text": message.text,
        "message": message.api_shape(include_metadata=True),
    }


async def delete(call: ApiCall) -> Json:
    call.require_scope("chat:write")
    message = _own(call, ts=call.required("ts"), error="cant_delete_message")
    call.workspace.delete(message)
    return {"ok": True, "channel": message.channel, "ts": message.ts}


async def post_ephemeral(call: ApiCall) -> Json:
    call.require_scope("chat:write")
    workspace = call.workspace
    channel = call.channel_with_bot(call.required("channel"))
    user = call.required("user")
    if user not in workspace.users:
        raise SlackError("user_not_found")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    content = _content(call, longest=TEXT_MAX)
    shown = workspace.post_ephemeral(channel.id, user, content, thread_ts=call.text("thread_ts"))
    return {"ok": True, "message_ts": shown.ts}


async def get_permalink(call: ApiCall) -> Json:
    channel = call.required("channel")
    ts = call.required("message_ts")
    if channel not in call.workspace.channels:
        raise SlackError("channel_not_found")
    message = call.workspace.message(channel, ts)
    if message is None:
        raise SlackError("message_not_found")
    link = f"https://{call.workspace.team.domain}.slack.com/archives/{channel}/p{ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={channel}"
    return {"ok": True, "channel": channel, "permalink": link}
