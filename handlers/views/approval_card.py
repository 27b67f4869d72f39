"""The approval card, its copy for the requester, and what both say at every state of a request."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from slack_sdk.models.blocks import Block, ButtonElement, DividerBlock

from bot.domain.grant import GrantStatus, can_end
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
from handlers.views.standing import in_words, ruling, standing
from handlers.views.status import Phase, phase_of
from handlers.views.targets import extent, failures, shorten, story_rows
from handlers.views.wording import name

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
    request = story.request
    blocks: list[Block] = [
        header(f"{request.label} · Access request"),
        section(standing(story, support=support, you=False)),
        *ruling(request, support=support, you=False),
        section("\n".join(facts_parts.summary(story, to_requester=False))),
        *failure_blocks(story, support=support),
        *_targets(story, _TARGETS, you=False),
        *facts_parts.reason(request, _REASON),
    ]
    if request.is_pending and request.facts is not None:
        blocks += facts_parts.policy_change(story, request.facts, limit=_DIFF, support=support)
        blocks += [section(warning) for warning in facts_parts.warnings(story, request.facts)]
    if request.is_pending:
        blocks += [DividerBlock(), section(_call(request, approvers))]
    blocks.append(buttons(*_card_buttons(story)))
    if request.facts is not None and request.is_pending:
        blocks.append(context(f"AWS was asked {when(request.facts.checked_at)}. {_deadline(request)}"))
    elif request.is_pending:
        blocks.append(context(_deadline(request)))
    return message(f"{request.label}: {facts_parts.in_short(story)}. {in_words(story, you=False)}", blocks)


def copy(story: Story, *, support: str) -> Message:
    """The requester's own copy by direct message: the same facts, and Cancel while nobody has decided."""
    request = story.request
    blocks: list[Block] = [
        header(f"{request.label} · Your access request"),
        section(standing(story, support=support, you=True)),
        *ruling(request, support=support, you=True),
        section("\n".join(facts_parts.summary(story, to_requester=True))),
        *failure_blocks(story, support=support),
        *_targets(story, _TARGETS, you=True),
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
    return message(f"{request.label}, {what}. {in_words(story, you=True)}", blocks)


def failure_blocks(story: Story, *, support: str) -> list[Block]:
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


def _targets(story: Story, characters: int, *, you: bool) -> Sequence[Block]:
    return sections(shorten(story_rows(story, you=you), characters=characters, more="*Details*"))


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


def _card_buttons(story: Story) -> list[ButtonElement]:
    request = story.request
    if request.is_pending:
        decide = [_approve(request)] if request.facts is not None else []
        return [*decide, _deny(request), _details(request)]
    retry = [_retry_button(request)] if _may_retry(story) else []
    undo = [_undo(request)] if any(can_end(grant) for grant in story.grants) else []
    return [*retry, *undo, _details(request)]


def _may_retry(story: Story) -> bool:
    """Something failed, and nothing moves that a second try would get in the way of."""
    if phase_of(story) not in {Phase.PARTLY_FAILED, Phase.FAILED, Phase.STOPPED}:
        return False
    return any(grant.status is GrantStatus.FAILED for grant in story.grants)


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


def _undo(request: AccessRequest) -> ButtonElement:
    """Opens the form that asks why; nothing is taken away by the click alone."""
    return button(
        "Undo", ids.ACTION_END, str(request.id), names=f"Take away the access of {request.label}",
        style="danger",
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
