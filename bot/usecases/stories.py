"""What a message about a request is drawn from."""

from collections.abc import Sequence

from bot.domain.grant import Grant, GrantStatus, Push, can_end
from bot.domain.messages import Still, Story
from bot.domain.names import PermissionSetName
from bot.domain.request import AccessRequest, RequestId, RequestStatus, Unreadable
from bot.ports.store import Tx

OTHERS_READ = 50
"""Grants of the same roles that are looked at for what else allows it; the longest come first."""


def story_of(tx: Tx, request_id: RequestId | None, outcome: int = 0) -> Story | None:
    """The truth about one request, all of one instant; None without a request. Raises `NotFound`."""
    if request_id is None:
        return None
    request = tx.seen_request(request_id)
    grants = tx.grants_of(request_id)
    return Story(
        request=request,
        grants=grants,
        pushes=tx.pushes_of(request.ask.permission_set),
        outcome=tx.outcome(request_id, outcome),
        at=tx.now,
        stopped=tx.stopped_sets({request.ask.permission_set}).get(request.ask.permission_set),
        still=_still(tx, request, grants),
    )


def stories_of(tx: Tx, requests: Sequence[AccessRequest]) -> tuple[tuple[Story, ...], Sequence[Unreadable]]:
    """For a list of requests as just read: one reading for all of them, `still` is left out.

    And those of which a grant cannot be read: they have no story.
    """
    if not requests:
        return (), ()
    names = {request.ask.permission_set for request in requests}
    pushes: dict[PermissionSetName, tuple[Push, ...]] = {}
    for push in tx.pushes_in(names):
        pushes[push.permission_set] = (*pushes.get(push.permission_set, ()), push)
    stopped = tx.stopped_sets(names)
    # Nothing was opened for what was not approved.
    approved = {request.id for request in requests if request.status is RequestStatus.APPROVED}
    (grants, unreadable), outcomes = tx.grants_for(approved), tx.outcomes_for(approved)
    lost = {each.id for each in unreadable}
    stories = tuple(
        Story(
            request=request,
            grants=grants.get(request.id, ()),
            pushes=pushes.get(request.ask.permission_set, ()),
            outcome=outcomes.get(request.id),
            at=tx.now,
            stopped=stopped.get(request.ask.permission_set),
        )
        for request in requests
        if request.id not in lost
    )
    return stories, unreadable


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
