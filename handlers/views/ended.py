"""What has ended and why, what AWS has confirmed, and what still allows the same: in the thread and by DM."""

from collections.abc import Sequence
from typing import Final

from slack_sdk.models.blocks import Block

from bot.domain.grant import EndCause, Grant, GrantStatus
from bot.domain.messages import Still, Story
from bot.domain.request import Scope
from handlers import ids
from handlers.views.escape import mrkdwn, one_line, quote
from handlers.views.parts import (
    Message,
    bold,
    context,
    counted,
    header,
    message,
    person,
    section,
    sections,
    when,
)
from handlers.views.standing import WERE_OPEN, causes
from handlers.views.status import is_mixed, tally
from handlers.views.still import kept, still_lines
from handlers.views.targets import extent, grant_rows, shorten

_TARGETS: Final = 3_000
_NOTES: Final = 3
_NOTE: Final = 1_000


def ended(story: Story, *, support: str) -> Message:
    """For the thread: read by approvers and by everybody else in the channel."""
    return _ended(story, support=support, you=False)


def ended_copy(story: Story, *, support: str) -> Message:
    """The same for the requester, by direct message."""
    return _ended(story, support=support, you=True)


def _ended(story: Story, *, support: str, you: bool) -> Message:
    request = story.request
    over = [grant for grant in story.grants if grant.status is GrantStatus.ENDED]
    if not over:
        text = f"Nothing of {request.label} has ended so far."
        return message(text, [section(text)])
    withdrawn = all(grant.end_cause is EndCause.WITHDRAWN for grant in over)
    why = causes(over, you=you)
    found = kept(story, over)
    more = f"`{ids.COMMAND} status {request.label}`"
    blocks: list[Block] = [
        header(f"{request.label} · {'Failed change withdrawn' if withdrawn else 'Access ended'}"),
        section(f"⏹️ *{'Withdrawn' if withdrawn else 'Ended'}*: {_what(story, over, you=you)} – {why}."),
        *sections(shorten(grant_rows(story, over, you=you), characters=_TARGETS, more=more)),
        section("\n".join(_in_aws(story, over, you=you))),
    ]
    notes = list(dict.fromkeys(grant.end_note for grant in over if grant.end_note))
    for note in notes[:_NOTES]:
        blocks += [section("*Reason*"), quote(note, _NOTE)]
    if lines := still_lines(story, found, you=you):
        blocks += sections(lines)
    if is_mixed(story):
        blocks.append(section(f"*{request.label} as a whole:* {tally(story)}."))
    blocks.append(context(_closing(over, support=support, you=you)))
    verb = "was withdrawn" if withdrawn else "has ended"
    name = mrkdwn(one_line(request.ask.permission_set, 80))
    whose = "your access" if you else "the access"
    whose = "the failed change" if withdrawn else whose
    through = _through_others(story, found, over, you=you)
    return message(
        f"{request.label}: {whose} to {extent([g.target for g in over])} with {name} {verb} – {why}.{through}",
        blocks,
    )


def _what(story: Story, over: Sequence[Grant], *, you: bool) -> str:
    """Which access, and whose: an "Everyone" grant ends for everyone."""
    ask = story.request.ask
    what = f"{extent([grant.target for grant in over])} with {bold(ask.permission_set)}"
    if ask.scope is Scope.EVERYONE:
        asked = "" if you else f", asked for by {person(ask.requester)}"
        return f"{what}{asked}, for everyone with this permission set"
    return f"{what}, for {'you' if you else person(ask.requester)} alone"


def _in_aws(story: Story, over: Sequence[Grant], *, you: bool) -> list[str]:
    """What was done in AWS: only what was written could be taken out."""
    label = story.request.label
    already = [grant for grant in over if grant.already_allowed]
    taken = [grant for grant in over if grant.written and not grant.already_allowed]
    nothing = len(over) - len(already) - len(taken)
    lines = []
    if taken:
        lines.append(
            f"{_for(taken, over)}he policy holds nothing on behalf of {label} any more, and AWS has confirmed it. "
            f"{WERE_OPEN}"
        )
    if nothing:
        lines.append(
            f"For {counted(nothing, 'role')} nothing had been written, so there was nothing to take out."
        )
    if already:
        mend = "" if you else " If it should not, an SSO admin has to change that statement."
        lines.append(
            f"⚠️ *Maybe still allowed:* for {counted(len(already), 'role')} nothing had been written, because "
            "another statement of the policy, which this bot does not touch, allowed the same. It was left as it "
            f"is and may still allow it.{mend}"
        )
    return lines


def _for(some: Sequence[Grant], over: Sequence[Grant]) -> str:
    """The beginning of a sentence that goes on with "he policy": for all, or for so many."""
    return "T" if len(some) == len(over) else f"For {counted(len(some), 'role')} t"


def _closing(over: Sequence[Grant], *, support: str, you: bool) -> str:
    at = max((grant.settled_at for grant in over if grant.settled_at is not None), default=None)
    last = f"Ended {when(at)}. " if at is not None else ""
    check = (
        f"`{ids.COMMAND} verify` shows what you have now; `{ids.COMMAND} request` asks for more. "
        if you
        else ""
    )
    return f"{last}{check}Questions? Ask {mrkdwn(one_line(support, 100))}."


def _through_others(story: Story, found: Sequence[Still], over: Sequence[Grant], *, you: bool) -> str:
    """Notifications must not read as if everything were gone."""
    who = "You" if you else person(story.request.ask.requester)
    have = "have" if you else "has"
    if found:
        return f" {who} still {have} some of it through another request."
    if any(grant.already_allowed for grant in over):
        return " Another statement of the policy may still allow some of it."
    return ""
