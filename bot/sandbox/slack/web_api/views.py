"""Modals and Home tabs: open, push, update, publish."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from bot.sandbox.slack import checker, payloads
from bot.sandbox.slack.web_api.call import refuse
from bot.sandbox.slack.workspace import SlackError

if TYPE_CHECKING:
    from bot.sandbox.slack.records import Json, View
    from bot.sandbox.slack.web_api.call import ApiCall

VIEW_BYTES: Final = 250_000


def checked_view(call: ApiCall, surface: checker.Surface) -> Json:
    body = call.parsed("view", error="invalid_arguments")
    if not isinstance(body, dict):
        raise SlackError(
            "invalid_arguments", response_metadata={"messages": ["[ERROR] missing required field: view"]}
        )
    if len(json.dumps(body).encode()) > VIEW_BYTES:
        raise SlackError("view_too_large")
    problems = checker.check(surface, body)
    refuse([checker.Problem(f"/view{p.pointer}", p.message) for p in problems], "invalid_arguments")
    return body


def _answer(call: ApiCall, view: View) -> Json:
    return {"ok": True, "view": payloads.view_shape(call.workspace, view)}


async def open_(call: ApiCall) -> Json:
    body = checked_view(call, "modal")
    trigger = call.workspace.exchange_trigger(call.required("trigger_id"))
    return _answer(call, call.workspace.open_view(trigger.user, body))


async def push(call: ApiCall) -> Json:
    body = checked_view(call, "modal")
    trigger = call.workspace.exchange_trigger(call.required("trigger_id"))
    if trigger.view_id is None or call.workspace.find_view(trigger.view_id, None) is None:
        # Only an interaction inside an open modal yields a trigger that can push.
        raise SlackError("not_found")
    return _answer(call, call.workspace.open_view(trigger.user, body, push=True))


async def update(call: ApiCall) -> Json:
    view_id, external_id = call.text("view_id"), call.text("external_id")
    if not view_id and not external_id:
        raise SlackError("invalid_arguments")
    view = call.workspace.find_view(view_id, external_id)
    body = checked_view(call, "home" if view is not None and view.type == "home" else "modal")
    if view is None:
        raise SlackError("not_found")
    _refuse_stale(call, view)
    return _answer(call, call.workspace.update_view(view, body))


async def publish(call: ApiCall) -> Json:
    user = call.required("user_id")
    body = checked_view(call, "home")
    person = call.workspace.users.get(user)
    if person is None or person.is_bot:
        raise SlackError("invalid_arguments")
    if person.deleted:
        raise SlackError("not_enabled")
    home = call.workspace.homes.get(user)
    if home is not None:
        _refuse_stale(call, home)
    return _answer(call, call.workspace.publish_home(user, body))


def _refuse_stale(call: ApiCall, view: View) -> None:
    wanted = call.text("hash")
    if wanted is not None and wanted != view.hash:
        raise SlackError("hash_conflict")
