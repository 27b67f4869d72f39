"""People, messages and views as the page gets them."""

from typing import Any

from bot.sandbox.slack.records import Channel, Ephemeral, Message, User, View
from bot.sandbox.slack.workspace import Workspace

Json = dict[str, Any]


def user(person: User) -> Json:
    return {
        "name": person.name,
        "real_name": person.real_name or person.name,
        "is_bot": person.is_bot,
        "is_guest": person.is_restricted or person.is_ultra_restricted,
        "is_stranger": person.is_stranger,
    }


def channel(workspace: Workspace, place: Channel, viewer: str) -> Json:
    other = next((member for member in place.members if member != viewer), None) if place.is_im else None
    return {
        "id": place.id,
        "name": place.name,
        "is_private": place.is_private,
        "is_im": place.is_im,
        "with": other,
        "is_member": viewer in place.members,
        # manifest.yml makes the app's direct messages read-only: Slack shows no composer for plain messages there.
        "can_say": not place.is_im,
        "unread": workspace.unread(viewer, place.id),
    }


def message(workspace: Workspace, shown: Message | Ephemeral, viewer: str) -> Json:
    """A message as this person has it on the screen; the caller has made sure that they may."""
    now = shown.versions[-1]
    replies: list[Message] = []
    files: list[Json] = []
    if isinstance(shown, Message):
        if not shown.is_reply:
            replies = [m for m in workspace.replies(shown.channel, shown.ts) if m is not shown]
        files = [
            {"id": f["id"], "name": f["name"], "size": f["size"], "url": f"/api/file/{f['id']}?as={viewer}"}
            for f in shown.files
        ]
    is_bot = isinstance(shown, Ephemeral) or shown.bot_id is not None
    return {
        "channel": shown.channel,
        "ts": shown.ts,
        # An ephemeral message names the one who sees it; the page shows who wrote it.
        "user": workspace.bot_user_id if isinstance(shown, Ephemeral) else shown.user,
        "text": now.text,
        "blocks": now.blocks,
        "thread_ts": shown.thread_ts,
        "reply_count": len(replies),
        "reply_users": list(dict.fromkeys(reply.user for reply in replies)),
        "latest_reply": replies[-1].ts if replies else None,
        # Slack marks a message as edited only where its text is shown, not its blocks.
        "edited": len(shown.versions) > 1 and not now.blocks,
        "ephemeral": isinstance(shown, Ephemeral),
        "files": files,
        "is_bot": is_bot,
        "deleted": shown.deleted,
        "version": len(shown.versions),
    }


def view(shown: View) -> Json:
    return {
        "id": shown.id,
        "type": shown.type,
        "title": shown.title,
        "submit": _words(shown, "submit"),
        "close": _words(shown, "close"),
        "callback_id": shown.callback_id,
        "blocks": shown.blocks,
        "values": shown.values,
        "errors": shown.errors,
        "hash": shown.hash,
        "version": len(shown.versions),
    }


def _words(shown: View, key: str) -> str | None:
    text = shown.body.get(key)
    return str(text["text"]) if text else None
