"""The bodies that Slack sends to an app: the shapes of commands, interactions and events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bot.sandbox.slack.inputs import Placed
    from bot.sandbox.slack.records import Channel, Ephemeral, Json, Message, User, Values, View
    from bot.sandbox.slack.workspace import Workspace

VERIFICATION_TOKEN: Final = "verification-token-of-old"
"""The deprecated field that payloads still carry."""


def view_shape(workspace: Workspace, view: View) -> Json:
    """A view as payloads and answers carry it."""
    body = view.body
    shape: Json = {
        "id": view.id,
        "team_id": workspace.team.id,
        "type": view.type,
        "blocks": view.blocks,
        "private_metadata": view.private_metadata,
        "callback_id": view.callback_id,
        "state": {"values": view.values},
        "hash": view.hash,
        "title": body.get("title") or {"type": "plain_text", "text": "View Title", "emoji": True},
        "clear_on_close": bool(body.get("clear_on_close")),
        "notify_on_close": bool(body.get("notify_on_close")),
        "close": body.get("close"),
        "submit": body.get("submit"),
        "previous_view_id": view.previous_view_id,
        "root_view_id": view.root_view_id,
        "app_id": workspace.app_id,
        "external_id": view.external_id,
        "app_installed_team_id": workspace.team.id,
        "bot_id": workspace.bot_id,
    }
    return shape


def _head(workspace: Workspace, user: User, kind: str) -> Json:
    team: Json = {"id": workspace.team.id, "domain": workspace.team.domain}
    enterprise: Json | None = None
    if workspace.team.enterprise_id:
        enterprise = {"id": workspace.team.enterprise_id, "name": workspace.team.name}
        team |= {"enterprise_id": enterprise["id"], "enterprise_name": enterprise["name"]}
    return {
        "type": kind,
        "team": team,
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
        "api_app_id": workspace.app_id,
        "token": VERIFICATION_TOKEN,
        "enterprise": enterprise,
        "is_enterprise_install": False,
    }


def command(
    workspace: Workspace, user: User, channel: Channel, *, name: str, text: str, response_url: str
) -> Json:
    """A slash command; it travels as a plain form, every value a string."""
    form: Json = {
        "token": VERIFICATION_TOKEN,
        "team_id": user.team_id,
        "team_domain": workspace.team.domain,
        "channel_id": channel.id,
        "channel_name": channel.payload_name,
        "user_id": user.id,
        "user_name": user.name,
        "command": name,
        "text": text,
        "api_app_id": workspace.app_id,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": workspace.new_trigger(user.id),
    }
    if workspace.team.enterprise_id:
        form |= {"enterprise_id": workspace.team.enterprise_id, "enterprise_name": workspace.team.name}
    return form


def shortcut(workspace: Workspace, user: User, callback_id: str) -> Json:
    """A global shortcut: no channel, no response_url."""
    return _head(workspace, user, "shortcut") | {
        "action_ts": workspace.next_ts(),
        "callback_id": callback_id,
        "trigger_id": workspace.new_trigger(user.id),
    }


def action(workspace: Workspace, placed: Placed, state: Json) -> Json:
    """One entry of `actions`: what was pressed or chosen, and the value that it carries."""
    element = placed.element
    kind = element["type"]
    entry: Json = {
        "type": kind,
        "action_id": placed.action_id,
        "block_id": placed.block_id,
        "action_ts": workspace.next_ts(),
    }
    if kind in {"button", "workflow_button"}:
        entry["text"] = element["text"]
        entry |= {key: element[key] for key in ("value", "style") if key in element}
    else:
        entry |= {key: value for key, value in state.items() if key != "type"}
    entry |= {key: element[key] for key in ("placeholder", "confirm") if key in element and kind != "button"}
    return entry


def place_of_message(message: Message | Ephemeral, channel: Channel, shape: Json | None) -> Json:
    """Where in a channel; `shape` is the whole message, which an ephemeral one does not carry."""
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": shape is None,
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    place: Json = {"container": container, "channel": {"id": channel.id, "name": channel.payload_name}}
    return place if shape is None else place | {"message": shape}


def place_of_view(workspace: Workspace, view: View) -> Json:
    return {"container": {"type": "view", "view_id": view.id}, "view": view_shape(workspace, view)}


def actions_in_message(
    workspace: Workspace, user: User, place: Json, actions: list[Json], *, values: Values, response_url: str
) -> Json:
    """block_actions from a message."""
    return _head(workspace, user, "block_actions") | {
        **place,
        "trigger_id": workspace.new_trigger(user.id),
        "state": {"values": values},
        "response_url": response_url,
        "actions": actions,
    }


def actions_in_view(workspace: Workspace, user: User, view: View, actions: list[Json]) -> Json:
    """block_actions from a modal or the Home tab."""
    return _head(workspace, user, "block_actions") | {
        **place_of_view(workspace, view),
        "trigger_id": workspace.new_trigger(user.id, view.id if view.type == "modal" else None),
        "actions": actions,
    }


def view_submission(workspace: Workspace, user: User, view: View, response_urls: list[Json]) -> Json:
    return _head(workspace, user, "view_submission") | {
        "trigger_id": workspace.new_trigger(user.id, view.id),
        "view": view_shape(workspace, view),
        "response_urls": response_urls,
    }


def view_closed(workspace: Workspace, user: User, view: View, *, is_cleared: bool) -> Json:
    return _head(workspace, user, "view_closed") | {
        "view": view_shape(workspace, view),
        "is_cleared": is_cleared,
    }


def block_suggestion(
    workspace: Workspace, user: User, place: Json, *, block_id: str, action_id: str, query: str
) -> Json:
    """The question for options that an external select asks while a person types."""
    return _head(workspace, user, "block_suggestion") | {
        **place,
        "action_id": action_id,
        "block_id": block_id,
        "value": query,
    }


def event_callback(workspace: Workspace, event: Json) -> Json:
    """The envelope of an event."""
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": workspace.team.id,
        "context_team_id": workspace.team.id,
        "context_enterprise_id": workspace.team.enterprise_id,
        "api_app_id": workspace.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": workspace.new_id("Ev"),
        "event_time": int(workspace.clock()),
        "authorizations": [
            {
                "enterprise_id": workspace.team.enterprise_id,
                "team_id": workspace.team.id,
                "user_id": workspace.bot_user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": "4-" + workspace.random_id(),
    }


def app_home_opened(workspace: Workspace, user: User) -> Json:
    """The person looks at the app's Home tab."""
    home = workspace.homes.get(user.id)
    event: Json = {
        "type": "app_home_opened",
        "user": user.id,
        "channel": workspace.open_dm(user.id).id,
        "tab": "home",
        "event_ts": workspace.next_ts(),
    }
    if home is not None:
        event["view"] = view_shape(workspace, home)
    return event
