"""What people sent, decided and were answered: each once, and by whoever had a say."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime

from bot.domain.grant import EndCause, Grant, GrantStatus
from bot.domain.request import AccessRequest, RequestStatus, Scope
from bot.domain.statements import ends_at_for
from bot.sandbox.slack.records import Ephemeral, Message
from tests.chaos.claims import key_of
from tests.chaos.invariants.case import Case, label_of, words
from tests.chaos.world import APPROVERS

DECIDED = {"Approve": "approved", "Deny": "denied", "Cancel request": "cancelled"}


def forms(case: Case) -> Iterator[str]:
    """Each acknowledged form is exactly one request, with what it said."""
    made = Counter(request.ask.form_key for request in case.record.requests)
    by_key = {request.ask.form_key: request for request in case.record.requests}
    sent = {form.id: form for form in case.crowd.forms}
    for key in made:
        if key not in sent:
            yield f"{by_key[key].label} comes from no form that anybody sent"
    for form in case.crowd.forms:
        number = made[form.id]
        if form.acknowledged and number != 1:
            yield f"the form {form.id} of {form.by} was acknowledged and is {number} requests"
        if form.id not in by_key:
            continue
        ask = by_key[form.id].ask
        asked = {(target.account, target.role) for target in ask.targets}
        wanted = {(account, role) for account in form.accounts for role in form.roles}
        if (ask.requester, ask.permission_set, asked, ask.span, ask.scope is Scope.ONLY_ME) != (
            form.by,
            form.permission_set,
            wanted,
            form.span,
            form.only_me,
        ):
            yield f"{by_key[form.id].label} is not what the form {form.id} said"
    numbers = [request.id for request in case.record.requests]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"the numbers of the requests have gaps: {numbers}"


def decisions(case: Case) -> Iterator[str]:
    """Nobody but the people who pressed something decided anything, and once."""
    pressed = {(each.by, each.what, each.request) for each in case.crowd.presses}
    for request in case.record.requests:
        ruling = request.ruling
        if request.status is RequestStatus.PENDING:
            if ruling is not None:
                yield f"{request.label} is pending and has a ruling"
            continue
        if ruling is None:
            yield f"{request.label} is {request.status} and nobody decided it"
            continue
        yield from _decision(case, request, ruling.by, pressed)


def _decision(
    case: Case, request: AccessRequest, by: str | None, pressed: set[tuple[str, str, int]]
) -> Iterator[str]:
    match request.status:
        case RequestStatus.EXPIRED:
            if by is not None or (request.ruling and request.ruling.at < request.decide_by):
                yield f"{request.label} expired before its time"
        case RequestStatus.DENIED if by is None:
            if request.ruling is None or request.ruling.code is None:
                yield f"{request.label} was denied by nobody for no reason"
        case status:
            what = next(name for name, word in DECIDED.items() if word == status.value)
            if (by, what, request.id) not in pressed:
                yield f"{request.label} was {status} by {by}, who never pressed {what}"
            if status is RequestStatus.CANCELLED and by != request.ask.requester:
                yield f"{request.label} was cancelled by {by}"
            if status is RequestStatus.APPROVED and (
                by not in APPROVERS or by == request.ask.requester or len(request.approvals) < 1
            ):
                yield f"{request.label} was approved by {by}"


def grants(case: Case, *, all_over: bool) -> Iterator[str]:
    """A grant for each approved account and role, none without a decision, none past its end."""
    of = defaultdict[int, list[Grant]](list)
    for grant in case.record.grants:
        of[grant.request].append(grant)
    now = case.world.clock.now()
    for request in case.record.requests:
        approved = request.status is RequestStatus.APPROVED
        expected = sorted(request.ask.targets) if approved else []
        if sorted(grant.target for grant in of[request.id]) != expected:
            yield f"{request.label} is {request.status} and has grants {of[request.id]}"
        for grant in of[request.id]:
            yield from _grant(case, request, grant, now, all_over=all_over)


def _grant(
    case: Case, request: AccessRequest, grant: Grant, now: datetime, *, all_over: bool
) -> Iterator[str]:
    name = f"{request.label}/{grant.id}"
    assert request.ruling is not None
    due = ends_at_for(request.ruling.at, request.ask.span)
    if grant.ends_at != due:
        yield f"{name} ends at {grant.ends_at}, not at {due}"
    if (grant.person is not None) is not (request.ask.scope is Scope.ONLY_ME):
        yield f"{name} is for {grant.person}, but {request.ask.scope} was asked for"
    if grant.status is GrantStatus.ACTIVE and due is not None and due <= now:
        yield f"{name} is active past its end {due}"
    expired = grant.status is GrantStatus.ENDED and grant.end_cause is EndCause.EXPIRED
    if expired and (due is None or due > now):
        yield f"{name} ended before its end {due}"
    if grant.status in {GrantStatus.PROVISIONING, GrantStatus.ENDING}:
        yield f"{name} is still {grant.status}"
    if grant.end_cause in {EndCause.RELEASED, EndCause.REVOKED}:
        pressed = {
            each.by for each in case.crowd.presses if each.what == "End" and each.request == request.id
        }
        mine = {request.ask.requester}
        if not pressed & (mine if grant.end_cause is EndCause.RELEASED else set(APPROVERS) - mine):
            yield f"{name} was {grant.end_cause}, and nobody had pressed anything"
    if all_over and grant.status is not GrantStatus.ENDED:
        yield f"{name} is {grant.status} though everything should be over"


def answers(case: Case) -> Iterator[str]:
    """Every acknowledged press was stored, and every stored one answered at least once."""
    pressed = Counter((each.by, each.request) for each in case.crowd.presses)
    acknowledged = Counter((each.by, each.request) for each in case.crowd.presses if each.acknowledged)
    stored = Counter((str(click.by), int(click.request)) for click in case.record.clicks)
    told = heard(case)
    lost = Counter[str]()
    for (by, request), number in acknowledged.items():
        lost[by] += max(number - max(stored[by, request], told[by, request]), 0)
    for by, number in lost.items():
        # While the database is away people are told so, in a sentence that names no request.
        if number > apologies(case)[by]:
            yield f"{by} had {number} presses taken that are not stored, and read {apologies(case)[by]} apologies"
    for (by, request), number in stored.items():
        if number > pressed[by, request]:
            yield f"{by} pressed {pressed[by, request]} times on WA-{request}, and {number} are stored"
        if told[by, request] < number:
            yield f"{by} got {told[by, request]} answers for {number} presses on WA-{request}"
    for click in case.record.clicks:
        key = f"click:{click.id}:answer"
        if [each.wanted for each in case.record.messages if each.key == key] != [1]:
            yield f"{key} is not owed exactly once"
    yes = Counter(
        message.request
        for message in case.record.messages
        if message.answer is not None and message.answer.said == "approved"
    )
    for asked in case.record.requests:
        if yes[asked.id] != int(asked.status is RequestStatus.APPROVED):
            yield f"{asked.label} is {asked.status}; {yes[asked.id]} were told that they approved"


def heard(case: Case) -> Counter[tuple[str, int]]:
    """(person, request) → how often that person alone was told something about it."""
    workspace = case.world.slack.workspace
    alone: list[tuple[str, Message | Ephemeral]] = [(each.user, each) for each in workspace.all_ephemerals]
    # Where an ephemeral message cannot reach somebody, the answer comes by DM.
    alone += [
        (workspace.channels[each.channel].members[0], each)
        for each in workspace.all_messages
        if (key_of(each) or "").startswith("click:")
    ]
    return Counter(
        (user, int(label.removeprefix("WA-")))
        for user, each in alone
        for label in [label_of("\n".join(words(each.blocks)) + each.text)]
        if label
    )


def apologies(case: Case) -> Counter[str]:
    """Person → how often that person alone was told something that names no request."""
    shown = case.world.slack.workspace.all_ephemerals
    return Counter(each.user for each in shown if not label_of("\n".join(words(each.blocks)) + each.text))


def repetitions(case: Case) -> int:
    """Answers that were given again, since nobody could know whether the first had arrived."""
    stored = Counter((str(click.by), int(click.request)) for click in case.record.clicks)
    told = heard(case)
    return sum(max(told[key] - number, 0) for key, number in stored.items())
