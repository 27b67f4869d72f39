"""A small workspace to start from: a few people, two channels, one group of approvers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bot.sandbox.slack.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable


def small_workspace(*, clock: Callable[[], float] = time.time) -> Workspace:
    """Alice and Bob ask, Ada and Grace decide, a guest and a stranger try."""
    workspace = Workspace(clock=clock)
    people = {
        "U0ALICE": ("alice", "Alice Smith"),
        "U0BOB": ("bob", "Bob Brown"),
        "U0ADMIN1": ("ada", "Ada Lovelace"),
        "U0ADMIN2": ("grace", "Grace Hopper"),
    }
    for user_id, (name, real_name) in people.items():
        workspace.add_user(user_id, name, real_name=real_name, email=f"{name}@example.com")
    workspace.add_user("U0GUEST", "gus", real_name="Gus Guest", email="gus@example.com", is_restricted=True)
    workspace.add_user("U0STRANGER", "sid", real_name="Sid Stranger", team_id="T0ELSEWHERE", is_stranger=True)
    workspace.add_channel("C0GENERAL", "general", [*people, "U0GUEST"], with_bot=False)
    workspace.add_channel(
        "C0APPROVALS", "access-approvals", ["U0ADMIN1", "U0ADMIN2", "U0GUEST", "U0STRANGER"]
    )
    workspace.add_usergroup("S0SSOADMINS", "sso-admins", ["U0ADMIN1", "U0ADMIN2"])
    return workspace
