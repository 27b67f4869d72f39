"""What one pass knows of a permission set, and the one way in which it moves grants."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.domain.grant import EndCause, Failure, Grant, GrantId, GrantStatus, Push, SetState
from bot.domain.messages import MessageKind
from bot.domain.names import AccountId, ChannelId, PermissionSetName
from bot.domain.request import AccessRequest
from bot.domain.rounds import WITHDRAW_AFTER
from bot.ports.store import Tx, WorkKind
from bot.usecases.transitions import card_key, move_grant, show, show_progress

OPEN = (GrantStatus.PROVISIONING, GrantStatus.ACTIVE, GrantStatus.ENDING, GrantStatus.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetView:
    """What the store says about one set at the beginning of a step."""

    state: SetState
    grants: tuple[Grant, ...]
    pushes: tuple[Push, ...]

    @property
    def name(self) -> PermissionSetName:
        return self.state.permission_set

    @property
    def unsettled(self) -> tuple[Grant, ...]:
        return tuple(grant for grant in self.grants if not grant.is_settled)

    @property
    def is_ending(self) -> bool:
        return any(grant.status is GrantStatus.ENDING for grant in self.grants)

    def push(self, account: AccountId) -> Push | None:
        """The latest provisioning of this account."""
        return next((push for push in self.pushes if push.account == account), None)


def view_set(tx: Tx, name: PermissionSetName, channel: ChannelId) -> SetView:
    """Read the set; what has reached its end, or waited a day after a failure, becomes an ending."""
    alive = (GrantStatus.PROVISIONING, GrantStatus.ACTIVE, GrantStatus.FAILED)
    for grant in tx.grants_in(name, alive):
        failed = grant.status is GrantStatus.FAILED
        if failed and grant.wanted_at + WITHDRAW_AFTER <= tx.now:
            move(tx, grant, GrantStatus.ENDING, channel=channel, cause=EndCause.WITHDRAWN)
        elif not failed and grant.ends_at is not None and grant.ends_at <= tx.now:
            move(tx, grant, GrantStatus.ENDING, channel=channel, cause=EndCause.EXPIRED)
    return SetView(state=tx.set_state(name), grants=tx.grants_in(name, OPEN), pushes=tx.pushes_of(name))


def move(
    tx: Tx,
    grant: Grant,
    status: GrantStatus,
    *,
    channel: ChannelId,
    failure: Failure | None = None,
    cause: EndCause | None = None,
    already_allowed: bool | None = None,
    written: bool | None = None,
) -> None:
    """Move a grant; its card and progress follow, and the last one of a change sets off the verification."""
    move_grant(
        tx,
        grant,
        status,
        failure=failure,
        cause=cause,
        already_allowed=already_allowed,
        written=written,
    )
    request = tx.request(grant.request)
    show(tx, request, channel)
    if status is GrantStatus.ENDED:
        _tell_end(tx, request, channel)
    if grant.status is not GrantStatus.PROVISIONING:
        return
    show_progress(tx, grant.request, channel)
    if all(other.status is not GrantStatus.PROVISIONING for other in tx.grants_of(grant.request)):
        tx.poke(WorkKind.VERIFY, str(grant.request))


def _tell_end(tx: Tx, request: AccessRequest, channel: ChannelId) -> None:
    """Once nothing of a request is left to end, its thread and its requester are told."""
    show_progress(tx, request.id, channel)
    grants = tx.grants_of(request.id)
    if any(grant.status in {GrantStatus.PROVISIONING, GrantStatus.ENDING} for grant in grants):
        return
    ended = sum(grant.status is GrantStatus.ENDED for grant in grants)
    key = f"{request.label}:ended:{ended}"
    tx.owe(key, MessageKind.ENDED, channel, request=request.id, thread_key=card_key(request.id))
    tx.owe(f"{key}:copy", MessageKind.ENDED_COPY, request.ask.requester, request=request.id)


def fail(
    tx: Tx,
    name: PermissionSetName,
    grants: Sequence[Grant],
    failure: Failure,
    *,
    channel: ChannelId,
    written: bool | None = None,
) -> None:
    """Those of `grants` that are still being provisioned have failed; endings are never given up."""
    ids: Collection[GrantId] = {grant.id for grant in grants}
    for grant in tx.grants_in(name, (GrantStatus.PROVISIONING,)):
        if grant.id in ids:
            move(tx, grant, GrantStatus.FAILED, channel=channel, failure=failure, written=written)
