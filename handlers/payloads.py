"""Slack's payloads, read once and strictly: past this file nobody sees a raw dict.

Everything in a payload is what somebody sent, even when Slack signed it: ids are checked for their shape, and
nothing else in it is believed.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bot.domain.errors import Code, Refusal
from bot.domain.names import (
    AccountId,
    ChannelId,
    PermissionSetName,
    RoleName,
    SlackTeamId,
    SlackUserId,
)
from bot.domain.request import RequestId, Scope
from handlers import ids

Payload = Mapping[str, Any]

_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
_SET = re.compile(r"[\w+=,.@-]{1,32}", re.ASCII)
PERMANENT = "permanent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who sent a payload, as Slack signed it."""

    user: SlackUserId
    team: SlackTeamId


@dataclass(frozen=True, slots=True, kw_only=True)
class FormState:
    """The request form as it stands; fields that are not filled in are None or empty."""

    view_id: str
    hash: str
    permission_set: PermissionSetName | None
    accounts: tuple[AccountId, ...]
    roles: tuple[RoleName, ...]
    scope: Scope
    span: timedelta | None
    span_chosen: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """A pressed button that belongs to a request."""

    request: RequestId
    channel: ChannelId
    trigger_id: str
    response_url: str


def actor(body: Payload) -> Actor:
    """The sender of any payload: command, action, view, options or event; empty ids where there is none."""
    user = body.get("user")
    if isinstance(user, Mapping):
        team = user.get("team_id") or _mapping(body, "team").get("id") or ""
        return Actor(user=SlackUserId(str(user.get("id", ""))), team=SlackTeamId(str(team)))
    event = _mapping(body, "event")
    if event:
        user_id = event.get("user", "")
        team = event.get("user_team") or event.get("team") or body.get("team_id") or ""
        return Actor(user=SlackUserId(str(user_id)), team=SlackTeamId(str(team)))
    return Actor(
        user=SlackUserId(str(body.get("user_id", ""))), team=SlackTeamId(str(body.get("team_id", "")))
    )


def press(body: Payload) -> Press:
    """Read a pressed button; raises `Refusal(NOT_FOUND)` for a value that none of our buttons carries."""
    action = _first_action(body)
    value = str(action.get("value", ""))
    if not _NUMBER.fullmatch(value):
        raise Refusal(Code.NOT_FOUND, id=value[:20])
    channel = _mapping(body, "channel").get("id") or _mapping(body, "container").get("channel_id") or ""
    return Press(
        request=RequestId(int(value)),
        channel=ChannelId(str(channel)),
        trigger_id=str(body.get("trigger_id", "")),
        response_url=str(body.get("response_url", "")),
    )


def form_state(view: Payload) -> FormState:
    """Read the request form's fields out of a view, whichever permission set their block ids belong to."""
    values: dict[str, Payload] = {}
    for block in _mapping(_mapping(view, "state"), "values").values():
        if isinstance(block, Mapping):
            values.update({key: value for key, value in block.items() if isinstance(value, Mapping)})
    chosen = _option(values.get(ids.ACTION_SET)) or _metadata(view).get("permission_set")
    span = _option(values.get(ids.ACTION_SPAN))
    scope = _option(values.get(ids.ACTION_SCOPE))
    reason = _mapping(values, ids.ACTION_REASON).get("value")
    accounts = [value for value in _options(values.get(ids.ACTION_ACCOUNTS)) if _ACCOUNT.fullmatch(value)]
    return FormState(
        view_id=str(view.get("id", "")),
        hash=str(view.get("hash", "")),
        permission_set=PermissionSetName(chosen) if isinstance(chosen, str) and chosen else None,
        accounts=tuple(dict.fromkeys(AccountId(account) for account in accounts)),
        roles=tuple(dict.fromkeys(RoleName(role) for role in _options(values.get(ids.ACTION_ROLES)))),
        scope=Scope.ONLY_ME if scope == Scope.ONLY_ME.value else Scope.EVERYONE,
        span=parse_span(span) if span is not None else None,
        span_chosen=span is not None,
        reason=reason if isinstance(reason, str) else "",
    )


def noted_form(view: Payload) -> tuple[RequestId, ChannelId, str]:
    """The request, the channel for the answer, and the reason of a small form; "" where it asks for none."""
    metadata = _metadata(view)
    number = str(metadata.get("request", ""))
    if not _NUMBER.fullmatch(number):
        raise Refusal(Code.NOT_FOUND, id=number[:20])
    reason = ""
    for block in _mapping(_mapping(view, "state"), "values").values():
        value = _mapping(block, ids.ACTION_REASON).get("value") if isinstance(block, Mapping) else None
        reason = value if isinstance(value, str) else reason
    return RequestId(int(number)), ChannelId(str(metadata.get("channel", ""))), reason.strip()


def pressed_set(body: Payload) -> tuple[PermissionSetName, AccountId | None, str]:
    """A button about a permission set, in one account or in all: both names, and the trigger id."""
    value = str(_first_action(body).get("value", ""))
    name, _, account = value.partition("/")
    if not _SET.fullmatch(name) or (account and not _ACCOUNT.fullmatch(account)):
        raise Refusal(Code.SET_NOT_OFFERED, permission_set=name[:32])
    return PermissionSetName(name), AccountId(account) if account else None, str(body.get("trigger_id", ""))


def pasted_tokens(view: Payload) -> tuple[str, str]:
    """The nonce of the “Prove it” form, and all its fields joined in order."""
    values = _mapping(_mapping(view, "state"), "values")
    parts: list[str] = []
    number = 0
    while isinstance(field := values.get(ids.prove_field(number)), Mapping):
        value = _mapping(field, ids.ACTION_TOKEN).get("value")
        parts.append(value if isinstance(value, str) else "")
        number += 1
    return str(_metadata(view).get("nonce", "")), "".join(parts)


def parse_span(value: str) -> timedelta | None:
    """Read an option's value as the form wrote it; a forged value gives a span that no configuration offers."""
    if value == PERMANENT:
        return None
    return timedelta(seconds=int(value)) if _NUMBER.fullmatch(value) else timedelta(0)


def _first_action(body: Payload) -> Payload:
    actions = body.get("actions")
    first = actions[0] if isinstance(actions, list) and actions else {}
    return first if isinstance(first, Mapping) else {}


def _metadata(view: Payload) -> Mapping[str, Any]:
    text = view.get("private_metadata")
    if not isinstance(text, str):
        return {}
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, Mapping) else {}


def _mapping(holder: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = holder.get(key)
    return value if isinstance(value, Mapping) else {}


def _option(element: Payload | None) -> str | None:
    value = _mapping(element or {}, "selected_option").get("value")
    return value if isinstance(value, str) else None


def _options(element: Payload | None) -> list[str]:
    chosen = (element or {}).get("selected_options")
    if not isinstance(chosen, list):
        return []
    return [str(option.get("value", "")) for option in chosen if isinstance(option, Mapping)]
