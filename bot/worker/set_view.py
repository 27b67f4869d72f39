"""What one pass knows of a permission set, and the one way in which it moves grants."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from bot.domain.grant import EndCause, Failure, Grant, GrantStatus, Push, SetState
from bot.domain.messages import MessageKind
from bot.domain.names import AccountId, ChannelId, PermissionSetName
from bot.domain.policy import fits
from bot.domain.request import AccessRequest, RequestId
from bot.domain.rounds import Plan, over_by, plan
from bot.domain.statements import Want
from bot.ports.store import Store, Tx, WorkKind
from bot.usecases.transitions import card_key, move_grant, show, show_progress

CHUNK = 50
"""Grants moved in one transaction: clicks and forms get their turn in between."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetView:
    """What the store says about one set at the beginning of a step."""

    state: SetState
    grants: tuple[Grant, ...]
    pushes: tuple[Push, ...]
    broken: frozenset[RequestId]
    """Requests of which a row cannot be read: nothing is done for them."""
    kept: frozenset[Want] | None
    """What the policy may hold for them, which stays there; None: it is not known, so nothing may be taken away."""
    at: datetime
    """When it was read."""

    @property
    def over(self) -> tuple[Grant, ...]:
        """What is to become an ending before anything else is done."""
        return tuple(grant for grant in self.grants if over_by(grant, self.at) is not None)

    @property
    def removable(self) -> frozenset[str]:
        """The Sids that a round may drop when no grant wants them."""
        return frozenset() if self.kept is None else self.state.sids

    def plan(self, document: str) -> Plan:
        """What the policy should hold instead of `document`."""
        return plan(document, self.grants, removable=self.removable, fits=fits, kept=self.kept or ())

    def is_exact(self, made: Plan) -> bool:
        """Whether the policy that was planned for holds what is wanted and nothing of ours beside it."""
        return made.is_noop and self.kept is not None

    @property
    def name(self) -> PermissionSetName:
        return self.state.permission_set

    @property
    def unsettled(self) -> tuple[Grant, ...]:
        return tuple(grant for grant in self.grants if not grant.is_settled)

    @property
    def is_ending(self) -> bool:
        return any(grant.status is GrantStatus.ENDING for grant in self.grants)

    def push(self, account: AccountId) -> Push | None:
        """The latest provisioning of this account."""
        return next((push for push in self.pushes if push.account == account), None)


@dataclass(slots=True, kw_only=True)
class Moves:
    """Moves grants inside one transaction; `tell` then owes their cards, threads and verifications once each."""

    tx: Tx
    channel: ChannelId
    _moved: dict[RequestId, set[GrantStatus]] = field(default_factory=dict)

    def to(
        self,
        grant: Grant,
        status: GrantStatus,
        *,
        failure: Failure | None = None,
        cause: EndCause | None = None,
        already_allowed: bool | None = None,
        written: bool | None = None,
    ) -> None:
        """Move one grant; raises `Conflict` when it stands elsewhere by now."""
        move_grant(
            self.tx,
            grant,
            status,
            failure=failure,
            cause=cause,
            already_allowed=already_allowed,
            written=written,
        )
        self._moved.setdefault(grant.request, set()).update({grant.status, status})

    def tell(self) -> bool:
        """The last grant of a change sets off the verification, the last of an ending the notice.

        Whether anything moved at all.
        """
        for number, statuses in self._moved.items():
            request = self.tx.seen_request(number)
            show(self.tx, request, self.channel)
            show_progress(self.tx, number, self.channel)
            grants = self.tx.grants_of(number)
            changing = any(grant.status is GrantStatus.PROVISIONING for grant in grants)
            if GrantStatus.PROVISIONING in statuses and not changing:
                self.tx.poke(WorkKind.VERIFY, str(number))
            if GrantStatus.ENDED in statuses:
                self._tell_end(request, grants)
        return bool(self._moved)

    def _tell_end(self, request: AccessRequest, grants: Sequence[Grant]) -> None:
        if any(not grant.is_settled for grant in grants):
            return
        ended = sum(grant.status is GrantStatus.ENDED for grant in grants)
        key = f"{request.label}:ended:{ended}"
        thread = card_key(request.id)
        self.tx.owe(key, MessageKind.ENDED, self.channel, request=request.id, thread_key=thread)
        to = request.ask.requester
        self.tx.owe(f"{key}:copy", MessageKind.ENDED_COPY, to, request=request.id)


def view_set(tx: Tx, name: PermissionSetName) -> SetView:
    """Read the set, at one instant."""
    opened = tx.open_grants(name)
    return SetView(
        state=tx.set_state(name),
        grants=opened.grants,
        pushes=tx.pushes_of(name),
        broken=opened.broken,
        kept=opened.kept,
        at=tx.now,
    )


async def begin_endings(store: Store, view: SetView, *, channel: ChannelId) -> None:
    """What has reached its end, or waited a day after a failure, becomes an ending."""
    for chunk in chunks(view.over):

        def move(tx: Tx, some: Sequence[Grant] = chunk) -> None:
            moves = Moves(tx=tx, channel=channel)
            for grant in present(tx, some):
                cause = over_by(grant, view.at)
                if cause is not None:
                    moves.to(grant, GrantStatus.ENDING, cause=cause)
            moves.tell()

        await store.run(move)


async def fail(
    store: Store,
    grants: Sequence[Grant],
    failure: Failure,
    *,
    channel: ChannelId,
    written: bool | None = None,
) -> None:
    """Those of `grants` that are still being provisioned have failed; endings are never given up."""
    for chunk in chunks(grants):

        def move(tx: Tx, some: Sequence[Grant] = chunk) -> None:
            moves = Moves(tx=tx, channel=channel)
            for grant in present(tx, some):
                if grant.status is GrantStatus.PROVISIONING:
                    moves.to(grant, GrantStatus.FAILED, failure=failure, written=written)
            moves.tell()

        await store.run(move)


def present(tx: Tx, grants: Sequence[Grant]) -> Iterator[Grant]:
    """The same grants as they are stored now."""
    for number in dict.fromkeys(grant.request for grant in grants):
        ids = {grant.id for grant in grants if grant.request == number}
        yield from (grant for grant in tx.grants_of(number) if grant.id in ids)


def unsettled(tx: Tx, grants: Sequence[Grant]) -> Iterator[Grant]:
    """Those of the same grants for which something is still under way."""
    return (grant for grant in present(tx, grants) if not grant.is_settled)


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """In the order given, `CHUNK` at a time."""
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
