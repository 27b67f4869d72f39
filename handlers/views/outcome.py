"""The verification results of a change: in the card's thread, and by direct message to the requester."""

from datetime import datetime
from typing import Final

from slack_sdk.models.blocks import Block, ButtonElement

from bot.domain.grant import GrantStatus, can_end
from bot.domain.messages import Outcome, Story
from bot.domain.request import AccessRequest, Target
from bot.domain.verification import Level, Verification
from handlers import ids
from handlers.views.escape import mrkdwn, one_line, preformatted
from handlers.views.levels import meanings
from handlers.views.parts import (
    Message,
    bold,
    button,
    buttons,
    context,
    counted,
    header,
    message,
    person,
    section,
    when,
)
from handlers.views.verification_table import Checked, summary, table

_COMMANDS: Final = 8
_DONE: Final = "Finished before it ends? *I'm done* gives the access back; you are asked once more first."
_LATE: Final = (
    "⌛ *This comes late:* since it was checked, access has run out or is being taken away. The card shows what "
    "holds now."
)
PROVE: Final = (
    "Does it really work? *Prove it* has commands for the requester that show it, with the AWS CLI alone."
)
LAST_HOUR: Final = "When access ends, sessions that are open at that moment last at most one hour longer."


def results(story: Story, *, support: str) -> Message:
    """For the thread: read by approvers and by everybody else in the channel."""
    return _results(story, support=support, you=False)


def results_copy(story: Story, *, support: str) -> Message:
    """The same for the requester, by direct message."""
    return _results(story, support=support, you=True)


def _results(story: Story, *, support: str, you: bool) -> Message:
    request, outcome = story.request, story.outcome
    name = request.ask.permission_set
    if outcome is None:
        text = f"The results of {request.label} are not there yet: AWS is still being checked."
        return message(text, [section(text)])
    checked = checked_of(story, outcome)
    facts = request.facts
    names = dict(facts.account_names) if facts else {}
    more = "*Details* on the card, or run `/workbench-access verify`"
    blocks: list[Block] = [
        header(f"{request.label} · Verification results"),
        section(f"{bold(name)}: {summary(checked)}. {_already(outcome)}".rstrip()),
    ]
    if any(each.since for each in checked):
        blocks.append(section(_LATE))
    if checked:
        blocks += table(checked, names, support=support, you=you, more=more)
    blocks += _commands(checked, outcome)
    blocks += _meaning(checked, you=you)
    ends = you and any(can_end(grant) for grant in story.grants)
    proves = any(
        grant.status is GrantStatus.ACTIVE and (grant.ends_at is None or grant.ends_at > story.at)
        for grant in story.grants
    )
    if proves or ends:
        blocks.append(section("\n".join([*([PROVE] if proves else []), *([_DONE] if ends else [])])))
        blocks.append(
            buttons(*([prove_button(request)] if proves else []), *([done_button(request)] if ends else []))
        )
    whom = "you" if you else person(request.ask.requester)
    blocks.append(context(f"Checked {when(outcome.at)} for {whom}. {LAST_HOUR}"))
    return message(
        f"{request.label}, verification results for {mrkdwn(one_line(name, 80))}: {summary(checked)}.", blocks
    )


def prove_button(request: AccessRequest) -> ButtonElement:
    """ "Prove it": opens the form with the requester's own commands."""
    return button("Prove it", ids.ACTION_PROVE, str(request.id), names=f"Prove the access of {request.label}")


def done_button(request: AccessRequest) -> ButtonElement:
    """ "I'm done": opens the form that asks once more; nothing is given back by the click alone."""
    return button(
        "I'm done", ids.ACTION_END, str(request.id), names=f"Give back the access of {request.label}"
    )


def checked_of(story: Story, outcome: Outcome) -> list[Checked]:
    """What was verified, each with the failure of its change where there was one.

    Results may be told late, after an outage: what is over by then is not told as if it were there.
    """
    failed = {Target(account=account, role=role): failure for account, role, failure in outcome.failures}
    own = {grant.target: grant.status for grant in story.grants}
    return [
        Checked(
            permission_set=story.request.ask.permission_set,
            verification=each,
            failure=failed.get(each.target),
            since=_since(each, own.get(each.target), story.at),
        )
        for each in outcome.verifications
    ]


def _since(verification: Verification, own: GrantStatus | None, now: datetime) -> str:
    """ "ended" only where AWS has confirmed it; until then a date that has passed says no more than that."""
    if verification.level is Level.NONE:
        return ""
    if own is GrantStatus.ENDED:
        return "ended since"
    if verification.until is not None and verification.until <= now:
        return "time is up"
    return "ending" if own is GrantStatus.ENDING else ""


def _already(outcome: Outcome) -> str:
    number = len(outcome.already_allowed)
    if not number:
        return ""
    return (
        f"AWS already allowed {number} of them; nothing was written for {'it' if number == 1 else 'these'}."
    )


def _commands(checked: list[Checked], outcome: Outcome) -> list[Block]:
    """What to type, for the roles where a level is reached: a command that must fail helps nobody."""
    reached = [each.target for each in checked if each.is_reached]
    arns = [
        arn
        for arn in outcome.role_arns
        if any(arn.endswith(f":{target.account}:role/{target.role}") for target in reached)
    ]
    if not arns:
        return []
    lines = [
        f"aws sts assume-role --role-arn {arn} --role-session-name TestSession" for arn in arns[:_COMMANDS]
    ]
    blocks: list[Block] = [
        section("*Try it*, signed in with this permission set:"),
        preformatted("\n".join(lines)),
    ]
    if left := max(len(arns) - _COMMANDS, 0):
        blocks.append(section(f"… and {counted(left, 'more role')}: put their ARNs into the same command."))
    return blocks


def _meaning(checked: list[Checked], *, you: bool) -> list[Block]:
    """What the reached levels do and do not say."""
    lines = meanings(checked, you=you)
    return [section("\n".join(lines))] if lines else []
