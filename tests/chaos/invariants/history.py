"""The audit tells the whole story, in order."""

from collections import defaultdict
from collections.abc import Iterator

from bot.domain.grant import TRANSITIONS, Grant, GrantStatus
from bot.domain.messages import AuditEntry
from tests.chaos.invariants.case import Case


def audit(case: Case) -> Iterator[str]:
    """Every change of a status once, in order, none left out."""
    lines = defaultdict[str, list[AuditEntry]](list)
    for entry in case.record.audit:
        lines[entry.subject].append(entry)
    for request in case.record.requests:
        own = lines.pop(request.label, [])
        versions = [entry.version for entry in own]
        if versions != list(range(1, request.version + 1)):
            yield f"{request.label} is at version {request.version}; its history has {versions}"
        events = [entry.event for entry in own]
        final = [event for event in events[1:] if event not in {"request.prepared", "request.approval"}]
        wanted = [] if request.is_pending else [f"request.{request.status}"]
        if events[:1] != ["request.pending"] or final != wanted:
            yield f"{request.label} is {request.status}; its history says {events}"
    for grant in case.record.grants:
        yield from _story(grant, lines.pop(f"WA-{grant.request}/{grant.id}", []))
    for subject in lines:
        yield f"the history tells of {subject}, which is not there"


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
