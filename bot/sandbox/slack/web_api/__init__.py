"""Slack's Web API: one function a method, Slack's own error codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bot.sandbox.slack.web_api import chat, directory, files, views
from bot.sandbox.slack.workspace import SlackError

if TYPE_CHECKING:
    from bot.sandbox.slack.records import Json
    from bot.sandbox.slack.web_api.call import ApiCall, Method

DEFAULT_SCOPES: Final = frozenset(
    {
        "commands",
        "chat:write",
        "files:write",
        "im:write",
        "users:read",
        "users:read.email",
        "usergroups:read",
    }
)


async def connections_open(_: ApiCall) -> Json:
    """Socket Mode is not spoken here."""
    raise SlackError("not_allowed_token_type")


METHODS: Final[dict[str, Method]] = {
    "auth.test": directory.auth_test,
    "apps.connections.open": connections_open,
    "chat.postMessage": chat.post_message,
    "chat.update": chat.update,
    "chat.delete": chat.delete,
    "chat.postEphemeral": chat.post_ephemeral,
    "chat.getPermalink": chat.get_permalink,
    "conversations.open": directory.conversations_open,
    "conversations.info": directory.conversations_info,
    "conversations.members": directory.conversations_members,
    "conversations.history": directory.conversations_history,
    "conversations.replies": directory.conversations_replies,
    "files.getUploadURLExternal": files.get_upload_url,
    "files.completeUploadExternal": files.complete_upload,
    "usergroups.list": directory.usergroups_list,
    "usergroups.users.list": directory.usergroups_users_list,
    "users.info": directory.users_info,
    "users.lookupByEmail": directory.users_lookup_by_email,
    "views.open": views.open_,
    "views.push": views.push,
    "views.update": views.update,
    "views.publish": views.publish,
}

FORM_ONLY: Final = frozenset(
    {
        "chat.getPermalink",
        "conversations.info",
        "conversations.members",
        "files.getUploadURLExternal",
        "usergroups.list",
        "usergroups.users.list",
        "users.info",
        "users.lookupByEmail",
    }
)
"""Methods that do not read a JSON body: Slack ignores the arguments in it."""


async def answer(call: ApiCall) -> Json:
    """Runs one method. Raises SlackError with Slack's code."""
    return await METHODS[call.method](call)
