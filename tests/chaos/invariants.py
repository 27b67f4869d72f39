"""What must be true after any storm, looked at from outside: AWS, Slack, people's memory, the database."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.domain.grant import TRANSITIONS, EndCause, Grant, GrantStatus
from bot.domain.messages import AuditEntry, MessageKind
from bot.domain.request import AccessRequest, RequestStatus, Scope
from bot.domain.statements import ends_at_for
from bot.sandbox.slack.records import Ephemeral, Message
from tests.chaos.claims import ANY, Arrival, arrivals, claims, key_of
from tests.chaos.database import Record
from tests.chaos.people import HOLDERS, Crowd
from tests.chaos.world import APPROVERS, REQUESTERS, ROLES, SETS, World

DECIDED = {"Approve": "approved", "Deny": "denied", "Cancel request": "cancelled"}
PENDING_WORDS = ("*Waiting for approval*", "*Being checked*")


@dataclass(slots=True, kw_only=True)
class Court:
    """All invariants of one run. Each yields a sentence for everything that breaks it."""

    world: World
    crowd: Crowd
    record: Record

    def judge(self, *, all_over: bool) -> list[str]:
        """`all_over`: so much time has passed that only what is permanent may be left."""
        return [
            *self.forms(),
            *self.decisions(),
            *self.grants(all_over=all_over),
            *self.access(),
            *self.policies(),
            *self.messages(),
            *self.results(),
            *self.answers(),
            *self.audit(),
            *self.too_early(),
            *self.budgets(),
        ]

    # People's side

    def forms(self) -> Iterator[str]:
        """Each acknowledged form is exactly one request, with what it said."""
        made = Counter(request.ask.form_key for request in self.record.requests)
        by_key = {request.ask.form_key: request for request in self.record.requests}
        sent = {form.id: form for form in self.crowd.forms}
        for key in made:
            if key not in sent:
                yield f"{by_key[key].label} comes from no form that anybody sent"
        for form in self.crowd.forms:
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
        numbers = [request.id for request in self.record.requests]
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"the numbers of the requests have gaps: {numbers}"

    def decisions(self) -> Iterator[str]:
        """Nobody but the people who pressed something decided anything, and once."""
        pressed = {(each.by, each.what, each.request) for each in self.crowd.presses}
        for request in self.record.requests:
            ruling = request.ruling
            if request.status is RequestStatus.PENDING:
                if ruling is not None:
                    yield f"{request.label} is pending and has a ruling"
                continue
            if ruling is None:
                yield f"{request.label} is {request.status} and nobody decided it"
                continue
            yield from self._decision(request, ruling.by, pressed)

    def _decision(
        self, request: AccessRequest, by: str | None, pressed: set[tuple[str, str, int]]
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

    def grants(self, *, all_over: bool) -> Iterator[str]:
        """A grant for each approved account and role, none without a decision, none past its end."""
        of = defaultdict[int, list[Grant]](list)
        for grant in self.record.grants:
            of[grant.request].append(grant)
        now = self.world.clock.now()
        for request in self.record.requests:
            approved = request.status is RequestStatus.APPROVED
            expected = sorted(request.ask.targets) if approved else []
            if sorted(grant.target for grant in of[request.id]) != expected:
                yield f"{request.label} is {request.status} and has grants {of[request.id]}"
            for grant in of[request.id]:
                yield from self._grant(request, grant, now, all_over=all_over)

    def _grant(
        self, request: AccessRequest, grant: Grant, now: datetime, *, all_over: bool
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
        if grant.status is GrantStatus.ENDED and grant.end_cause is EndCause.EXPIRED:
            if due is None or due > now:
                yield f"{name} ended before its end {due}"
        if grant.status in {GrantStatus.PROVISIONING, GrantStatus.ENDING}:
            yield f"{name} is still {grant.status}"
        if grant.end_cause in {EndCause.RELEASED, EndCause.REVOKED}:
            pressed = {each.by for each in self.crowd.presses if each.what == "End" and each.request == request.id}
            mine = {request.ask.requester}
            if not pressed & (mine if grant.end_cause is EndCause.RELEASED else set(APPROVERS) - mine):
                yield f"{name} was {grant.end_cause}, and nobody had pressed anything"
        if all_over and (due is not None or grant.status is not GrantStatus.ACTIVE):
            if grant.status is not GrantStatus.ENDED:
                yield f"{name} is {grant.status} though everything should be over"

    # AWS's side

    def access(self) -> Iterator[str]:
        """Everybody can assume exactly what the decisions give them, and nothing else."""
        now = self.world.clock.now()
        requests = {request.id: request for request in self.record.requests}
        given = set[tuple[str, str, str, str]]()
        maybe = set[tuple[str, str, str, str]]()
        for grant in self.record.grants:
            request = requests[grant.request]
            if request.status is not RequestStatus.APPROVED or request.ruling is None:
                continue
            due = ends_at_for(request.ruling.at, request.ask.span)
            if due is not None and due <= now:
                continue
            name = grant.permission_set
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
                        can = self.world.org.can_assume(f"{person}@example.com", name, account, role)
                        if can.allowed and not wanted and (user, name, account, role) not in maybe:
                            yield f"{person} can assume {role} in {account} with {name}: {can.because}"
                        if wanted and not can.allowed:
                            yield f"{person} cannot assume {role} in {account} with {name}: {can.because}"

    def policies(self) -> Iterator[str]:
        """Other people's statements are all there, unchanged and in their order."""
        yield from self.world.found
        for name in SETS:
            if self.world.foreign_of(name) != self.world.foreign[name]:
                yield f"the foreign statements of {name} are not what others wrote"

    def budgets(self) -> Iterator[str]:
        peak = self.world.aws.calls.peak_per_second("sso-admin")
        if peak > 20:
            yield f"{peak} calls to sso-admin within a second"
        flights = self.world.org.provisioning.most_in_flight
        if flights > 3:
            yield f"{flights} provisionings at once"
        for problem in self.world.slack.problems:
            yield f"Slack complains: {problem}"

    # Slack's side

    def messages(self) -> Iterator[str]:
        """One card, one copy, one progress; every owed message once, and showing what is true."""
        shown = defaultdict[str, list[Message]](list)
        for message in self.world.slack.workspace.all_messages:
            key = key_of(message)
            if key is None:
                yield f"a message without a key: {message.text[:80]}"
            elif not key.startswith("click:"):  # an answer that found nobody in the channel
                shown[key].append(message)
        owed = {each.key: each for each in self.record.messages if each.kind is not MessageKind.ANSWER}
        for key, messages in shown.items():
            if len(messages) > 1:
                yield f"{key} was posted {len(messages)} times: {self._calls_about(key)}"
            if key not in owed:
                yield f"{key} was posted and is owed by nobody"
        for key, each in owed.items():
            there = shown.get(key, [])
            if not there:
                yield f"{key} was never posted"
                continue
            if each.ts not in {message.ts for message in there}:
                yield f"{key} is remembered at {each.ts}, but stands at {there[0].ts}"
            if each.thread_key is not None:
                parents = {message.ts for message in shown.get(each.thread_key, [])}
                if there[0].thread_ts not in parents:
                    yield f"{key} does not stand below its card"
        for request in self.record.requests:
            yield from self._of_request(request, set(owed))
        yield from self._in_order(shown)

    def _calls_about(self, key: str) -> str:
        """What was asked of Slack around the posts of one message: seconds, method, outcome."""
        calls = self.world.slack.calls.all
        posts = [
            call
            for call in calls
            if call.method == "chat.postMessage" and key in str(call.args.get("metadata"))
        ]
        places = {str(call.args.get("channel")).replace("U0", "D0") for call in posts}
        looks = [
            call
            for call in calls
            if call.method in {"conversations.history", "conversations.replies"}
            and call.args.get("channel") in places
            and posts[0].at - 5 <= call.at <= posts[-1].at + 5
        ]
        told = sorted([*posts, *looks], key=lambda call: call.at)
        return ", ".join(
            f"{call.at - posts[0].at:+.2f} {call.method.partition('.')[2]} {call.outcome}"
            + (f" oldest {float(call.args['oldest']) - posts[0].at:+.2f}" if "oldest" in call.args else "")
            for call in told
        )

    def _of_request(self, request: AccessRequest, owed: set[str]) -> Iterator[str]:
        wanted = {f"{request.label}:copy"}
        if request.facts is not None:
            wanted.add(f"{request.label}:card")
        if request.status is RequestStatus.APPROVED:
            wanted.add(f"{request.label}:progress")
        grants = [grant for grant in self.record.grants if grant.request == request.id]
        if grants and all(grant.status is GrantStatus.ENDED for grant in grants):
            last = f"{request.label}:ended:{len(grants)}"
            if not {last, f"{last}:copy"} <= owed:
                yield f"{request.label} has ended and nobody was told"
        there = {key for key in owed if key.startswith(f"{request.label}:") and key.count(":") == 1}
        if there != wanted:
            yield f"{request.label} ({request.status}) has the messages {sorted(there)}"

    def _in_order(self, shown: dict[str, list[Message]]) -> Iterator[str]:
        """An older state never takes the place of a newer one, and the last one is the truth."""
        for request in self.record.requests:
            for what in ("card", "copy"):
                for message in shown.get(f"{request.label}:{what}", []):
                    said = ["\n".join(_words(content.blocks)) for content in message.versions]
                    pending = [any(word in text for word in PENDING_WORDS) for text in said]
                    if pending != sorted(pending, reverse=True):
                        yield f"{request.label}:{what} went back to waiting: {pending}"
                    if pending[-1] is not (request.status is RequestStatus.PENDING):
                        yield f"{request.label}:{what} does not show that it is {request.status}"
                    yield from self._last_word(request, what, said)

    def _last_word(self, request: AccessRequest, what: str, said: list[str]) -> Iterator[str]:
        statuses = {grant.status for grant in self.record.grants if grant.request == request.id}
        for word, status in (("*Granted*", GrantStatus.ACTIVE), ("*Ended*", GrantStatus.ENDED)):
            if statuses == {status} and word not in said[-1]:
                yield f"{request.label}:{what} does not end with {word}"
            if statuses and status not in statuses and word in said[-1]:
                yield f"{request.label}:{what} ends with {word}, but its grants are {statuses}"

    def results(self) -> Iterator[str]:
        """Each outcome one results message and one DM; each settled change one outcome."""
        owed = {each.key for each in self.record.messages}
        outcomes = defaultdict[int, list[datetime]](list)
        for request, number, at in self.record.outcomes:
            outcomes[request].append(at)
            for key in (f"WA-{request}:results:{number}", f"WA-{request}:results:{number}:copy"):
                if key not in owed:
                    yield f"{key} is owed by nobody"
        expected = {f"WA-{r}:results:{n}{x}" for r, n, _ in self.record.outcomes for x in ("", ":copy")}
        for key in sorted(key for key in owed if ":results:" in key):
            if key not in expected:
                yield f"{key} tells of no outcome"
        settled = self._settled()
        for grant in self.record.grants:
            if grant.status in {GrantStatus.ACTIVE, GrantStatus.FAILED} and not outcomes[grant.request]:
                yield f"WA-{grant.request}/{grant.id} is {grant.status} and nobody read any results"
        for request, instants in outcomes.items():
            if len(instants) > settled[request]:
                yield f"WA-{request} has {len(instants)} results for {settled[request]} settled changes"

    def _settled(self) -> dict[int, int]:
        """How often the last grant of a request left `provisioning`, by the audit."""
        of = defaultdict[int, dict[int, GrantStatus]](dict)
        for grant in self.record.grants:
            of[grant.request][grant.id] = GrantStatus.PROVISIONING
        settled = defaultdict[int, int](int)
        for entry in self.record.audit:
            number = _grant_number(entry)
            if number is None:
                continue
            before = of[entry.request][number]
            of[entry.request][number] = after = GrantStatus(entry.event.removeprefix("grant."))
            # Whoever gives access back before it is there reads nothing but its end.
            left = before is GrantStatus.PROVISIONING and (
                after is not GrantStatus.ENDING or not entry.detail.startswith(("released", "revoked"))
            )
            if left and GrantStatus.PROVISIONING not in of[entry.request].values():
                settled[entry.request] += 1
        return settled

    def answers(self) -> Iterator[str]:
        """Every acknowledged press was stored, and every stored one answered at least once."""
        pressed, acknowledged = Counter[tuple[str, int]](), Counter[tuple[str, int]]()
        for each in self.crowd.presses:
            pressed[each.by, each.request] += 1
            acknowledged[each.by, each.request] += each.acknowledged
        stored = Counter((str(click.by), int(click.request)) for click in self.record.clicks)
        heard = self.heard()
        for (by, request), number in acknowledged.items():
            if stored[by, request] < number and heard[by, request] < number:
                yield f"{by} had {number} presses on WA-{request} taken, and {stored[by, request]} are stored"
        for (by, request), number in stored.items():
            if number > pressed[by, request]:
                yield f"{by} pressed {pressed[by, request]} times on WA-{request}, and {number} are stored"
            if heard[by, request] < number:
                yield f"{by} got {heard[by, request]} answers for {number} presses on WA-{request}"
        for click in self.record.clicks:
            key = f"click:{click.id}:answer"
            if [each.wanted for each in self.record.messages if each.key == key] != [1]:
                yield f"{key} is not owed exactly once"
        yes = Counter(
            each.request
            for each in self.record.messages
            if each.answer is not None and each.answer.said == "approved"
        )
        for request in self.record.requests:
            number = int(request.status is RequestStatus.APPROVED)
            if yes[request.id] != number:
                yield f"{request.label} is {request.status}; {yes[request.id]} were told that they approved"

    def heard(self) -> Counter[tuple[str, int]]:
        """(person, request) → how often that person alone was told something about it."""
        workspace = self.world.slack.workspace
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
            for label in [_label("\n".join(_words(each.blocks)) + each.text)]
            if label
        )

    def repetitions(self) -> int:
        """Answers that were given again, since nobody could know whether the first had arrived."""
        stored = Counter((str(click.by), int(click.request)) for click in self.record.clicks)
        heard = self.heard()
        return sum(max(heard[key] - number, 0) for key, number in stored.items())

    # The history

    def audit(self) -> Iterator[str]:
        """Every change of a status once, in order, none left out."""
        lines = defaultdict[str, list[AuditEntry]](list)
        for entry in self.record.audit:
            lines[entry.subject].append(entry)
        for request in self.record.requests:
            own = lines.pop(request.label, [])
            versions = [entry.version for entry in own]
            if versions != list(range(1, request.version + 1)):
                yield f"{request.label} is at version {request.version}; its history has {versions}"
            events = [entry.event for entry in own]
            final = [event for event in events[1:] if event not in {"request.prepared", "request.approval"}]
            wanted = [] if request.is_pending else [f"request.{request.status}"]
            if events[:1] != ["request.pending"] or final != wanted:
                yield f"{request.label} is {request.status}; its history says {events}"
        for grant in self.record.grants:
            yield from _story(grant, lines.pop(f"WA-{grant.request}/{grant.id}", []))
        for subject in lines:
            yield f"the history tells of {subject}, which is not there"

    # Before its time

    def too_early(self) -> Iterator[str]:
        """Nobody ever read that access is there before AWS had said SUCCEEDED for it."""
        came = defaultdict[tuple[str, str], list[Arrival]](list)
        for arrival in arrivals(self.world):
            came[arrival.permission_set, arrival.account].append(arrival)
        grants = defaultdict[int, list[Grant]](list)
        for grant in self.record.grants:
            grants[grant.request].append(grant)
        for message in self.world.slack.workspace.all_messages:
            label = _label(key_of(message) or "")
            if not label:
                continue
            own = grants[int(label.removeprefix("WA-"))]
            for content in message.versions:
                said = claims(content)
                if said:
                    yield from self._checked(key_of(message), content.shown_at, said, own, came)

    def _checked(
        self,
        key: str | None,
        shown_at: float,
        said: set[tuple[str, str]],
        grants: list[Grant],
        came: dict[tuple[str, str], list[Arrival]],
    ) -> Iterator[str]:
        if not grants:
            yield f"{key} speaks of access that nobody was given"
        there = {
            (grant.target.account, grant.target.role)
            for grant in grants
            for arrival in came[grant.permission_set, grant.target.account]
            if arrival.at <= shown_at and arrival.covers(grant.role_arn, grant.person, grant.ends_at)
        }
        for account, role in said:
            if not any(account in {ANY, where} and role in {ANY, what} for where, what in there):
                yield f"{key} said that {role} in {account} was there before AWS had said so"


def _story(grant: Grant, entries: list[AuditEntry]) -> Iterator[str]:
    name = f"WA-{grant.request}/{grant.id}"
    status, version = GrantStatus.PROVISIONING, 1
    for entry in entries:
        after = GrantStatus(entry.event.removeprefix("grant."))
        if after not in TRANSITIONS[status]:
            yield f"{name} went from {status} to {after}"
        if entry.version <= version:
            yield f"{name}: version {entry.version} after {version}"
        status, version = after, entry.version
    if status is not grant.status or version > grant.version:
        yield f"{name} is {grant.status}; its history ends with {status}"


def _grant_number(entry: AuditEntry) -> int | None:
    _, _, number = entry.subject.partition("/")
    return int(number) if number else None


def _label(text: str) -> str:
    start = text.find("WA-")
    end = start + 3
    while start >= 0 and end < len(text) and text[end].isdigit():
        end += 1
    return text[start:end] if start >= 0 and end > start + 3 else ""


def _words(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "text" and isinstance(value, str):
                yield value
            else:
                yield from _words(value)
    elif isinstance(node, list):
        for item in node:
            yield from _words(item)


def lateness(world: World, record: Record) -> list[float]:
    """Real seconds from the end of each grant that ran out to its being taken out, confirmed."""
    ended = {
        number: entry.at
        for entry in record.audit
        if (number := _grant_number(entry)) is not None and entry.event == "grant.ended"
    }
    return sorted(
        world.clock.real(ended[grant.id]) - world.clock.real(grant.ends_at)
        for grant in record.grants
        if grant.end_cause is EndCause.EXPIRED and grant.id in ended and grant.ends_at is not None
    )
