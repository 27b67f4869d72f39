"""Where a request stands, as an icon and a word that always come together."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, assert_never

from bot.domain.grant import EndCause, Grant, GrantStatus
from bot.domain.messages import Story
from bot.domain.request import RequestStatus
from handlers.views.escape import mrkdwn
from handlers.views.parts import bold, when
from handlers.views.wording import name


class Phase(StrEnum):
    """What a card is about at this moment: the request's status and, once approved, its grants together."""

    PREPARING = "preparing"
    PENDING = "pending"
    DENIED = "denied"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    PROVISIONING = "provisioning"
    STOPPED = "stopped"
    ACTIVE = "active"
    PARTLY_FAILED = "partly_failed"
    FAILED = "failed"
    ENDING = "ending"
    ENDED = "ended"


_SHOWN: Final[dict[Phase, tuple[str, str]]] = {
    Phase.PREPARING: ("⏳", "Being checked"),
    Phase.PENDING: ("⏳", "Waiting for approval"),
    Phase.DENIED: ("⛔", "Denied"),
    Phase.CANCELLED: ("↩️", "Cancelled"),
    Phase.EXPIRED: ("⌛", "Expired"),
    Phase.PROVISIONING: ("🔄", "Approved, being provisioned"),
    Phase.STOPPED: ("✋", "Stopped"),
    Phase.ACTIVE: ("✅", "Granted"),
    Phase.PARTLY_FAILED: ("⚠️", "Partly failed"),
    Phase.FAILED: ("⛔", "Failed"),
    Phase.ENDING: ("🔄", "Ending"),
    Phase.ENDED: ("⏹️", "Ended"),
}


def phase_of(story: Story) -> Phase:
    """The one phase that a story is in."""
    match story.request.status:
        case RequestStatus.PENDING:
            return Phase.PENDING if story.request.facts is not None else Phase.PREPARING
        case RequestStatus.DENIED:
            return Phase.DENIED
        case RequestStatus.CANCELLED:
            return Phase.CANCELLED
        case RequestStatus.EXPIRED:
            return Phase.EXPIRED
        case RequestStatus.APPROVED:
            return _phase_of_grants(story)
        case _:
            assert_never(story.request.status)


def _phase_of_grants(story: Story) -> Phase:
    """What still moves comes first: nobody reads "failed" or "granted" while AWS is being changed."""
    statuses = {grant.status for grant in story.grants}
    if story.stopped is not None and (not statuses or statuses - {GrantStatus.ACTIVE, GrantStatus.ENDED}):
        return Phase.STOPPED
    if not statuses or GrantStatus.PROVISIONING in statuses:
        return Phase.PROVISIONING
    if GrantStatus.ENDING in statuses:
        return Phase.ENDING
    if GrantStatus.FAILED in statuses:
        return Phase.PARTLY_FAILED if GrantStatus.ACTIVE in statuses else Phase.FAILED
    return Phase.ACTIVE if GrantStatus.ACTIVE in statuses else Phase.ENDED


def word(phase: Phase) -> str:
    """The phase without its icon, for top-level texts."""
    return _SHOWN[phase][1]


def line(phase: Phase, rest: str = "") -> str:
    """ "⛔ *Denied* by @Bob": icon and word, then mrkdwn."""
    icon, text = _SHOWN[phase]
    return f"{icon} *{text}*{rest}"


def grant_line(grant: Grant) -> str:
    """Where one grant stands, as mrkdwn; "granted" only where AWS has confirmed it."""
    match grant.status:
        case GrantStatus.PROVISIONING:
            return "🔄 Being provisioned"
        case GrantStatus.ACTIVE:
            known = "Already allowed" if grant.already_allowed else "Granted"
            return f"✅ {known}{until(grant)}"
        case GrantStatus.ENDING:
            return "🔄 Ending"
        case GrantStatus.ENDED:
            return f"⏹️ Ended: {end_words(grant.end_cause)}"
        case GrantStatus.FAILED:
            return f"⛔ Failed: {mrkdwn(name(grant.failure.code)) if grant.failure else 'reason unknown'}"
        case _:
            assert_never(grant.status)


def until(grant: Grant) -> str:
    return f" until {when(grant.ends_at)}" if grant.ends_at else ", with no end"


def end_words(cause: EndCause | None) -> str:
    """Why access ended."""
    match cause:
        case EndCause.EXPIRED:
            return "its time was up"
        case EndCause.REVOKED:
            return "an approver took it back"
        case EndCause.RELEASED:
            return "given back"
        case EndCause.WITHDRAWN:
            return "taken back, since it was never completed"
        case None:
            return "no reason recorded"
        case _:
            assert_never(cause)


def ends(grants: Iterable[Grant]) -> str:
    """When the access of a request ends, as mrkdwn: "until …", "with no end", or the span of its ends."""
    instants = sorted({grant.ends_at for grant in grants if grant.ends_at is not None})
    if not instants:
        return "with no end"
    if len(instants) == 1:
        return f"until {when(instants[0])}"
    return f"the first until {when(instants[0])}, the last until {when(instants[-1])}"


def title(story: Story) -> str:
    """ "*WA-17*", for the first words of a line."""
    return bold(story.request.label)
