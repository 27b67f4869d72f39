"""The external upload in three steps: ask for an address, send the bytes, say where the file belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.slack.records import File
from bot.sandbox.slack.workspace import SlackError, Workspace

if TYPE_CHECKING:
    from bot.sandbox.slack.records import Json
    from bot.sandbox.slack.web_api.call import ApiCall


async def get_upload_url(call: ApiCall) -> Json:
    call.require_scope("files:write")
    name = call.required("filename")
    length = call.number("length", 0)
    if length <= 0:
        raise SlackError("invalid_arguments")
    workspace = call.workspace
    file = File(id=workspace.new_id("F"), name=name, length=length, upload_id=workspace.random_id())
    workspace.files[file.id] = file
    return {"ok": True, "upload_url": f"{call.public_url}/upload/v1/{file.upload_id}", "file_id": file.id}


def receive(workspace: Workspace, upload_id: str, content: bytes) -> File | None:
    """Takes the bytes; None when there is no such address, or the length is not what was announced."""
    for file in workspace.files.values():
        if file.upload_id == upload_id and file.content is None and file.length == len(content):
            file.content = content
            workspace.changed()
            return file
    return None


async def complete_upload(call: ApiCall) -> Json:
    call.require_scope("files:write")
    workspace = call.workspace
    entries = call.parsed("files", error="invalid_arguments")
    if not isinstance(entries, list) or not entries:
        raise SlackError("invalid_arguments")
    files: list[File] = []
    for entry in entries:
        file = workspace.files.get(str(entry.get("id")))
        if file is None or file.content is None or file.completed:
            raise SlackError("file_not_found")
        file.title = entry.get("title") or file.name
        files.append(file)
    channel_id = call.text("channel_id") or call.text("channels")
    channel = call.channel_with_bot(channel_id) if channel_id else None
    thread_ts = call.text("thread_ts")
    if channel is not None and thread_ts is not None and workspace.message(channel.id, thread_ts) is None:
        raise SlackError("thread_not_found")
    for file in files:
        file.completed = True
        file.channel = channel.id if channel else None
    if channel is not None:
        comment = workspace.content(call.text("initial_comment") or "")
        workspace.post(channel.id, comment, thread_ts=thread_ts, files=[file.api_shape() for file in files])
    return {"ok": True, "files": [file.api_shape() for file in files]}
