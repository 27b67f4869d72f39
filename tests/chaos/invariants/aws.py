"""What AWS holds: exactly what the decisions say, other people's statements untouched, limits kept."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from bot.domain.grant import EndCause, Grant, GrantStatus
from bot.domain.request import RequestStatus, Scope
from bot.domain.statements import ends_at_for
from tests.chaos.claims import ANY, Arrival, arrivals, claims, key_of, managed
from tests.chaos.database import Record
from tests.chaos.invariants.case import Case, grant_number, label_of, words
from tests.chaos.people import HOLDERS
from tests.chaos.world import APPROVERS, REQUESTERS, ROLES, SETS, World


def access(case: Case) -> Iterator[str]:
    """Everybody can assume exactly what the decisions give them, and nothing else."""
    now = case.world.clock.now()
    requests = {request.id: request for request in case.record.requests}
    given = set[tuple[str, str, str, str]]()
    maybe = set[tuple[str, str, str, str]]()
    for grant in case.record.grants:
        request = requests[grant.request]
        if request.status is not RequestStatus.APPROVED or request.ruling is None:
            continue
        due = ends_at_for(request.ruling.at, request.ask.span)
        if due is not None and due <= now:
            continue
        name = str(grant.permission_set)
        who = HOLDERS[name] if request.ask.scope is Scope.EVERYONE else (request.ask.requester,)
        found = {(person, name, grant.target.account, grant.target.role) for person in who}
        if grant.status is GrantStatus.ENDED and grant.end_cause is not EndCause.EXPIRED:
            continue
        # What has failed may or may not stand in the policy until it is retried or withdrawn.
        (maybe if grant.status is GrantStatus.FAILED else given).update(found)
    everybody = {**REQUESTERS, **APPROVERS}
    for user, person in everybody.items():
        for name, accounts in SETS.items():
            for account in accounts:
                for role in ROLES:
                    wanted = (user, name, account, role) in given
                    can = case.world.org.can_assume(f"{person}@example.com", name, account, role)
                    if can.allowed and not wanted and (user, name, account, role) not in maybe:
                        yield f"{person} can assume {role} in {account} with {name}: {can.because}"
                    if wanted and not can.allowed:
                        yield f"{person} cannot assume {role} in {account} with {name}: {can.because}"


def policies(case: Case) -> Iterator[str]:
    """Other people's statements are all there, unchanged and in their order."""
    yield from case.world.found
    for name in SETS:
        if case.world.foreign_of(name) != case.world.foreign[name]:
            yield f"the foreign statements of {name} are not what others wrote"


def statements(case: Case) -> Iterator[str]:
    """No policy, and no account's role, still holds anything that no living grant wants."""
    wanted = {
        (str(grant.role_arn), grant.person, grant.ends_at)
        for grant in case.record.grants
        if grant.status in {GrantStatus.ACTIVE, GrantStatus.FAILED}
    }
    for name, accounts in SETS.items():
        held = {account: case.world.org.provisioned_policy(name, account) for account in accounts}
        for where, text in {"the policy": case.world.org.inline_policy(name), **held}.items():
            for statement in managed(text):
                for want in statement.wants:
                    # What another account's role is told does nothing here.
                    here = where == "the policy" or where in want.role_arn
                    if here and (str(want.role_arn), want.person, want.ends_at) not in wanted:
                        yield f"{where} of {name} still holds {want}"


def budgets(case: Case) -> Iterator[str]:
    """AWS's limit of what may run at once is kept, not run into; Slack has nothing to complain about."""
    flights = case.world.org.provisioning.most_in_flight
    if flights > 3:
        yield f"{flights} provisionings at once"
    for problem in case.world.slack.problems:
        yield f"Slack complains: {problem}"


def too_early(case: Case) -> Iterator[str]:
    """Nobody ever read that access is there before AWS had said SUCCEEDED for it."""
    came = defaultdict[tuple[str, str], list[Arrival]](list)
    for arrival in arrivals(case.world):
        came[arrival.permission_set, arrival.account].append(arrival)
    grants = defaultdict[int, list[Grant]](list)
    for grant in case.record.grants:
        grants[grant.request].append(grant)
    for message in case.world.slack.workspace.all_messages:
        label = label_of(key_of(message) or "")
        if not label:
            continue
        own = grants[int(label.removeprefix("WA-"))]
        for content in message.versions:
            said = claims(content)
            if said:
                yield from _checked(case, key_of(message), content.shown_at, said, own, came)
    for each in case.world.slack.workspace.all_ephemerals:
        for content in each.versions:
            label = label_of("\n".join(words(content.blocks)) + content.text)
            said = claims(content)
            if label and said:
                own = grants[int(label.removeprefix("WA-"))]
                yield from _checked(case, f"an answer about {label}", content.shown_at, said, own, came)


def _checked(
    case: Case,
    key: str | None,
    shown_at: float,
    said: set[tuple[str, str]],
    grants: list[Grant],
    came: dict[tuple[str, str], list[Arrival]],
) -> Iterator[str]:
    if not grants:
        yield f"{key} speaks of access that nobody was given"
    # The results tell what the person has, through whichever request; everything else speaks of its own.
    checks = ":results:" in (key or "")
    there = {
        (grant.target.account, grant.target.role)
        for grant in grants
        for arrival in came[grant.permission_set, grant.target.account]
        if (_is_allowed(case, arrival, grant, shown_at) if checks else _is_granted(arrival, grant, shown_at))
    }
    for account, role in said:
        if not any(account in {ANY, where} and role in {ANY, what} for where, what in there):
            why = _evidence(account, role, shown_at, grants, came)
            yield f"{key} said that {role} in {account} was there before AWS had said so ({why})"


def _evidence(
    account: str,
    role: str,
    shown_at: float,
    grants: list[Grant],
    came: dict[tuple[str, str], list[Arrival]],
) -> str:
    """What was granted there and what AWS held, nearest to that moment, all as seconds after it."""

    def after(instant: datetime | None) -> str:
        return "never" if instant is None else f"{instant.timestamp() - shown_at:+.2f}"

    own = [
        each for each in grants if account in {ANY, each.target.account} and role in {ANY, each.target.role}
    ]
    told = [
        f"{each.status}, settled {after(each.settled_at)}, until {after(each.ends_at)}"
        + ", allowed by others" * each.already_allowed
        for each in own
    ]
    for permission_set, arn in sorted({(each.permission_set, each.role_arn) for each in own}):
        there = came[permission_set, arn.split(":")[4]]
        nearest = sorted(there, key=lambda one: abs(one.at - shown_at))[:5]
        for each in sorted(nearest, key=lambda one: one.at):
            ends = [after(one.ends_at) for one in each.statements if arn in one.resources]
            told.append(
                f"{permission_set} held at {each.at - shown_at:+.2f}, said at {each.said_at - shown_at:+.2f}: {ends}"
            )
    return "; ".join(told)


def _is_granted(arrival: Arrival, grant: Grant, at: float) -> bool:
    return arrival.said_at <= at and arrival.covers(grant.role_arn, grant.person, grant.ends_at)


def _is_allowed(case: Case, arrival: Arrival, grant: Grant, at: float) -> bool:
    person = next(each.identity for each in case.record.requests if each.id == grant.request)
    return arrival.at <= at and arrival.allows(grant.role_arn, person, at)


def lateness(world: World, record: Record) -> list[float]:
    """Real seconds from the end of each grant that ran out to its being taken out, confirmed."""
    ended = {
        number: entry.at
        for entry in record.audit
        if (number := grant_number(entry)) is not None and entry.event == "grant.ended"
    }
    return sorted(
        world.clock.real(ended[grant.id]) - world.clock.real(grant.ends_at)
        for grant in record.grants
        if grant.end_cause is EndCause.EXPIRED and grant.id in ended and grant.ends_at is not None
    )
