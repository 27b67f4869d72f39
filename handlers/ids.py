"""Every id that stands in a payload, in one place; the manifest names the first three, a test compares them."""

from typing import Final

COMMAND: Final = "/workbench-access"
SHORTCUT_REQUEST: Final = "open_request"
EVENT_HOME: Final = "app_home_opened"

# Views
VIEW_REQUEST: Final = "request_form"
VIEW_DENY: Final = "deny_form"
VIEW_END: Final = "end_form"
VIEW_DETAILS: Final = "details"
VIEW_PROVE: Final = "prove_form"
VIEW_NOTE: Final = "note"
"""A modal that only says something: loading, refused."""

# Inputs of the request form. Block ids of fields that depend on the permission set end in `:<set>`, so that
# Slack resets them when the set changes and keeps them otherwise (slack.md §2.2).
BLOCK_SET: Final = "permission_set"
BLOCK_ACCOUNTS: Final = "accounts"
BLOCK_ROLES: Final = "roles"
BLOCK_SCOPE: Final = "scope"
BLOCK_SPAN: Final = "span"
BLOCK_REASON: Final = "reason"
BLOCK_FINDINGS: Final = "findings"

ACTION_SET: Final = "choose_permission_set"
ACTION_ACCOUNTS: Final = "choose_accounts"
ACTION_ROLES: Final = "choose_roles"
ACTION_SCOPE: Final = "choose_scope"
ACTION_SPAN: Final = "choose_span"
ACTION_REASON: Final = "type_reason"

# Buttons; the value is the request's number and nothing else
ACTION_APPROVE: Final = "approve"
ACTION_DENY: Final = "deny"
ACTION_DETAILS: Final = "details"
ACTION_CANCEL: Final = "cancel"
ACTION_RETRY: Final = "retry"
ACTION_END: Final = "end_access"
"""“I'm done” for the requester, “Undo” for approvers: both open the form that asks once more."""
ACTION_EXTEND: Final = "extend"
ACTION_REQUEST: Final = "start_request"
ACTION_DOCTOR: Final = "run_doctor"
"""In the Home tab of approvers; who may is asked again at the click."""
ACTION_PROVE: Final = "prove"
ACTION_PROVE_SET: Final = "prove_set"
"""In the answer of `verify`; its value is a permission set, or `<permission set>/<account>`."""

ACTION_TOKEN: Final = "paste_token"  # noqa: S105 -- the name of a field

METADATA_EVENT: Final = "workbench_access"
"""Event type of the metadata that every message carries; its payload is `{"key": <message key>}`."""


def prove_field(number: int) -> str:
    """The block id of one field for tokens; they are read in the order of their numbers."""
    return f"token:{number}"


def block(base: str, permission_set: str) -> str:
    """The block id of a field that belongs to one permission set."""
    return f"{base}:{permission_set}"
