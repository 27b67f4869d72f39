"""The approval card, its copy for the requester, and what both say at every state of a request."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from slack_sdk.models.blocks import Block, ButtonElement, DividerBlock

from bot.domain.grant import Grant, GrantStatus
from bot.domain.messages import Story
from bot.domain.names import SlackUserId
from bot.domain.request import AccessRequest, Scope
from handlers import ids
from handlers.views import facts_parts
from handlers.views.escape import mrkdwn, one_line, quote
from handlers.views.facts_parts import account_of
from handlers.views.parts import (
    Message,
    button,
    buttons,
    confirmation,
    context,
    counted,
    for_span,
    group,
    header,
    listed,
    message,
    person,
    section,
    sections,
    when,
)
from handlers.views.status import Phase, ends, line, phase_of, word
from handlers.views.targets import extent, failures, shorten, story_rows
from handlers.views.wording import ABOUT_THE_REQUESTER, brief, name, remedy, sentence_mrkdwn

_REASON: Final = 1_000
_DIFF: Final = 1_500
_TARGETS: Final = 2_400
_FAILURES: Final = 3
_FAILURE: Final = 300
_MENTIONS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvers:
    """Whom a card calls; mentioned once, in its blocks."""

    users: tuple[SlackUserId, ...] = ()
    groups: tuple[str, ...] = ()


def card(story: Story, *, support: str, approvers: Approvers | None = None) -> Message:
    """The card in the approvals channel at whatever state the story is in.

    `approvers` serves while the story has no facts yet; afterwards the facts name them.
    """
    request, phase = story.request, phase_of(story)
    blocks: list[Block] = [
        header(f"{request.label} · Access request"),
        section(_status(story, phase, support=support, to_requester=False)),
        *_ruling(request, support=support, to_requester=False),
        section("\n".join(facts_parts.summary(story, to_requester=False))),
        *_failures(story, support=support),
        *_targets(story, _TARGETS),
        *facts_parts.reason(request, _REASON),
    ]
    if request.is_pending and request.facts is not None:
        blocks += facts_parts.policy_change(story, request.facts, limit=_DIFF, support=support)
        blocks += [section(warning) for warning in facts_parts.warnings(story, request.facts)]
    if request.is_pending:
        blocks += [DividerBlock(), section(_call(request, approvers))]
    blocks.append(buttons(*_card_buttons(story, phase)))
    if request.facts is not None and request.is_pending:
        blocks.append(context(f"AWS was asked {when(request.facts.checked_at)}. {_deadline(request)}"))
    elif request.is_pending:
        blocks.append(context(_deadline(request)))
    return message(f"{request.label}: {facts_parts.in_short(story)}. {_in_words(story, phase)}", blocks)


def copy(story: Story, *, support: str) -> Message:
    """The requester's own copy by direct message: the same facts, and Cancel while nobody has decided."""
    request, phase = story.request, phase_of(story)
    blocks: list[Block] = [
        header(f"{request.label} · Your access request"),
        section(_status(story, phase, support=support, to_requester=True)),
        *_ruling(request, support=support, to_requester=True),
        section("\n".join(facts_parts.summary(story, to_requester=True))),
        *_failures(story, support=support),
        *_targets(story, _TARGETS),
        *facts_parts.reason(request, _REASON),
    ]
    if request.is_pending and request.facts is not None:
        blocks += facts_parts.policy_change(story, request.facts, limit=_DIFF, support=support)
        blocks += [section(warning) for warning in facts_parts.warnings(story, request.facts)]
    elements = [_details(request)]
    if request.is_pending:
        elements.insert(0, _cancel(request))
    blocks.append(buttons(*elements))
    if request.is_pending:
        blocks.append(context(_deadline(request)))
    what = (
        f"your request for {mrkdwn(one_line(request.ask.permission_set, 80))}, {extent(request.ask.targets)}"
    )
    return message(f"{request.label}, {what}. {_in_words(story, phase)}", blocks)


# Where it stands


def _status(story: Story, phase: Phase, *, support: str, to_requester: bool) -> str:  # noqa: C901 -- one arm per phase
    """The first line of a card, as mrkdwn."""
    request = story.request
    ruling = request.ruling
    at = f", {when(ruling.at)}" if ruling is not None else ""
    by = f" by {person(ruling.by)}" if ruling is not None and ruling.by is not None else ""
    match phase:
        case Phase.PREPARING:
            return line(phase, ": AWS is being read, and its answer appears here in a moment.")
        case Phase.PENDING:
            return line(phase, f": {facts_parts.tally(request)}.{_so_far(request)}")
        case Phase.DENIED:
            return line(phase, f"{by or ' automatically'}{at}. Nothing was changed in AWS.")
        case Phase.CANCELLED:
            return line(phase, f"{by}{at}. Nothing was changed in AWS.")
        case Phase.EXPIRED:
            again = " Send a new request if you still need it." if to_requester else ""
            return line(phase, f"{at}: nobody decided in time. Nothing was changed in AWS.{again}")
        case Phase.PROVISIONING:
            where = "this message" if to_requester else "the thread"
            return line(phase, f": {where} shows how it goes. It can be used once AWS has confirmed it.")
        case Phase.STOPPED:
            return line(phase, f": {_stopped(story, support)}")
        case Phase.ACTIVE:
            return line(phase, f" {ends(_active(story))}. {_sessions(story)}")
        case Phase.PARTLY_FAILED:
            return line(phase, f": {_partly(story)} {_retry(to_requester=to_requester)}")
        case Phase.FAILED:
            return line(phase, f": nothing was opened. {_retry(to_requester=to_requester)}")
        case Phase.ENDING:
            return line(phase, ": the access is being taken out of the policy.")
        case Phase.ENDED:
            return line(
                phase, ": this access is over. Sessions that were open may last up to one hour longer."
            )
        case _:
            assert_never(phase)


def _in_words(story: Story, phase: Phase) -> str:
    """The state as a sentence for notifications and screen readers."""
    request = story.request
    match phase:
        case Phase.PENDING:
            return f"{word(phase)}: {facts_parts.tally(request)}."
        case Phase.PARTLY_FAILED:
            return f"{word(phase)}: {_partly(story)}"
        case Phase.DENIED | Phase.CANCELLED if request.ruling is not None and request.ruling.by is not None:
            return f"{word(phase)} by {person(request.ruling.by)}."
        case _:
            return f"{word(phase)}."


def _partly(story: Story) -> str:
    active, failed = len(_active(story)), len(story.grants) - len(_active(story))
    works = counted(active, "role is granted", "roles are granted")
    return f"{works}, {failed} of {len(story.grants)} could not be opened."


def _retry(*, to_requester: bool) -> str:
    if to_requester:
        return "An approver can press Retry on the card. What nobody retries within a day is taken back."
    return "Approvers can press *Retry*. What nobody retries within a day is taken back."


def _stopped(story: Story, support: str) -> str:
    if story.stopped is None:
        return "nothing more is written to this permission set."
    reason = story.stopped.reason
    known = {"permission_set": story.request.ask.permission_set, "reason": reason, "detail": reason}
    return sentence_mrkdwn(story.stopped.code, known, support=support)


def _active(story: Story) -> list[Grant]:
    return [grant for grant in story.grants if grant.status is GrantStatus.ACTIVE]


def _sessions(story: Story) -> str:
    over = [grant for grant in story.grants if grant.status is GrantStatus.ENDED]
    if over:
        return f"{counted(len(over), 'role has', 'roles have')} ended already."
    return "What was checked stands in a message of its own."


def _so_far(request: AccessRequest) -> str:
    yes = facts_parts.approvals(request)
    return f" {yes}." if yes else ""


def _ruling(request: AccessRequest, *, support: str, to_requester: bool) -> list[Block]:
    """Who decided, and in which words."""
    ruling = request.ruling
    if ruling is None:
        return []
    blocks: list[Block] = []
    if yes := facts_parts.approvals(request):
        blocks.append(section(f"{yes}."))
    if ruling.code is not None:
        known = {"permission_set": request.ask.permission_set}
        if to_requester:
            blocks.append(section(sentence_mrkdwn(ruling.code, known, support=support)))
        elif ruling.code in ABOUT_THE_REQUESTER:
            blocks.append(section(f"{mrkdwn(brief(ruling.code))}."))
        else:
            blocks.append(section(remedy(ruling.code, known, support=support)))
    if ruling.note.strip():
        said = "The approver's reason:" if ruling.by is not None else "Why:"
        blocks += [section(said), quote(ruling.note, 600)]
    return blocks


def _failures(story: Story, *, support: str) -> list[Block]:
    """What went wrong, with AWS's words as data; each different failure once."""
    found = failures(story)
    if not found:
        return []
    blocks: list[Block] = []
    for failure, targets in found[:_FAILURES]:
        accounts = list(dict.fromkeys(target.account for target in targets))
        where = listed([mrkdwn(account_of(story, account)) for account in accounts], 3)
        blocks.append(section(f"⛔ *{mrkdwn(name(failure.code))}* in {where}"))
        if failure.reason.strip():
            blocks.append(quote(failure.reason, _FAILURE))
    if len(found) > _FAILURES:
        more = counted(len(found) - _FAILURES, "more kind")
        blocks.append(section(f"… and {more} of failure, see *Details*."))
    blocks.append(section(f"If a second try does not help, ask {mrkdwn(one_line(support, 100))}."))
    return blocks


def _targets(story: Story, characters: int) -> Sequence[Block]:
    return sections(shorten(story_rows(story), characters=characters, more="*Details*"))


# Who may press what


def _call(request: AccessRequest, approvers: Approvers | None) -> str:
    """The one mention of the people who may decide."""
    facts = request.facts
    users = facts.approver_users if facts is not None else (approvers.users if approvers else ())
    groups = facts.approver_groups if facts is not None else (approvers.groups if approvers else ())
    called = [group(each) for each in groups] + [person(each) for each in users]
    then = " *Approve* appears as soon as AWS has been read." if facts is None else ""
    if not called:
        return f"An approver has to decide this.{then}"
    return f"{listed(called, _MENTIONS)}, please decide.{then}"


def _deadline(request: AccessRequest) -> str:
    return f"Undecided, it expires {when(request.decide_by)}."


def _card_buttons(story: Story, phase: Phase) -> list[ButtonElement]:
    request = story.request
    match phase:
        case Phase.PREPARING:
            return [_deny(request), _details(request)]
        case Phase.PENDING:
            return [_approve(request), _deny(request), _details(request)]
        case Phase.PARTLY_FAILED | Phase.FAILED:
            return [_retry_button(request), _details(request)]
        case Phase.STOPPED if any(grant.status is GrantStatus.FAILED for grant in story.grants):
            return [_retry_button(request), _details(request)]
        case _:
            return [_details(request)]


def _approve(request: AccessRequest) -> ButtonElement:
    ask, facts = request.ask, request.facts
    who = (
        "Only the requester gets"
        if ask.scope is Scope.ONLY_ME
        else (f"Everyone with {one_line(ask.permission_set, 40)} gets")
    )
    held = facts.holders if facts is not None and ask.scope is Scope.EVERYONE else None
    also = f" {facts_parts.holders(held).capitalize()}." if held is not None else ""
    then = (
        "The change begins at once." if _is_last(request) else "Others have to agree before anything changes."
    )
    return button(
        "Approve",
        ids.ACTION_APPROVE,
        str(request.id),
        names=f"Approve request {request.label}",
        style="primary",
        confirm=confirmation(
            title=f"Approve {request.label}?",
            text=f"{who} {extent(ask.targets)}, {for_span(ask.span)}.{also} {then}",
            yes="Approve",
            style="primary",
        ),
    )


def _is_last(request: AccessRequest) -> bool:
    need = request.facts.approvals_needed if request.facts is not None else 1
    return len(request.approvals) + 1 >= need


def _deny(request: AccessRequest) -> ButtonElement:
    return button(
        "Deny", ids.ACTION_DENY, str(request.id), names=f"Deny request {request.label}", style="danger"
    )


def _details(request: AccessRequest) -> ButtonElement:
    return button(
        facts_parts.DETAILS, ids.ACTION_DETAILS, str(request.id), names=f"Details of request {request.label}"
    )


def _retry_button(request: AccessRequest) -> ButtonElement:
    return button(
        "Retry", ids.ACTION_RETRY, str(request.id), names=f"Retry what failed of request {request.label}",
        style="primary",
    )  # fmt: skip


def _cancel(request: AccessRequest) -> ButtonElement:
    return button(
        "Cancel request",
        ids.ACTION_CANCEL,
        str(request.id),
        names=f"Cancel request {request.label}",
        style="danger",
        confirm=confirmation(
            title=f"Cancel {request.label}?",
            text="The approvers can no longer decide it. To ask again you send a new request.",
            yes="Cancel request",
            no="Keep it",
            style="danger",
        ),
    )
