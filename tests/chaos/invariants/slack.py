"""What Slack shows: each message once, in order, and at last the truth."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime

from bot.domain.grant import GrantStatus
from bot.domain.messages import MessageKind, OwedMessage
from bot.domain.request import AccessRequest, RequestStatus
from bot.sandbox.slack.records import Message
from tests.chaos.claims import key_of
from tests.chaos.invariants.case import Case, grant_number, label_of, words

PENDING_WORDS = ("*Waiting for approval*", "*Being checked*")


def endings(case: Case) -> Iterator[str]:
    """Each ending one notice and one DM, and no more of them than changes to `ended`."""
    owed = {each.key for each in case.record.messages if ":ended:" in each.key}
    notices = {key.removesuffix(":copy") for key in owed}
    ends = Counter(
        entry.subject.partition("/")[0] for entry in case.record.audit if entry.event == "grant.ended"
    )
    told = Counter(label_of(key) for key in notices)
    for key in notices:
        if not {key, f"{key}:copy"} <= owed:
            yield f"{key} is owed to the thread or to the requester alone"
    for label, number in told.items():
        if number > ends[label]:
            yield f"{label} was told {number} times of {ends[label]} endings"


def messages(case: Case) -> Iterator[str]:
    """One card, one copy, one progress; every owed message once, and showing what is true."""
    shown = defaultdict[str, list[Message]](list)
    for message in case.world.slack.workspace.all_messages:
        key = key_of(message)
        if key is None:
            yield f"a message without a key: {message.text[:80]}"
        elif not key.startswith("click:"):  # an answer that found nobody in the channel
            shown[key].append(message)
    owed = {each.key: each for each in case.record.messages if each.kind is not MessageKind.ANSWER}
    for key, messages in shown.items():
        if len(messages) > 1:
            yield f"{key} was posted {len(messages)} times: {_calls_about(case, key)}"
        if key not in owed:
            yield f"{key} was posted and is owed by nobody"
    for each in owed.values():
        yield from _owed(each, shown)
    for request in case.record.requests:
        yield from _of_request(case, request, set(owed))
    yield from _in_order(case, shown)


def _owed(each: OwedMessage, shown: dict[str, list[Message]]) -> Iterator[str]:
    there = shown.get(each.key, [])
    if not there:
        yield f"{each.key} was never posted"
        return
    if each.ts not in {message.ts for message in there}:
        yield f"{each.key} is remembered at {each.ts}, but stands at {there[0].ts}"
    if each.thread_key is not None:
        parents = {message.ts for message in shown.get(each.thread_key, [])}
        if there[0].thread_ts not in parents:
            yield f"{each.key} does not stand below its card"


def _calls_about(case: Case, key: str) -> str:
    """What was asked of Slack around the posts of one message: seconds, method, outcome."""
    calls = case.world.slack.calls.all
    posts = [
        call for call in calls if call.method == "chat.postMessage" and key in str(call.args.get("metadata"))
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


def _of_request(case: Case, request: AccessRequest, owed: set[str]) -> Iterator[str]:
    wanted = {f"{request.label}:copy"}
    if request.facts is not None:
        wanted.add(f"{request.label}:card")
    if request.status is RequestStatus.APPROVED:
        wanted.add(f"{request.label}:progress")
    grants = [grant for grant in case.record.grants if grant.request == request.id]
    if grants and all(grant.status is GrantStatus.ENDED for grant in grants):
        last = f"{request.label}:ended:{len(grants)}"
        if not {last, f"{last}:copy"} <= owed:
            yield f"{request.label} has ended and nobody was told"
    there = {key for key in owed if key.startswith(f"{request.label}:") and key.count(":") == 1}
    if there != wanted:
        yield f"{request.label} ({request.status}) has the messages {sorted(there)}"


def _in_order(case: Case, shown: dict[str, list[Message]]) -> Iterator[str]:
    """An older state never takes the place of a newer one, and the last one is the truth."""
    for request in case.record.requests:
        for what in ("card", "copy"):
            for message in shown.get(f"{request.label}:{what}", []):
                said = ["\n".join(words(content.blocks)) for content in message.versions]
                pending = [any(word in text for word in PENDING_WORDS) for text in said]
                if pending != sorted(pending, reverse=True):
                    yield f"{request.label}:{what} went back to waiting: {pending}"
                if pending[-1] is not (request.status is RequestStatus.PENDING):
                    yield f"{request.label}:{what} does not show that it is {request.status}"
                yield from _last_word(case, request, what, said)


def _last_word(case: Case, request: AccessRequest, what: str, said: list[str]) -> Iterator[str]:
    statuses = {grant.status for grant in case.record.grants if grant.request == request.id}
    for word, status in (("*Granted*", GrantStatus.ACTIVE), ("*Ended*", GrantStatus.ENDED)):
        if statuses == {status} and word not in said[-1]:
            yield f"{request.label}:{what} does not end with {word}"
        if statuses and status not in statuses and word in said[-1]:
            yield f"{request.label}:{what} ends with {word}, but its grants are {statuses}"


def results(case: Case) -> Iterator[str]:
    """Each outcome one results message and one DM; each settled change one outcome."""
    owed = {each.key for each in case.record.messages}
    outcomes = defaultdict[int, list[datetime]](list)
    for request, number, at in case.record.outcomes:
        outcomes[request].append(at)
        for key in (f"WA-{request}:results:{number}", f"WA-{request}:results:{number}:copy"):
            if key not in owed:
                yield f"{key} is owed by nobody"
    expected = {f"WA-{r}:results:{n}{x}" for r, n, _ in case.record.outcomes for x in ("", ":copy")}
    for key in sorted(key for key in owed if ":results:" in key):
        if key not in expected:
            yield f"{key} tells of no outcome"
    settled = _settled(case)
    for grant in case.record.grants:
        if grant.status in {GrantStatus.ACTIVE, GrantStatus.FAILED} and not outcomes[grant.request]:
            yield f"WA-{grant.request}/{grant.id} is {grant.status} and nobody read any results"
    for request, instants in outcomes.items():
        if len(instants) > settled[request]:
            yield f"WA-{request} has {len(instants)} results for {settled[request]} settled changes"


def _settled(case: Case) -> dict[int, int]:
    """How often the last grant of a request left `provisioning`, by the audit."""
    of = defaultdict[int, dict[int, GrantStatus]](dict)
    for grant in case.record.grants:
        of[grant.request][grant.id] = GrantStatus.PROVISIONING
    settled = defaultdict[int, int](int)
    for entry in case.record.audit:
        number = grant_number(entry)
        if number is None or entry.request is None:
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
