"""Who may decide a request, and when enough have said yes."""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.errors import Code, Refusal
from bot.domain.names import SlackUserId
from bot.domain.request import AccessRequest
from bot.domain.rules import Rule


def may_decide(
    request: AccessRequest, by: SlackUserId, *, rule: Rule, approvers: frozenset[SlackUserId], at: datetime
) -> None:
    """Raises `Refusal` with the first reason why this person may not decide this request now.

    A request that was decided is told before a missing right: whoever is late should read who was first.
    """
    if not request.is_pending and request.ruling is not None:
        raise Refusal(
            Code.ALREADY_DECIDED,
            label=request.label,
            status=request.status.value,
            by=request.ruling.by or "",
            at=int(request.ruling.at.timestamp()),
        )
    if at >= request.decide_by:
        raise Refusal(Code.EXPIRED, label=request.label, at=int(request.decide_by.timestamp()))
    if by == request.ask.requester and not rule.self_approval:
        raise Refusal(Code.OWN_REQUEST, label=request.label)
    if by not in approvers:
        raise Refusal(Code.NOT_AN_APPROVER, label=request.label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many of the needed approvals there are; those of people who are approvers no more do not count."""

    have: int
    need: int

    @property
    def is_enough(self) -> bool:
        return self.have >= self.need


def tally(
    request: AccessRequest, also: SlackUserId | None, *, rule: Rule, approvers: frozenset[SlackUserId]
) -> Tally:
    """Count the approvals on the request and, with `also`, one more yes."""
    said_yes = {approval.by for approval in request.approvals}
    if also is not None:
        said_yes.add(also)
    if not rule.self_approval:
        said_yes.discard(request.ask.requester)
    return Tally(have=len(said_yes & approvers), need=rule.approvals)


def can_be_decided(requester: SlackUserId, *, rule: Rule, approvers: frozenset[SlackUserId]) -> bool:
    """Whether enough people could say yes: nobody is asked for what nobody could approve."""
    eligible = approvers if rule.self_approval else approvers - {requester}
    return len(eligible) >= rule.approvals
