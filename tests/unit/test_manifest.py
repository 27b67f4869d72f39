"""The manifest holds what the code uses, and nothing else; its shape is Slack's (schema of version 1)."""

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml
from slack_sdk.web.async_client import AsyncWebClient

import handlers
from bot.domain.diagnosis import SCOPES
from bot.sandbox.play import SCOPES as SANDBOX_SCOPES
from handlers import ids
from handlers.views.help import COMMANDS

ROOT = Path(__file__).parents[2]

HISTORY = {"channels:history", "groups:history", "im:history"}
CHANNEL_STATE = {"channels:read", "groups:read"}
SCOPES_OF = {
    "auth_test": set(),
    "chat_postEphemeral": {"chat:write"},
    "chat_postMessage": {"chat:write"},
    "chat_update": {"chat:write"},
    "conversations_history": HISTORY,
    "conversations_info": CHANNEL_STATE,
    "conversations_open": {"im:write"},
    "conversations_replies": HISTORY,
    "files_upload_v2": {"files:write"},
    "files_getUploadURLExternal": {"files:write"},
    "files_completeUploadExternal": {"files:write"},
    "usergroups_list": {"usergroups:read"},
    "usergroups_users_list": {"usergroups:read"},
    "users_info": {"users:read", "users:read.email"},
    "views_open": set(),
    "views_publish": set(),
    "views_push": set(),
    "views_update": set(),
}
"""What each method needs, from its page on docs.slack.dev; the address in `users.info` has a scope of its own."""

Text = tuple[int, int]
SHAPE: dict[str, Any] = {
    "_metadata": {"major_version": int, "minor_version": int},
    "display_information": {
        "name": (1, 35),
        "description": (1, 140),
        "background_color": re.compile(r"#[0-9a-fA-F]{3}([0-9a-fA-F]{3})?"),
        "long_description": (175, 4000),
    },
    "features": {
        "app_home": {
            "home_tab_enabled": bool,
            "messages_tab_enabled": bool,
            "messages_tab_read_only_enabled": bool,
        },
        "bot_user": {"display_name": (1, 80), "always_online": bool},
        "shortcuts": [
            {
                "name": (1, 24),
                "type": re.compile("global|message"),
                "callback_id": (1, 255),
                "description": (1, 150),
            }
        ],
        "slash_commands": [
            {
                "command": re.compile(r"/.{1,31}"),
                "url": re.compile(r"https://.+"),
                "description": (1, 2000),
                "usage_hint": (1, 1000),
                "should_escape": bool,
            }
        ],
    },
    "oauth_config": {"scopes": {"bot": [(1, 50)], "bot_optional": [(1, 50)]}},
    "settings": {
        "event_subscriptions": {"request_url": re.compile(r"https://.+"), "bot_events": [(1, 50)]},
        "interactivity": {
            "is_enabled": bool,
            "request_url": re.compile(r"https://.+"),
            "message_menu_options_url": re.compile(r"https://.+"),
        },
        "org_deploy_enabled": bool,
        "socket_mode_enabled": bool,
        "token_rotation_enabled": bool,
    },
}


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return as_table(yaml.safe_load((ROOT / "manifest.yml").read_text(encoding="utf-8")))


def as_table(value: object) -> dict[str, Any]:
    assert isinstance(value, dict)
    return value


class Routes:
    """Stands for a Bolt app and remembers what was routed."""

    def __init__(self) -> None:
        self.ids: dict[str, set[str]] = defaultdict(set)

    def __getattr__(self, kind: str) -> Callable[..., Callable[[object], object]]:
        def listen(constraint: object, *_: object) -> Callable[[object], object]:
            if isinstance(constraint, str):
                self.ids[kind].add(constraint)
            return lambda listener: listener

        return listen


@pytest.fixture(scope="module")
def routed() -> dict[str, set[str]]:
    routes = Routes()
    handlers.route(routes, MagicMock())  # type: ignore[arg-type]
    return routes.ids


def wrong(value: object, shape: object, at: str = "") -> Iterator[str]:
    match shape:
        case dict():
            table = as_table(value)
            yield from (f"{at}.{key} is no key of Slack's" for key in table.keys() - shape.keys())
            for key in table.keys() & shape.keys():
                yield from wrong(table[key], shape[key], f"{at}.{key}")
        case [each]:
            assert isinstance(value, list)
            if len(set(map(str, value))) != len(value):
                yield f"{at} has something twice"
            for item in value:
                yield from wrong(item, each, at)
        case (int() as least, int() as most):
            if not isinstance(value, str) or not least <= len(value) <= most:
                yield f"{at}: {value!r} has not {least} to {most} characters"
        case re.Pattern():
            if not shape.fullmatch(str(value)):
                yield f"{at}: {value!r}"
        case type():
            if type(value) is not shape:
                yield f"{at}: {value!r} is no {shape.__name__}"
        case _:
            raise AssertionError(shape)


def test_its_shape_is_slacks(manifest: dict[str, Any]) -> None:
    assert list(wrong(manifest, SHAPE)) == []


def test_a_typing_error_would_be_found() -> None:
    assert list(wrong({"features": {"bot_user": {"display_nam": "x"}}}, SHAPE))
    assert list(wrong({"display_information": {"name": "x" * 36}}, SHAPE))
    assert list(wrong({"settings": {"socket_mode_enabled": "yes"}}, SHAPE))


def test_commands_and_shortcuts_are_those_that_are_listened_to(
    manifest: dict[str, Any], routed: dict[str, set[str]]
) -> None:
    features = manifest["features"]

    assert {each["command"] for each in features["slash_commands"]} == routed["command"] == {ids.COMMAND}
    assert {each["callback_id"] for each in features["shortcuts"]} == routed["shortcut"]


def test_events_are_those_that_are_listened_to(manifest: dict[str, Any], routed: dict[str, set[str]]) -> None:
    subscribed = manifest["settings"].get("event_subscriptions", {}).get("bot_events", [])

    assert set(subscribed) == routed["event"]
    assert manifest["features"]["app_home"]["home_tab_enabled"] == (ids.EVENT_HOME in subscribed)


def test_the_usage_hint_names_every_command(manifest: dict[str, Any]) -> None:
    (command,) = manifest["features"]["slash_commands"]

    assert command["usage_hint"].split(" | ") == [each.word for each in COMMANDS]


def test_scopes_are_exactly_what_the_called_methods_need(manifest: dict[str, Any]) -> None:
    called = set(methods_called())
    assert called <= SCOPES_OF.keys(), "look up which scopes these need, and add them to SCOPES_OF"

    needed = {"commands"}.union(*(SCOPES_OF[method] for method in called))

    assert set(manifest["oauth_config"]["scopes"]["bot"]) == needed


def test_only_looking_back_and_the_doctors_look_are_optional(manifest: dict[str, Any]) -> None:
    assert set(manifest["oauth_config"]["scopes"]["bot_optional"]) == HISTORY | CHANNEL_STATE


def test_the_doctor_asks_for_the_same_scopes(manifest: dict[str, Any]) -> None:
    scopes = manifest["oauth_config"]["scopes"]

    assert [each.name for each in SCOPES] == scopes["bot"]
    assert [each.name for each in SCOPES if not each.needed] == scopes["bot_optional"]


def test_the_sandbox_grants_what_the_manifest_asks_for(manifest: dict[str, Any]) -> None:
    assert set(manifest["oauth_config"]["scopes"]["bot"]) == SANDBOX_SCOPES


def methods_called() -> Iterator[str]:
    """The methods of Slack's Web API that the handlers call, from their source: `….client.chat_update(…)`."""
    for path in sorted((ROOT / "handlers").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value).endswith("client"):
                known = getattr(AsyncWebClient, node.attr, None)
                if callable(known) and "_" in node.attr and not node.attr.startswith("_"):
                    yield node.attr
