"""Who is here: the token's own identity, people, user groups, conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bot.sandbox.slack.web_api.call import page_of
from bot.sandbox.slack.workspace import SlackError

if TYPE_CHECKING:
    from bot.sandbox.slack.records import Channel, Json, Message, User
    from bot.sandbox.slack.web_api.call import ApiCall

HISTORY_SCOPES: Final = {"im": "im:history", "private": "groups:history", "public": "channels:history"}
READ_SCOPES: Final = {"im": "im:read", "private": "groups:read", "public": "channels:read"}


async def auth_test(call: ApiCall) -> Json:
    workspace = call.workspace
    identity: Json = {
        "ok": True,
        "url": f"https://{workspace.team.domain}.slack.com/",
        "team": workspace.team.name,
        "user": workspace.users[workspace.bot_user_id].name,
        "team_id": workspace.team.id,
        "user_id": workspace.bot_user_id,
        "bot_id": workspace.bot_id,
        "is_enterprise_install": False,
    }
    if workspace.team.enterprise_id:
        identity["enterprise_id"] = workspace.team.enterprise_id
    return identity


def _user_shape(call: ApiCall, user: User) -> Json:
    return {"ok": True, "user": user.api_shape(with_email="users:read.email" in call.scopes)}


async def users_info(call: ApiCall) -> Json:
    call.require_scope("users:read")
    user = call.workspace.users.get(call.required("user"))
    if user is None:
        raise SlackError("user_not_found")
    return _user_shape(call, user)


async def users_lookup_by_email(call: ApiCall) -> Json:
    call.require_scope("users:read.email")
    email = call.required("email").lower()
    for user in call.workspace.users.values():
        if (user.email or "").lower() == email and not user.deleted:
            return _user_shape(call, user)
    raise SlackError("users_not_found")


async def usergroups_list(call: ApiCall) -> Json:
    call.require_scope("usergroups:read")
    groups = [
        group.api_shape(call.workspace.team.id, include_users=call.flag("include_users"))
        for group in call.workspace.usergroups.values()
        if call.flag("include_disabled") or not group.is_disabled
    ]
    return {"ok": True, "usergroups": groups}


async def usergroups_users_list(call: ApiCall) -> Json:
    call.require_scope("usergroups:read")
    group = call.workspace.usergroups.get(call.required("usergroup"))
    if group is None or (group.is_disabled and not call.flag("include_disabled")):
        raise SlackError("no_such_subteam")
    return {"ok": True, "users": list(group.users)}


def _kind(channel: Channel) -> str:
    return "im" if channel.is_im else "private" if channel.is_private else "public"


def _channel(call: ApiCall, scopes: dict[str, str], *, member: bool) -> Channel:
    channel = call.workspace.channels.get(call.required("channel"))
    if channel is None:
        # Without any of the scopes Slack says so before it says whether the channel exists.
        if call.scopes.isdisjoint(scopes.values()):
            call.require_scope(scopes["public"])
        raise SlackError("channel_not_found")
    call.require_scope(scopes[_kind(channel)])
    bot = call.workspace.bot_user_id
    if bot not in channel.members and channel.is_private:
        raise SlackError("channel_not_found")
    if member and bot not in channel.members:
        raise SlackError("not_in_channel")
    return channel


async def conversations_open(call: ApiCall) -> Json:
    call.require_scope("im:write")
    ids = [name for name in (call.text("users") or "").split(",") if name]
    if len(ids) != 1:
        raise SlackError("users_list_not_supplied" if not ids else "not_implemented_by_the_double")
    user = call.workspace.users.get(ids[0])
    if user is None:
        raise SlackError("user_not_found")
    if user.deleted:
        raise SlackError("user_disabled")
    if user.is_bot:
        raise SlackError("cannot_dm_bot")
    already = call.workspace.dm_of(user.id) is not None
    channel = call.workspace.open_dm(user.id)
    answer: Json = {"ok": True, "channel": {"id": channel.id}}
    if already:
        answer |= {"no_op": True, "already_open": True}
    return answer


async def conversations_info(call: ApiCall) -> Json:
    channel = _channel(call, READ_SCOPES, member=False)
    return {"ok": True, "channel": channel.api_shape(call.workspace.bot_user_id)}


async def conversations_members(call: ApiCall) -> Json:
    channel = _channel(call, READ_SCOPES, member=False)
    members, cursor = page_of(channel.members, call)
    return {"ok": True, "members": members, "response_metadata": {"next_cursor": cursor}}


def _history(call: ApiCall, messages: list[Message]) -> Json:
    oldest, latest = call.text("oldest") or "0", call.text("latest")
    inclusive = call.flag("inclusive")
    chosen = [
        message
        for message in messages
        if (float(message.ts) > float(oldest) or (inclusive and message.ts == oldest))
        and (not latest or float(message.ts) < float(latest) or (inclusive and message.ts == latest))
    ]
    page, cursor = page_of(chosen, call)
    with_metadata = call.flag("include_all_metadata")
    return {
        "ok": True,
        "messages": [message.api_shape(include_metadata=with_metadata) for message in page],
        "has_more": bool(cursor),
        "response_metadata": {"next_cursor": cursor},
    }


async def conversations_history(call: ApiCall) -> Json:
    channel = _channel(call, HISTORY_SCOPES, member=True)
    messages = [message for message in call.workspace.messages(channel.id) if not message.is_reply]
    return _history(call, messages[::-1])


async def conversations_replies(call: ApiCall) -> Json:
    channel = _channel(call, HISTORY_SCOPES, member=True)
    ts = call.required("ts")
    if call.workspace.message(channel.id, ts) is None:
        raise SlackError("thread_not_found")
    return _history(call, call.workspace.replies(channel.id, ts))
