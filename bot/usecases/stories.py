"""What a message about a request is drawn from."""

from collections.abc import Sequence

from bot.domain.grant import Grant, GrantStatus, can_end
from bot.domain.messages import Still, Story
from bot.domain.request import AccessRequest, RequestId, RequestStatus
from bot.ports.store import Tx

OTHERS_READ = 50
"""Grants of the same roles that are looked at for what else allows it; the longest come first."""


def story_of(tx: Tx, request_id: RequestId | None, outcome: int = 0) -> Story | None:
    """The truth about one request, all of one instant; None without a request. Raises `NotFound`."""
    if request_id is None:
        return None
    request = tx.request(request_id)
    grants = tx.grants_of(request_id)
    return Story(
        request=request,
        grants=grants,
        pushes=tx.pushes_of(request.ask.permission_set),
        outcome=tx.outcome(request_id, outcome),
        at=tx.now,
        stopped=tx.set_state(request.ask.permission_set).stopped,
        still=_still(tx, request, grants),
    )


def stories_of(tx: Tx, requests: Sequence[AccessRequest]) -> tuple[Story, ...]:
    """For a list of requests as just read: what their sets share is read once, `still` is left out."""
    names = {request.ask.permission_set for request in requests}
    pushes = {name: tx.pushes_of(name) for name in names}
    stopped = {name: tx.set_state(name).stopped for name in names}
    return tuple(
        Story(
            request=request,
            # Nothing was opened for what was not approved.
            grants=tx.grants_of(request.id) if request.status is RequestStatus.APPROVED else (),
            pushes=pushes[request.ask.permission_set],
            outcome=tx.outcome(request.id, 0) if request.status is RequestStatus.APPROVED else None,
            at=tx.now,
            stopped=stopped[request.ask.permission_set],
        )
        for request in requests
    )


def _still(tx: Tx, request: AccessRequest, grants: tuple[Grant, ...]) -> tuple[Still, ...]:
    """Whoever reads "ended" should know what they keep, and through which request."""
    over = {g.role_arn for g in grants if can_end(g) or g.status in {GrantStatus.ENDING, GrantStatus.ENDED}}
    if not over:
        return ()
    return tuple(
        Still(
            request=other.request,
            account=other.target.account,
            role=other.target.role,
            ends_at=other.ends_at,
        )
        for other in tx.active_on(request.ask.permission_set, over, at_most=OTHERS_READ)
        if other.request != request.id and other.person in (None, request.identity)
    )
