"""Speaks Slack, both ways, and decides nothing. Here is the routing table: each id → its listener."""

from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp

from handlers import ids
from handlers.command import CommandConversation
from handlers.grants import GrantsConversation
from handlers.home import HomeConversation
from handlers.middleware import Door
from handlers.prove import ProveConversation
from handlers.request import RequestConversation
from handlers.review import BUTTONS, ReviewConversation


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversations:
    """One object per conversation; the composition root makes them."""

    door: Door
    command: CommandConversation
    request: RequestConversation
    review: ReviewConversation
    grants: GrantsConversation
    prove: ProveConversation
    home: HomeConversation


def route(app: AsyncApp, to: Conversations) -> None:
    """Every id of `ids.py` that Slack can send, and who listens; `manifest.yml` names the same, a test says so."""
    app.use(to.door)
    app.command(ids.COMMAND)(to.command.on_command)
    app.shortcut(ids.SHORTCUT_REQUEST)(to.request.on_shortcut)
    app.action(ids.ACTION_REQUEST)(to.request.on_shortcut)
    for action in (ids.ACTION_SET, ids.ACTION_ACCOUNTS, ids.ACTION_ROLES):
        app.action(action)(to.request.on_choice)
    app.options(ids.ACTION_ACCOUNTS)(to.request.on_account_options)
    app.view(ids.VIEW_REQUEST)(to.request.on_submitted)
    for button in BUTTONS:
        app.action(button)(to.review.on_button)
    app.action(ids.ACTION_DENY)(to.review.on_deny)
    app.action(ids.ACTION_DETAILS)(to.review.on_details)
    app.view(ids.VIEW_DENY)(to.review.on_deny_submitted)
    app.action(ids.ACTION_END)(to.grants.on_end)
    app.view(ids.VIEW_END)(to.grants.on_end_submitted)
    app.action(ids.ACTION_PROVE)(to.prove.on_prove)
    app.action(ids.ACTION_PROVE_SET)(to.prove.on_prove_set)
    app.view(ids.VIEW_PROVE)(to.prove.on_submitted)
    app.action(ids.ACTION_EXTEND)(to.request.on_extend)
    app.event(ids.EVENT_HOME)(to.home.on_opened)
    app.action(ids.ACTION_DOCTOR)(to.home.on_doctor)
