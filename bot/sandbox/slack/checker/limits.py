"""Slack's numbers in one table, and the keys that each part may and must carry."""

from __future__ import annotations

from typing import Final

# docs.slack.dev/reference/block-kit, the comments of @slack/types and the constants of slack_sdk 3.47.
LIMITS: Final[dict[str, int]] = {
    "message.blocks": 50,
    "message.text": 40_000,
    # Undocumented: msg_blocks_too_long was met at 13,172 to 13,297 characters (bolt-js#2509).
    "message.blocks.characters": 13_000,
    "modal.blocks": 100,
    "home.blocks": 100,
    "view.private_metadata": 3000,
    "view.callback_id": 255,
    "view.external_id": 255,
    "modal.title": 24,
    "modal.submit": 24,
    "modal.close": 24,
    "block_id": 255,
    "action_id": 255,
    "text": 3000,
    "section.text": 3000,
    "section.field": 2000,
    "section.fields": 10,
    "header.text": 150,
    "context.elements": 10,
    "context_actions.elements": 5,
    "actions.elements": 25,
    "input.label": 2000,
    "input.hint": 2000,
    "placeholder": 150,
    "plain_text_input.length": 3000,
    "button.text": 75,
    "button.value": 2000,
    "button.accessibility_label": 75,
    "url": 3000,
    "option.text": 75,
    "option.value": 150,
    "option.description": 75,
    "option_group.label": 75,
    "options": 100,
    "option_groups": 100,
    "overflow.options": 5,
    "radio_buttons.options": 10,
    "checkboxes.options": 10,
    "confirm.title": 100,
    "confirm.text": 300,
    "confirm.confirm": 30,
    "confirm.deny": 30,
    "image.alt_text": 2000,
    "image.title": 2000,
    "table.rows": 100,
    "table.cells": 20,
    "table.column_settings": 20,
    "message.tables": 1,
    "markdown.text": 12_000,
    "container.title": 150,
    "container.child_blocks": 10,
    "card.title": 150,
    "card.body": 200,
    "card.actions": 3,
    "alert.text": 200,
    "carousel.elements": 10,
    "file_input.max_files": 10,
}

EVERYWHERE: Final = frozenset(
    {"section", "divider", "image", "actions", "context", "header", "input", "rich_text"}
)
BLOCKS_OF: Final[dict[str, frozenset[str]]] = {
    "message": EVERYWHERE
    | {"context_actions", "table", "markdown", "plan", "task_card", "card", "carousel", "container"},
    "modal": EVERYWHERE | {"alert"},
    "home": EVERYWHERE,
}
ELSEWHERE: Final = frozenset(
    {"video", "file", "call", "data_table", "data_visualization", "auth_provider", "share_shortcut"}
)
"""Blocks that exist but that this checker does not know well enough to let pass."""

# block type → (required keys, optional keys); `type` and `block_id` belong to all.
BLOCK_KEYS: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "section": (frozenset(), frozenset({"text", "fields", "accessory", "expand"})),
    "divider": (frozenset(), frozenset()),
    "image": (frozenset({"alt_text"}), frozenset({"image_url", "slack_file", "title"})),
    "actions": (frozenset({"elements"}), frozenset()),
    "context": (frozenset({"elements"}), frozenset()),
    "context_actions": (frozenset({"elements"}), frozenset()),
    "header": (frozenset({"text"}), frozenset({"level"})),
    "input": (frozenset({"label", "element"}), frozenset({"dispatch_action", "hint", "optional"})),
    "rich_text": (frozenset({"elements"}), frozenset()),
    "table": (frozenset({"rows"}), frozenset({"column_settings"})),
    "markdown": (frozenset({"text"}), frozenset()),
    "alert": (frozenset({"text"}), frozenset({"level"})),
    "plan": (frozenset({"title"}), frozenset({"tasks"})),
    "task_card": (
        frozenset({"task_id", "title"}),
        frozenset({"status", "details", "output", "sources"}),
    ),
    "card": (
        frozenset(),
        frozenset({"hero_image", "icon", "title", "subtitle", "body", "actions"}),
    ),
    "carousel": (frozenset({"elements"}), frozenset()),
    "container": (
        frozenset({"child_blocks"}),
        frozenset(
            {
                "title",
                "rich_text_title",
                "subtitle",
                "width",
                "icon",
                "is_collapsible",
                "default_collapsed",
                "has_header_divider",
            }
        ),
    ),
}

_CHOICE: Final = frozenset({"confirm", "focus_on_load", "placeholder"})
_LIST: Final = frozenset({"options", "option_groups"})
_TYPED: Final = frozenset({"initial_value", "dispatch_action_config", "focus_on_load", "placeholder"})

# element type → (required keys, optional keys); `type` and `action_id` belong to all.
ELEMENT_KEYS: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    "button": (
        frozenset({"text"}),
        frozenset({"url", "value", "style", "confirm", "accessibility_label", "visible_to_user_ids"}),
    ),
    "workflow_button": (frozenset({"text", "workflow"}), frozenset({"style", "accessibility_label"})),
    "icon_button": (
        frozenset({"icon", "text"}),
        frozenset({"value", "confirm", "accessibility_label", "visible_to_user_ids"}),
    ),
    "feedback_buttons": (frozenset({"positive_button", "negative_button"}), frozenset()),
    "overflow": (frozenset({"options"}), frozenset({"confirm"})),
    "checkboxes": (frozenset({"options"}), frozenset({"initial_options", "confirm", "focus_on_load"})),
    "radio_buttons": (frozenset({"options"}), frozenset({"initial_option", "confirm", "focus_on_load"})),
    "datepicker": (frozenset(), _CHOICE | {"initial_date"}),
    "timepicker": (frozenset(), _CHOICE | {"initial_time", "timezone"}),
    "datetimepicker": (frozenset(), frozenset({"initial_date_time", "confirm", "focus_on_load"})),
    "static_select": (frozenset(), _CHOICE | _LIST | {"initial_option"}),
    "multi_static_select": (frozenset(), _CHOICE | _LIST | {"initial_options", "max_selected_items"}),
    "external_select": (frozenset(), _CHOICE | {"initial_option", "min_query_length"}),
    "multi_external_select": (
        frozenset(),
        _CHOICE | {"initial_options", "min_query_length", "max_selected_items"},
    ),
    "users_select": (frozenset(), _CHOICE | {"initial_user"}),
    "multi_users_select": (frozenset(), _CHOICE | {"initial_users", "max_selected_items"}),
    "channels_select": (frozenset(), _CHOICE | {"initial_channel", "response_url_enabled"}),
    "multi_channels_select": (frozenset(), _CHOICE | {"initial_channels", "max_selected_items"}),
    "conversations_select": (
        frozenset(),
        _CHOICE
        | {
            "initial_conversation",
            "default_to_current_conversation",
            "response_url_enabled",
            "filter",
        },
    ),
    "multi_conversations_select": (
        frozenset(),
        _CHOICE
        | {
            "initial_conversations",
            "default_to_current_conversation",
            "max_selected_items",
            "filter",
        },
    ),
    "plain_text_input": (frozenset(), _TYPED | {"multiline", "min_length", "max_length"}),
    "email_text_input": (frozenset(), _TYPED),
    "url_text_input": (frozenset(), _TYPED),
    "number_input": (frozenset({"is_decimal_allowed"}), _TYPED | {"min_value", "max_value"}),
    "rich_text_input": (frozenset(), _TYPED | {"min_lines", "max_lines"}),
    "file_input": (frozenset(), frozenset({"filetypes", "max_files"})),
}

SELECTS: Final = frozenset(kind for kind in ELEMENT_KEYS if kind.endswith("_select"))
_PICKED: Final = SELECTS | {"checkboxes", "radio_buttons", "datepicker", "timepicker"}
ELEMENTS_OF: Final[dict[str, frozenset[str]]] = {
    "section": _PICKED | {"button", "overflow", "workflow_button", "image"},
    "actions": _PICKED | {"button", "overflow", "workflow_button", "datetimepicker"},
    "context_actions": frozenset({"feedback_buttons", "icon_button"}),
    "card": frozenset({"button"}),
    "input": _PICKED
    | {
        "datetimepicker",
        "plain_text_input",
        "email_text_input",
        "url_text_input",
        "number_input",
        "rich_text_input",
        "file_input",
    },
}
STYLES: Final = frozenset({"primary", "danger"})
