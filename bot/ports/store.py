"""What is remembered. A transaction is a plain function of `Tx`, run off the event loop, all or nothing.

The function may be run again after a serialization failure: it must only use its `Tx`. No network inside.
Raises `Unavailable(STORE_UNAVAILABLE)` when the database does not answer.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeVar

from bot.domain.grant import Copies, Failure, Flight, Grant, GrantStatus, OpenGrants, Push, SetState
from bot.domain.messages import Answer, AuditEntry, Click, ClickKind, MessageKind, Outcome, OwedMessage
from bot.domain.names import (
    ChannelId,
    IdentityUserId,
    PermissionSetName,
    RoleArn,
    SlackTeamId,
    SlackUserId,
)
from bot.domain.pace import Pace
from bot.domain.proof import Challenge, ChallengeId, Proof
from bot.domain.request import AccessRequest, Ask, RequestId, Target, Unreadable

T = TypeVar("T")


class WorkKind(StrEnum):
    """Who looks after a piece of work; stored, never rename a value."""

    CLICK = "click"
    PREPARE = "prepare"
    DEADLINE = "deadline"
    PERMISSION_SET = "set"
    VERIFY = "verify"
    REMINDER = "reminder"
    MESSAGE = "message"
    TIDY = "tidy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """A claimed piece of work; `lease` proves the claim, `pokes` tells whether somebody asked meanwhile."""

    kind: WorkKind
    key: str
    lease: str
    pokes: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """Work that is due and that nobody is at, and how long the oldest piece of it has been due."""

    due: int
    oldest: timedelta


class Tx(Protocol):
    """One open transaction. Conditional writes raise `Conflict` and so undo the whole transaction.

    Whatever reads one request, set or message raises `CorruptRow` where a row of it cannot be read; whatever
    reads several logs that row, with its incident id, and leaves it out.
    """

    @property
    def now(self) -> datetime: ...

    # Requests
    def add_request(self, ask: Ask, *, decide_by: datetime) -> AccessRequest:
        """Store a new pending request at version 1; numbers grow by one."""
        ...

    def request(self, request: RequestId) -> AccessRequest:
        """To decide about: others who ask for it so wait. Raises `NotFound(NOT_FOUND, id=label)`."""
        ...

    def seen_request(self, request: RequestId) -> AccessRequest:
        """Only to look at: waits for nobody and keeps nobody waiting. Raises as `request`."""
        ...

    def request_by_form(self, form_key: str) -> AccessRequest | None: ...

    def requests_of(
        self, requester: SlackUserId, *, at_most: int
    ) -> tuple[Sequence[AccessRequest], Sequence[Unreadable]]:
        """Newest first, and those of which a row cannot be read."""
        ...

    def pending_requests(
        self, *, at_most: int, of: Collection[PermissionSetName] | None = None
    ) -> Sequence[AccessRequest]:
        """For these permission sets, or for all. Oldest first."""
        ...

    def save_request(self, seen: AccessRequest, changed: AccessRequest) -> AccessRequest:
        """Write everything but `approvals` if the stored version is still `seen.version`.

        Returns `changed` with version + 1; raises `Conflict(ALREADY_DECIDED)` when somebody was faster.
        """
        ...

    def add_approval(self, request: RequestId, by: SlackUserId) -> bool:
        """False when this approver's yes is stored already."""
        ...

    # Grants
    def add_grant(
        self,
        *,
        request: RequestId,
        permission_set: PermissionSetName,
        target: Target,
        role_arn: RoleArn,
        person: IdentityUserId | None,
        ends_at: datetime | None,
    ) -> Grant:
        """A new grant in `provisioning`, version 1, wanted from now."""
        ...

    def grants_of(self, request: RequestId) -> tuple[Grant, ...]:
        """By id."""
        ...

    def grants_for(
        self, requests: Collection[RequestId]
    ) -> tuple[Mapping[RequestId, tuple[Grant, ...]], Sequence[Unreadable]]:
        """Of several requests, in one reading, and those of which a grant cannot be read.

        Requests without grants are left out.
        """
        ...

    def grants_in(
        self, permission_set: PermissionSetName, statuses: Collection[GrantStatus]
    ) -> tuple[Grant, ...]:
        """Those of `open_grants` that have one of these statuses."""
        ...

    def open_grants(self, permission_set: PermissionSetName) -> OpenGrants:
        """Everything in the set that has not ended.

        Of the requests that it does not name as broken, all grants can be read, and where one of them is under
        way or has reached its end also the request and its approvals.
        """
        ...

    def active_on(
        self, permission_set: PermissionSetName, roles: Collection[RoleArn], *, at_most: int
    ) -> tuple[Grant, ...]:
        """The active grants of these roles, longest first."""
        ...

    def grants_on(
        self, permission_set: PermissionSetName, role: RoleArn, *, since: datetime
    ) -> tuple[Grant, ...]:
        """The grants of one role that had not ended at that instant, by id. Raises `CorruptRow`."""
        ...

    def save_grant(self, seen: Grant, changed: Grant) -> Grant:
        """As `save_request`."""
        ...

    # Permission sets
    def set_state(self, permission_set: PermissionSetName) -> SetState:
        """Created at version 0 if it is new."""
        ...

    def save_set_state(self, seen: SetState, changed: SetState) -> SetState: ...

    def keep_snapshot(self, permission_set: PermissionSetName, document: str, *, event: str) -> None:
        """Evidence of a policy as it was `before` or `after` a write; never written back."""
        ...

    def stopped_sets(self, names: Collection[PermissionSetName]) -> Mapping[PermissionSetName, Failure]:
        """Those of these sets on which rounds stand still, and why."""
        ...

    def pushes_of(self, permission_set: PermissionSetName) -> tuple[Push, ...]: ...

    def pushes_in(self, names: Collection[PermissionSetName]) -> tuple[Push, ...]:
        """Of several sets, in one reading."""
        ...

    def flights(self, *, within: timedelta) -> tuple[Flight, ...]:
        """Of every set, those that began within so long of now.

        Three provisionings at once, one per account, is a budget of the organisation.
        """
        ...

    def save_push(self, push: Push) -> None:
        """Insert or replace; the set's lease is what keeps writers apart."""
        ...

    def copies(self, permission_set: PermissionSetName) -> Copies:
        """Where the set was seen up to date; nowhere, if nobody has looked yet."""
        ...

    def save_copies(self, copies: Copies) -> None:
        """Insert or replace: two looks at once may lose one, and what is not known is not provisioned."""
        ...

    # Clicks
    def add_click(
        self,
        *,
        kind: ClickKind,
        request: RequestId,
        by: SlackUserId,
        team: SlackTeamId,
        channel: ChannelId | SlackUserId,
        note: str = "",
    ) -> Click:
        """Store it and poke its work."""
        ...

    def click(self, click: int) -> Click: ...

    def finish_click(self, click: int) -> None: ...

    # Messages
    def owe(
        self,
        key: str,
        kind: MessageKind,
        channel: ChannelId | SlackUserId,
        *,
        request: RequestId | None = None,
        thread_key: str | None = None,
        to: SlackUserId | None = None,
        answer: Answer | None = None,
        outcome: int = 0,
    ) -> None:
        """Make sure that Slack will show the message as it is now: insert, or `wanted + 1`; pokes its work."""
        ...

    def message(self, key: str) -> OwedMessage | None: ...

    def save_message(self, message: OwedMessage) -> None:
        """Write what sending changes: place, tries, mark, turn, and `shown` unless a greater one is stored."""
        ...

    def add_outcome(self, outcome: Outcome) -> None: ...

    def outcome(self, request: RequestId, number: int) -> Outcome | None:
        """`number` 0: the newest."""
        ...

    def outcomes_for(self, requests: Collection[RequestId]) -> Mapping[RequestId, Outcome]:
        """The newest of each, in one reading; requests without one are left out."""
        ...

    def serialise(self, name: str) -> None:
        """Until this transaction ends, every other one that names the same waits here."""
        ...

    def take_turn(self, queue: str, pace: Pace) -> datetime:
        """The instant of the caller's turn in a queue that all replicas share; it is taken by this call.

        Whoever has to wait for it writes it into the message: no other place knows of it.
        """
        ...

    def hold_turns(self, queue: str, pace: Pace, *, until: datetime) -> datetime:
        """Slack wants no call of this queue before `until`: all turns in it, taken or not, move behind that.

        Returns the caller's own turn, the first of them.
        """
        ...

    # Proofs
    def add_challenge(self, challenge: Challenge) -> None:
        """Also forgets the challenges that ended long ago."""
        ...

    def challenge(self, challenge: ChallengeId) -> Challenge | None: ...

    def count_attempt(self, challenge: ChallengeId) -> Challenge | None:
        """The challenge with one attempt more; None when it takes none any more, or is not known."""
        ...

    def close_challenge(self, challenge: ChallengeId) -> None:
        """Every role is proved: what comes now is not looked at any more."""
        ...

    def add_proof(self, challenge: ChallengeId, proof: Proof) -> bool:
        """False when this challenge has proved this role already."""
        ...

    def proved_with(self, challenge: ChallengeId) -> frozenset[Target]:
        """The roles that this challenge has proved."""
        ...

    def proofs_of(self, user: SlackUserId) -> Sequence[Proof]:
        """The newest proof of each permission set, account and role, newest first."""
        ...

    def only_me_was_proven(self) -> bool:
        """Whether anybody has ever proved access that only an "Only me" statement gave."""
        ...

    # Work
    def poke(self, kind: WorkKind, key: str, *, due_at: datetime | None = None) -> None:
        """Ask for attention, now or at an instant; an earlier one stands."""
        ...

    def forget(
        self, *, clicks_before: datetime, snapshots_before: datetime, snapshots_kept: int, at_most: int
    ) -> int:
        """Delete clicks handled before an instant, and older snapshots than another, but the newest of each set.

        At most so many rows of each; returns how many rows went.
        """
        ...

    # History
    def audit(self, entry: AuditEntry) -> None: ...

    def history(self, request: RequestId) -> tuple[AuditEntry, ...]: ...


class Store(Protocol):
    async def run(self, transaction: Callable[[Tx], T], *, within: timedelta | None = None) -> T:
        """Run one transaction and return what it returned; wakes the worker when it poked something.

        With `within`, one that could not begin in time raises `Unavailable` and never happens: for whoever
        has to answer a person in Slack's three seconds.
        """
        ...

    def holding(self, work: Work) -> AbstractContextManager[None]:
        """Inside, a transaction is undone with `Conflict(CONFLICT)` once the work's lease is lost."""
        ...

    async def claim(
        self, *, at_most: int, lease_for: timedelta, kinds: Collection[WorkKind] = tuple(WorkKind)
    ) -> Sequence[Work]:
        """Take due work of these kinds that nobody holds, longest due first."""
        ...

    async def renew(self, work: Work, *, lease_for: timedelta) -> bool:
        """False: the lease is lost, stop at once."""
        ...

    async def finish(self, work: Work, *, again_at: datetime | None = None) -> None:
        """Done: due at once if it was poked meanwhile, else at `again_at`, else gone. A lost lease is ignored."""
        ...

    async def fail(self, work: Work, *, again_at: datetime, error: str) -> None:
        """Give the lease back and say when to try again; earlier pokes do not shorten the back-off."""
        ...

    async def due(self) -> Mapping[WorkKind, datetime]:
        """When the next work of each kind can be claimed; kinds of which there is none are left out."""
        ...

    async def check_in(self, replica: str, *, alive_for: timedelta) -> int:
        """Say that this replica serves; returns how many were seen within `alive_for`, this one included."""
        ...

    async def check_out(self, replica: str) -> None:
        """Say that this replica serves no more."""
        ...

    async def ping(self) -> None:
        """Raises `Unavailable` when the database cannot be written."""
        ...


class OpenableStore(Protocol):
    """What the composition root does with a store before anybody else may use it."""

    async def open(self, *, serving: bool = True) -> None:
        """Raises `Misconfigured`, or `Unavailable` when the database does not answer."""
        ...
