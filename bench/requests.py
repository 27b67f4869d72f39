"""Requests as the bot leaves them once they are prepared, put into its store directly; and the clicks on them."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from secrets import token_hex
from urllib.parse import urlencode

from bench.harness import REQUESTER_EMAIL, Stage
from bench.load import CLICKED, TRIGGER
from bot.adapters.clock import SystemClock
from bot.adapters.storage.schema import migrate
from bot.adapters.storage.store import SqlStore
from bot.domain.evaluate import Answer
from bot.domain.names import AccountId, IdentityUserId, PermissionSetName, RoleName, SlackTeamId, SlackUserId
from bot.domain.precheck import Facts, Finding
from bot.domain.request import AccessRequest, Ask, RequestId, Scope, Target
from bot.ports.store import Tx
from bot.sandbox.scene import ALICE, APPROVALS, BEN
from bot.sandbox.slack import payloads
from bot.usecases.transitions import record_request
from handlers import ids

BATCH = 50
"""Requests in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a request asks for."""

    permission_set: str
    accounts: Sequence[str]
    roles: Sequence[str]
    span: timedelta | None = None
    scope: Scope = Scope.EVERYONE
    requester: str = ALICE

    def ask(self, team: str) -> Ask:
        return Ask(
            requester=SlackUserId(self.requester),
            team=SlackTeamId(team),
            permission_set=PermissionSetName(self.permission_set),
            targets=tuple(
                Target(account=AccountId(account), role=RoleName(role))
                for account in self.accounts
                for role in self.roles
            ),
            scope=self.scope,
            span=self.span,
            reason="Measure how long it takes",
            form_key=token_hex(8),
        )


@asynccontextmanager
async def store_of(on: Stage) -> AsyncIterator[SqlStore]:
    """The bot's database, beside the bot or without one."""
    migrate(on.database.url)
    store = SqlStore(on.database.url, clock=SystemClock())
    await store.open(serving=False)
    try:
        yield store
    finally:
        await store.close()


async def prepare(on: Stage, wishes: Sequence[Wish]) -> list[RequestId]:
    """Store them as pending requests whose facts are known: what they cost before the click is not measured."""
    identity = IdentityUserId(on.aws.org.directory.user(REQUESTER_EMAIL).id)
    asks = [wish.ask(on.slack.workspace.team.id) for wish in wishes]
    made: list[RequestId] = []
    async with store_of(on) as store:
        for start in range(0, len(asks), BATCH):
            made += await store.run(_preparing(asks[start : start + BATCH], identity))
    return made


def _preparing(asks: Sequence[Ask], identity: IdentityUserId) -> Callable[[Tx], list[RequestId]]:
    return lambda tx: [prepared(tx, ask, identity).id for ask in asks]


def prepared(tx: Tx, ask: Ask, identity: IdentityUserId) -> AccessRequest:
    """One pending request with its facts, in the caller's transaction."""
    request = tx.add_request(ask, decide_by=tx.now + timedelta(days=3))
    record_request(tx, request, event="request.pending", actor=ask.requester)
    findings = tuple(Finding(account=t.account, role=t.role, works=Answer.YES) for t in ask.targets)
    facts = Facts(
        checked_at=tx.now,
        findings=findings,
        account_names=(),
        holders=None,
        diff="",
        bytes_before=0,
        bytes_after=0,
        waiting_edits=(),
        benefiting_approvers=(),
        approvals_needed=1,
    )
    saved = tx.save_request(request, replace(request, identity=identity, facts=facts))
    record_request(tx, saved, event="request.prepared", actor=None)
    return saved


def approve_body(on: Stage) -> str:
    """Ben presses Approve; the number of the request and the trigger id are filled in when it is sent."""
    button = {
        "type": "button",
        "action_id": ids.ACTION_APPROVE,
        "block_id": "decide",
        "action_ts": "1.000001",
        "text": {"type": "plain_text", "text": "Approve"},
        "value": CLICKED,
    }
    ben, space = on.slack.workspace.users[BEN], on.slack.workspace
    place = {
        "container": {"type": "message", "message_ts": "1.000001", "channel_id": APPROVALS},
        "channel": {"id": APPROVALS, "name": "access-approvals"},
    }
    payload = payloads.actions_in_message(
        space, ben, place, [button], values={}, response_url=f"{on.slack.url}/response/none"
    )
    return urlencode({"payload": json.dumps(payload | {"trigger_id": TRIGGER})})


def help_body(on: Stage) -> str:
    """Alice types `/workbench-access help`."""
    space = on.slack.workspace
    fields = payloads.command(
        space,
        space.users[ALICE],
        space.channels["C0GENERAL"],
        name=ids.COMMAND,
        text="help",
        response_url=f"{on.slack.url}/response/none",
    )
    return urlencode(fields | {"trigger_id": TRIGGER})
