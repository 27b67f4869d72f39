"""ProvisionPermissionSet: pushing a permission set's content into accounts, which takes its time.

Nothing runs in the background: what is due on the organisation's clock happens when somebody looks
(`settle`), so a test moves the clock and the next call finds the world as it would be then.
A request pushes the content that was current when it was accepted (`Behaviour.snapshot_at`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from bot.sandbox.aws.copies import hold_copy, materialise
from bot.sandbox.aws.errors import ServiceError, conflict
from bot.sandbox.aws.records import Snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.sandbox.aws.organisation import AwsOrganisation
    from bot.sandbox.aws.records import PermissionSet

Status = Literal["IN_PROGRESS", "SUCCEEDED", "FAILED"]


@dataclass(slots=True, kw_only=True)
class Step:
    """One account's role update."""

    account: str
    starts_at: float
    ends_at: float
    done: bool = False


@dataclass(slots=True, kw_only=True)
class Request:
    id: str
    permission_set: str
    target: str | None
    """The account of AWS_ACCOUNT; None for ALL_PROVISIONED_ACCOUNTS."""
    created_at: float
    snapshot: Snapshot
    steps: list[Step]
    status: Status = "IN_PROGRESS"
    failure: str | None = None
    doomed: str | None = None
    """Set by `fail_next`: fails in each account for this reason."""
    finished_at: float | None = None


@dataclass(slots=True)
class _Failure:
    reason: str
    times: int | None


@dataclass(slots=True)
class Provisioning:
    """All requests ever made, and how long they take. `delay` is in seconds of the clock."""

    org: AwsOrganisation
    delay: float = 0.0
    delays: dict[str, float] = field(default_factory=dict)
    """Seconds for single accounts."""
    held: bool = False
    """While true nothing completes; see `hold` and `release`."""
    requests: dict[str, Request] = field(default_factory=dict)
    most_in_flight: int = 0
    _free_at: dict[str, float] = field(default_factory=dict)
    _failing: dict[str, _Failure] = field(default_factory=dict)
    _fail_next: list[str] = field(default_factory=list)
    _pushes: list[tuple[float, str, str, Snapshot]] = field(default_factory=list)

    def hold(self) -> None:
        self.held = True

    def release(self) -> None:
        self.held = False
        self.settle()

    def fail_next(self, reason: str) -> None:
        """The next request ends FAILED with this reason; no account is changed by it."""
        self._fail_next.append(reason)

    def fail_in(self, account: str, reason: str, times: int | None = None) -> None:
        """Requests fail in this account (`times` of them, or all); other accounts get their copy."""
        self._failing[account] = _Failure(reason, times)

    def mend(self, account: str) -> None:
        """Undo `fail_in`."""
        self._failing.pop(account, None)

    def in_flight(self) -> list[Request]:
        return [request for request in self.requests.values() if request.status == "IN_PROGRESS"]

    def running(self, permission_set: str) -> bool:
        return any(request.permission_set == permission_set for request in self.in_flight())

    def begin(self, found: PermissionSet, accounts: Sequence[str], target: str | None) -> Request:
        """Accept a request, or refuse it as the service would (raises ServiceError)."""
        rules, now = self.org.behaviour, self.org.clock()
        self._refuse_conflicts(found, accounts)
        if len(self.in_flight()) >= rules.provisioning_limit:
            raise ServiceError(rules.provisioning_limit_code, "There are too many requests processing.")
        request = Request(
            id=self.org.identifiers.uuid(f"provision:{found.arn}"),
            permission_set=found.arn,
            target=target,
            created_at=now,
            snapshot=Snapshot.of(found),
            steps=[self._step(account, now) for account in accounts],
        )
        if self._fail_next:
            request.doomed = request.failure = self._fail_next.pop(0)
        self.requests[request.id] = request
        running = self.in_flight()
        self.most_in_flight = max(self.most_in_flight, len(running))
        return request

    def _refuse_conflicts(self, found: PermissionSet, accounts: Sequence[str]) -> None:
        rule = self.org.behaviour.provision_conflicts
        busy = [request for request in self.in_flight() if request.permission_set == found.arn]
        if rule == "same-set" and busy:
            raise conflict()
        taken = {step.account for request in busy for step in request.steps if not step.done}
        if rule == "same-account" and taken & set(accounts):
            raise conflict()

    def _step(self, account: str, now: float) -> Step:
        """One role update at a time per account: a second one waits for the first."""
        starts = max(now, self._free_at.get(account, now))
        ends = starts + self.delays.get(account, self.delay)
        self._free_at[account] = ends
        return Step(account=account, starts_at=starts, ends_at=ends)

    def visible(self, request_id: str) -> Request | None:
        """The request, once the status calls know it."""
        request = self.requests.get(request_id)
        if request is None or self.org.clock() < request.created_at + self.org.behaviour.status_lag:
            return None
        return request

    def next_due(self) -> float | None:
        """When `settle` will next have something to do, on the organisation's clock."""
        times = [due for due, *_ in self._pushes]
        if not self.held:
            times += [step.ends_at for request in self.in_flight() for step in request.steps if not step.done]
        return min(times, default=None)

    def settle(self) -> bool:
        """Do what is due, in order of time. Says whether anything changed."""
        now, changed = self.org.clock(), False
        if not self.held:
            due = [
                (step.ends_at, request, step)
                for request in self.in_flight()
                for step in request.steps
                if not step.done and step.ends_at <= now
            ]
            for _, request, step in sorted(due, key=lambda entry: entry[0]):
                self._finish(request, step)
                changed = True
            for request in self.in_flight():
                changed |= self._close(request)
        for push in sorted(self._pushes, key=lambda push: push[0]):
            if push[0] <= now:
                self._pushes.remove(push)
                materialise(self.org, push[1], push[2], push[3])
                changed = True
        if changed:
            self.org.changed()
        return changed

    def _finish(self, request: Request, step: Step) -> None:
        step.done = True
        reason = request.doomed or self._failure_in(step.account, request)
        if reason is not None:
            request.failure = reason
            return
        found = self.org.permission_sets.get(request.permission_set)
        if found is None:
            request.failure = "The permission set was deleted."
            return
        if self.org.behaviour.snapshot_at == "completion":
            request.snapshot = Snapshot.of(found)
        hold_copy(self.org, found, step.account, request.snapshot)
        due = step.ends_at + self.org.behaviour.iam_lag
        self._pushes.append((due, found.arn, step.account, request.snapshot))

    def _failure_in(self, account: str, request: Request) -> str | None:
        for name, path in request.snapshot.customer_managed:
            if not self.org.roles.has_policy(account, name, path):
                arn = f"arn:{self.org.partition}:iam::{account}:policy{path}{name}"
                return f"Received a 404 status error: Not supported policy {arn}."
        failing = self._failing.get(account)
        if failing is None:
            return None
        if failing.times is not None:
            failing.times -= 1
            if failing.times <= 0:
                del self._failing[account]
        return failing.reason

    def _close(self, request: Request) -> bool:
        if not all(step.done for step in request.steps):
            return False
        request.status = "SUCCEEDED" if request.failure is None else "FAILED"
        request.finished_at = max((step.ends_at for step in request.steps), default=request.created_at)
        return True
