"""What a request asks and what was found about it: the blocks that card, copy and details share."""

from collections.abc import Sequence
from typing import Final

from slack_sdk.models.blocks import Block

from bot.domain.grant import GrantStatus
from bot.domain.messages import Story
from bot.domain.names import AccountId, SlackUserId
from bot.domain.policy import LIMIT_BYTES, WARN_BYTES
from bot.domain.precheck import Facts, Holders
from bot.domain.request import AccessRequest, Scope
from handlers.views.escape import mrkdwn, one_line, preformatted, quote
from handlers.views.parts import (
    account_words,
    bold,
    counted,
    for_span,
    listed,
    people,
    person,
    section,
    span_words,
    when,
)
from handlers.views.status import ends
from handlers.views.targets import extent
from handlers.views.wording import sentence_mrkdwn

DETAILS: Final = "Details"
_OPEN: Final = frozenset({GrantStatus.PROVISIONING, GrantStatus.ACTIVE})
_CLIPPED: Final = "The frame above is shortened: see *Details* for the rest."


def summary(story: Story, *, to_requester: bool) -> list[str]:
    """Who asks for what, for whom and for how long, as lines of mrkdwn."""
    request = story.request
    ask = request.ask
    who = [] if to_requester else [f"*Requester:* {person(ask.requester)}"]
    return [
        *who,
        f"*Permission set:* {bold(ask.permission_set)}",
        f"*What:* {extent(ask.targets)}",
        f"*Who gets it:* {who_gets_it(request, to_requester=to_requester)}",
        f"*For how long:* {duration(story)}",
    ]


def who_gets_it(request: AccessRequest, *, to_requester: bool) -> str:
    """Whom an approval would benefit, as mrkdwn. The policy is shared, which newcomers do not expect."""
    if request.ask.scope is Scope.ONLY_ME:
        who = "Only you" if to_requester else f"Only {person(request.ask.requester)}"
        return f"{who}: a condition on the shared policy sees to that"
    if request.facts is None:
        return "Everyone with this permission set"
    return f"Everyone with this permission set: {holders(request.facts.holders)}"


def holders(found: Holders | None) -> str:
    """ "37 people in 2 groups hold this set in these accounts"."""
    if found is None:
        return "how many people hold it in these accounts is not known"
    number = (
        f"at least {counted(found.people, 'person', 'people')}"
        if not found.counted_all
        else counted(found.people, "person", "people")
    )
    groups = f" in {counted(found.groups, 'group')}" if found.groups else ""
    verb = "holds" if found.people == 1 else "hold"
    return f"{number}{groups} {verb} this set in these accounts"


def duration(story: Story) -> str:
    """When it ends: exact once it is decided, before that as of the moment when it was looked at."""
    request = story.request
    span, facts = request.ask.span, request.facts
    if open_ones := [grant for grant in story.grants if grant.status in _OPEN]:
        return f"{span_words(span)}, {ends(open_ones)}"
    if not request.is_pending:
        return span_words(span)
    if span is None:
        return "permanent: it has no end until somebody takes it back"
    if facts is None:
        return f"{span_words(span)} from the approval"
    soonest = when(facts.checked_at + span)
    return f"{span_words(span)} from the approval; approved right away, until about {soonest}"


def reason(request: AccessRequest, limit: int) -> list[Block]:
    """The reason as a quotation: never parsed, never outside its frame."""
    return [section("*Reason*"), quote(request.ask.reason, limit)]


def policy_change(story: Story, facts: Facts, *, limit: int, support: str) -> list[Block]:
    """The exact diff of the inline policy and what it does to the quota."""
    blocks: list[Block] = [section(f"*Change to the inline policy* · {quota(facts)}")]
    if facts.policy_code is not None:
        known = {"permission_set": story.request.ask.permission_set}
        blocks.append(section(f"⛔ *Problem:* {sentence_mrkdwn(facts.policy_code, known, support=support)}"))
    if facts.diff.strip():
        blocks.append(preformatted(facts.diff, limit))
        if len(facts.diff) > limit:
            blocks.append(section(_CLIPPED))
    elif facts.policy_code is None and facts.bytes_after == facts.bytes_before:
        blocks.append(section("Nothing has to be written: the policy stays as it is."))
    return blocks


def quota(facts: Facts) -> str:
    """ "1,234 → 1,522 of 10,240 bytes (15 %)", with a warning from 80 % on."""
    if not facts.bytes_before and not facts.bytes_after:
        return "its size is not known, since the policy could not be read"
    share = facts.bytes_after * 100 // LIMIT_BYTES
    size = f"{facts.bytes_before:,} → {facts.bytes_after:,} of {LIMIT_BYTES:,} bytes ({share} %)"
    if facts.bytes_after > LIMIT_BYTES:
        return f"⛔ *No room:* {size}"
    return f"⚠️ *Warning, nearly full:* {size}" if facts.bytes_after >= WARN_BYTES else size


def warnings(story: Story, facts: Facts) -> list[str]:
    """What an approver should weigh besides the request itself, as lines of mrkdwn."""
    lines = []
    if facts.waiting_edits:
        names = dict(facts.account_names)
        where = listed([mrkdwn(account_words(a, names.get(a, ""))) for a in facts.waiting_edits], 5)
        lines.append(
            "⚠️ *Warning:* somebody else's change to this permission set waits to be provisioned in "
            f"{where}. "
            "Provisioning this request pushes that change too."
        )
    if facts.benefiting_approvers:
        lines.append(
            f"⚠️ *Note:* {benefit(facts.benefiting_approvers)} would get this access too, as approver."
        )
    return lines


def benefit(users: Sequence[SlackUserId]) -> str:
    return people(users, 5)


def approvals(request: AccessRequest) -> str:
    """ "Approved by @Bob, today at 10:00", or "" where nobody has agreed yet."""
    yes = [f"{person(each.by)}, {when(each.at)}" for each in request.approvals]
    return f"Approved by {'; '.join(yes[:5])}" if yes else ""


def tally(request: AccessRequest) -> str:
    """ "1 of 2 approvals"."""
    need = request.facts.approvals_needed if request.facts is not None else 1
    return f"{len(request.approvals)} of {counted(need, 'approval')}"


def in_short(story: Story) -> str:
    """The request in one sentence for top-level texts; the requester is named by Slack."""
    ask = story.request.ask
    permission_set = mrkdwn(one_line(ask.permission_set, 80))
    what = f"{extent(ask.targets)}, {for_span(ask.span)}"
    return f"{person(ask.requester)} asks for {permission_set}: {what}"


def account_of(story: Story, account: AccountId) -> str:
    """ "prod · 111111111111" as this story knows it, unescaped."""
    facts = story.request.facts
    return account_words(account, facts.name_of(account) if facts else "")
