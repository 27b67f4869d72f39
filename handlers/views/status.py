"""Where a request stands, as an icon and a word that always come together."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, assert_never

from bot.domain.grant import EndCause, Grant, GrantStatus
from bot.domain.messages import Story
from bot.domain.request import RequestStatus
from handlers.views.escape import mrkdwn
from handlers.views.parts import counted, listed, when
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
    ALREADY_ALLOWED = "already_allowed"
    """Active as well, but AWS allowed all of it without the bot: nobody reads "granted"."""
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
    Phase.ALREADY_ALLOWED: ("✅", "Already allowed"),
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
    if GrantStatus.ACTIVE not in statuses:
        return Phase.ENDED
    opened = any(grant.status is GrantStatus.ACTIVE and not grant.already_allowed for grant in story.grants)
    return Phase.ACTIVE if opened else Phase.ALREADY_ALLOWED


def word(phase: Phase) -> str:
    """The phase without its icon, for top-level texts."""
    return _SHOWN[phase][1]


def line(phase: Phase, rest: str = "") -> str:
    """ "⛔ *Denied* by @Bob": icon and word, then mrkdwn."""
    icon, text = _SHOWN[phase]
    return f"{icon} *{text}*{rest}"


def grant_line(grant: Grant, *, you: bool = False) -> str:
    """Where one grant stands, as mrkdwn; "granted" only where AWS has confirmed it.

    `you`: the reader is the requester.
    """
    match grant.status:
        case GrantStatus.PROVISIONING:
            return "🔄 Being provisioned"
        case GrantStatus.ACTIVE:
            return f"✅ {'Already allowed' if grant.already_allowed else 'Granted'}{until(grant)}"
        case GrantStatus.ENDING:
            return f"🔄 Ending: {end_words(grant.end_cause, you=you)}"
        case GrantStatus.ENDED:
            foreign = "; another statement may still allow it" if grant.already_allowed else ""
            return f"⏹️ Ended: {end_words(grant.end_cause, you=you)}{foreign}"
        case GrantStatus.FAILED:
            return f"⛔ Failed: {mrkdwn(name(grant.failure.code)) if grant.failure else 'reason unknown'}"
        case _:
            assert_never(grant.status)


def until(grant: Grant) -> str:
    """When it ends. What AWS allowed without us was only checked up to the end that was asked for."""
    if grant.ends_at is None:
        return ", with no end"
    return f"{', at least' if grant.already_allowed else ''} until {when(grant.ends_at)}"


def end_words(cause: EndCause | None, *, you: bool = False) -> str:
    """Why access ends or has ended. Nobody is named: a grant knows the cause, not the person."""
    match cause:
        case EndCause.EXPIRED:
            return "its time is up"
        case EndCause.REVOKED:
            return "taken away by an approver"
        case EndCause.RELEASED:
            return f"given back by {'you' if you else 'the requester'}"
        case EndCause.WITHDRAWN:
            return "withdrawn after a failure that nobody retried"
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


def tally(story: Story) -> str:
    """ "of 4 roles, 2 are granted, 1 is ending and 1 failed", for stories whose grants stand differently."""
    granted = [g for g in story.grants if g.status is GrantStatus.ACTIVE]
    known = sum(grant.already_allowed for grant in granted)
    number = Counter(grant.status for grant in story.grants)
    said = [
        _so_many(len(granted) - known, "is granted", "are granted"),
        _so_many(known, "is already allowed", "are already allowed"),
        _so_many(number[GrantStatus.PROVISIONING], "is being provisioned", "are being provisioned"),
        _so_many(number[GrantStatus.ENDING], "is ending", "are ending"),
        _so_many(number[GrantStatus.ENDED], "has ended", "have ended"),
        _so_many(number[GrantStatus.FAILED], "failed", "failed"),
    ]
    return f"of {counted(len(story.grants), 'role')}, {listed([each for each in said if each])}"


def is_mixed(story: Story) -> bool:
    """Whether its grants stand differently, so that one word for all of them says too much."""
    return len({grant.status for grant in story.grants}) > 1


def _so_many(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}" if number else ""
