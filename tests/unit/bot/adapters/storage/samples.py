"""Values for the storage tests: what a test does not care about."""

from datetime import timedelta
from uuid import uuid4

from bot.domain.grant import Grant
from bot.domain.messages import AuditEntry
from bot.domain.names import AccountId, PermissionSetName, RoleArn, RoleName, SlackTeamId, SlackUserId
from bot.domain.request import AccessRequest, Ask, RequestId, Scope, Target
from bot.ports.store import Tx
from tests.fakes.clock import NOON

ALICE = SlackUserId("U0ALICE")
BOB = SlackUserId("U0BOB")
SET = PermissionSetName("WorkbenchBuilder")
TARGET = Target(account=AccountId("111122223333"), role=RoleName("Workbench-BuilderRole"))


def an_ask(
    *, requester: SlackUserId = ALICE, form_key: str | None = None, reason: str = "Release 4.2"
) -> Ask:
    return Ask(
        requester=requester,
        team=SlackTeamId("T0HOME"),
        permission_set=SET,
        targets=(TARGET,),
        scope=Scope.ONLY_ME,
        span=timedelta(hours=8),
        reason=reason,
        form_key=form_key or uuid4().hex,
    )


def add_request(tx: Tx, ask: Ask | None = None) -> AccessRequest:
    return tx.add_request(ask or an_ask(), decide_by=NOON + timedelta(days=3))


def add_grant(tx: Tx, request: RequestId) -> Grant:
    return tx.add_grant(
        request=request,
        permission_set=SET,
        target=TARGET,
        role_arn=RoleArn("arn:aws:iam::111122223333:role/Workbench-BuilderRole"),
        person=None,
        ends_at=None,
    )


def an_entry(request: RequestId, *, version: int = 1, event: str = "request.pending") -> AuditEntry:
    return AuditEntry(request=request, subject=f"WA-{request}", version=version, at=NOON, event=event)
