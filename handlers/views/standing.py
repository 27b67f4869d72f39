"""Where one request stands, in sentences: what its card, its copy and `status` say at every state."""

from typing import Final, assert_never

from slack_sdk.models.blocks import Block

from bot.domain.grant import Grant, GrantStatus
from bot.domain.messages import Story
from bot.domain.names import SlackUserId
from bot.domain.request import AccessRequest
from handlers.views import facts_parts
from handlers.views.escape import mrkdwn, quote
from handlers.views.parts import listed, person, section, when
from handlers.views.status import Phase, end_words, ends, is_mixed, line, phase_of, tally, word
from handlers.views.wording import ABOUT_THE_REQUESTER, brief, remedy, sentence_mrkdwn

_NOTE: Final = 600
OPEN_SESSIONS: Final = "Sessions that are open at that moment last at most one hour longer."
"""AWS ends role chaining after an hour, whatever the role's own limit says (aws.md)."""
WERE_OPEN: Final = OPEN_SESSIONS.replace(" are ", " were ")


def standing(story: Story, *, support: str, you: bool) -> str:  # noqa: C901 -- one arm per phase
    """The first line of a card, as mrkdwn. `you`: the reader is the requester."""
    phase, request = phase_of(story), story.request
    ruling = request.ruling
    at = f", {when(ruling.at)}" if ruling is not None else ""
    by = f" by {_name(request, ruling.by, you=you)}" if ruling is not None and ruling.by is not None else ""
    match phase:
        case Phase.PREPARING:
            return line(phase, ": AWS is being read first; the approvers are asked after that.")
        case Phase.PENDING:
            return line(phase, f": {facts_parts.tally(request)}.{_so_far(request)}")
        case Phase.DENIED:
            return line(phase, f"{by or ' automatically'}{at}. Nothing was changed in AWS.")
        case Phase.CANCELLED:
            return line(phase, f"{by}{at}. Nothing was changed in AWS.")
        case Phase.EXPIRED:
            again = " Send a new request if you still need it." if you else ""
            return line(phase, f"{at}: nobody decided in time. Nothing was changed in AWS.{again}")
        case Phase.PROVISIONING:
            where = "this message" if you else "the thread of the card"
            return line(phase, f": {where} shows how it goes. {_so_far_in_aws(story)}")
        case Phase.STOPPED:
            return line(phase, f": {_stopped(story, support)}{_held_up(story)}")
        case Phase.ACTIVE:
            return line(phase, f" {ends(active(story))}. {_noted(story)}{_checked(story, you=you)}")
        case Phase.ALREADY_ALLOWED:
            return line(
                phase,
                ": nothing was written, because the policy of this permission set allowed it without the bot, "
                f"{at_least(active(story))}. {_noted(story)}{_checked(story, you=you)}",
            )
        case Phase.PARTLY_FAILED:
            return line(phase, f": {tally(story)}. {_retry(you=you)}")
        case Phase.FAILED:
            return line(phase, f": {_failed(story)} {_retry(you=you)}")
        case Phase.ENDING:
            return line(
                phase,
                f": {_why(story, GrantStatus.ENDING, you=you)}. It counts as ended once AWS has confirmed it.",
            )
        case Phase.ENDED:
            return line(phase, f": {_why(story, GrantStatus.ENDED, you=you)}. {WERE_OPEN}")
        case _:
            assert_never(phase)


def in_words(story: Story, *, you: bool) -> str:
    """The state as a sentence for notifications and screen readers."""
    request, phase = story.request, phase_of(story)
    match phase:
        case Phase.PENDING:
            return f"{word(phase)}: {facts_parts.tally(request)}."
        case Phase.PARTLY_FAILED:
            return f"{word(phase)}: {tally(story)}."
        case Phase.ENDING:
            return f"{word(phase)}: {_why(story, GrantStatus.ENDING, you=you)}."
        case Phase.ENDED:
            return f"{word(phase)}: {_why(story, GrantStatus.ENDED, you=you)}."
        case Phase.DENIED | Phase.CANCELLED if request.ruling is not None and request.ruling.by is not None:
            return f"{word(phase)} by {_name(request, request.ruling.by, you=you)}."
        case _:
            return f"{word(phase)}."


def ruling(request: AccessRequest, *, support: str, you: bool) -> list[Block]:
    """Who decided, and in which words."""
    ruling = request.ruling
    if ruling is None:
        return []
    blocks: list[Block] = []
    if yes := facts_parts.approvals(request):
        blocks.append(section(f"{yes}."))
    if ruling.code is not None:
        known = {"permission_set": request.ask.permission_set}
        if you:
            blocks.append(section(sentence_mrkdwn(ruling.code, known, support=support)))
        elif ruling.code in ABOUT_THE_REQUESTER:
            blocks.append(section(f"{mrkdwn(brief(ruling.code))}."))
        else:
            blocks.append(section(remedy(ruling.code, known, support=support)))
    if ruling.note.strip():
        said = "The approver's reason:" if ruling.by is not None else "Why:"
        blocks += [section(said), quote(ruling.note, _NOTE)]
    return blocks


def active(story: Story) -> list[Grant]:
    return [grant for grant in story.grants if grant.status is GrantStatus.ACTIVE]


def at_least(grants: list[Grant]) -> str:
    """As `ends`, for what AWS allowed without the bot: it was checked up to that end only."""
    words = ends(grants)
    return words if words == "with no end" else f"at least {words}"


def causes(grants: list[Grant], *, you: bool) -> str:
    """ "its time is up", or every different cause in order."""
    return listed(list(dict.fromkeys(end_words(grant.end_cause, you=you) for grant in grants)))


# Halves of sentences


def _name(request: AccessRequest, user: SlackUserId, *, you: bool) -> str:
    return "you" if you and user == request.ask.requester else person(user)


def _so_far(request: AccessRequest) -> str:
    yes = facts_parts.approvals(request)
    return f" {yes}." if yes else ""


def _so_far_in_aws(story: Story) -> str:
    """Access that is confirmed stays usable while the rest is tried once more."""
    if is_mixed(story):
        return f"So far, {tally(story)}."
    return "It can be used once AWS has confirmed it."


def _stopped(story: Story, support: str) -> str:
    if story.stopped is None:
        return "nothing more is written to this permission set."
    reason = story.stopped.reason
    known = {"permission_set": story.request.ask.permission_set, "reason": reason, "detail": reason}
    return sentence_mrkdwn(story.stopped.code, known, support=support)


def _held_up(story: Story) -> str:
    """What should have been taken away may still be there; nobody can tell, so nothing is promised."""
    waiting = [grant for grant in story.grants if grant.status is GrantStatus.ENDING]
    if not waiting:
        return ""
    dated = (
        " If the policy still holds its date unchanged, AWS itself ends it then."
        if all(grant.ends_at is not None for grant in waiting)
        else ""
    )
    return (
        f" Until then, access that is ending may still be there.{dated} Workbench Access looks again every five "
        "minutes and goes on by itself."
    )


def _noted(story: Story) -> str:
    """What the headline does not cover."""
    open_ones = active(story)
    known = sum(grant.already_allowed for grant in open_ones)
    said = ""
    if 0 < known < len(open_ones):
        said = f"For {known} of {len(open_ones)} nothing was written, because AWS allowed it already. "
    return f"{said}Now, {tally(story)}. " if is_mixed(story) else said


def _checked(story: Story, *, you: bool) -> str:
    """The results are a message of their own, which comes a little later than this one."""
    settled = max((g.settled_at for g in active(story) if g.settled_at is not None), default=None)
    if story.outcome is None or (settled is not None and story.outcome.at < settled):
        where = "here" if you else "in the thread of the card"
        return f"What AWS now holds is being checked; the results follow {where}."
    where = "stand in a message of their own" if you else "stand in the thread of the card"
    return f"What was checked and the commands to try {where}."


def _failed(story: Story) -> str:
    """ "Nothing was opened" is only certain where nothing was written."""
    said = f"{tally(story)}. " if is_mixed(story) else ""
    if any(grant.status is GrantStatus.FAILED and grant.written for grant in story.grants):
        return f"{said}AWS has not confirmed what failed, though the policy may hold it already."
    return f"{said}Nothing of what failed was written to the policy."


def _retry(*, you: bool) -> str:
    whose = "An approver" if you else "Approvers"
    return f"{whose} can press *Retry* on the card. What nobody retries within a day is withdrawn."


def _why(story: Story, status: GrantStatus, *, you: bool) -> str:
    if is_mixed(story):
        return tally(story)
    return causes([grant for grant in story.grants if grant.status is status], you=you)
