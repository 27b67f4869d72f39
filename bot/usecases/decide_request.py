"""Decide what a stored click meant, from the truth in the store and in Slack at this moment.

Every click ends in exactly one answer to the person who clicked, in the same transaction as its effect.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from bot.domain.approval import Tally, may_decide, tally
from bot.domain.errors import AccessError, Code, Conflict, NotFound, Refusal, Unavailable
from bot.domain.grant import EndCause, GrantStatus, can_end
from bot.domain.messages import Answer, Click, ClickKind
from bot.domain.names import IdentityUserId, SlackUserId, role_arn
from bot.domain.request import AccessRequest, RequestId, RequestStatus, Scope, label
from bot.domain.rules import Rule, Rules
from bot.domain.statements import ends_at_for
from bot.ports.identity_center import IdentityCenter
from bot.ports.people import People
from bot.ports.store import Store, Tx
from bot.usecases.admission import Admission
from bot.usecases.precheck import read_approvers
from bot.usecases.transitions import (
    answer,
    move_grant,
    record_request,
    rule_on,
    show,
    show_progress,
    wake_set,
)

NOTICEABLY_LONG = timedelta(seconds=5)

Decision = Callable[[Tx, AccessRequest], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandleClick:
    """Approve, deny, cancel, retry: one durable click each."""

    store: Store
    rules: Rules
    admission: Admission
    people: People
    identity_center: IdentityCenter

    async def __call__(self, click_id: int) -> None:
        """Settle one click. Raises `Unavailable` when Slack or AWS could not be asked; the click stays."""
        click, request = await self.store.run(self._load(click_id))
        if click.done_at is not None:
            return
        try:
            if request is None:
                raise Refusal(Code.NOT_FOUND, id=f"WA-{click.request}")
            person = await self.admission.person(click.by, not_before=click.at)
            if click.kind is not ClickKind.CANCEL:  # taking one's own request back needs no identity
                self.admission.email(person)
            decide = await self._decision(click, request)
        except (Refusal, NotFound) as refusal:
            said = refused(refusal)
            await self._settle(click, lambda _tx, _request: said)
            return
        except Unavailable:
            await self.store.run(lambda tx: _still_working(tx, click))
            raise
        await self._settle(click, decide)

    async def preview(self, request_id: RequestId, by: SlackUserId) -> None:
        """Whether this person could decide this request now; raises `Refusal`. Asked again at the click."""
        request, now = await self.store.run(lambda tx: (tx.seen_request(request_id), tx.now))
        rule = self._rule(request)
        who = await read_approvers(self.people, rule)
        may_decide(request, by, rule=rule, approvers=who, at=now)

    @staticmethod
    def _load(click_id: int) -> Callable[[Tx], tuple[Click, AccessRequest | None]]:
        def load(tx: Tx) -> tuple[Click, AccessRequest | None]:
            click = tx.click(click_id)
            try:
                return click, tx.seen_request(click.request)
            except NotFound:
                return click, None

        return load

    async def _settle(self, click: Click, decide: Decision) -> None:
        """Apply the decision to the request as it is now; lost writes are decided again on the new truth."""

        def settle(tx: Tx) -> None:
            if tx.click(click.id).done_at is not None:
                return
            try:
                said = decide(tx, tx.request(click.request))
            except Refusal as refusal:
                said = refused(refusal)
            except NotFound as missing:
                said = refused(missing)
            answer(tx, f"click:{click.id}:answer", click.channel, click.by, said, click.request)
            tx.finish_click(click.id)

        for _ in range(20):
            try:
                return await self.store.run(settle)
            except Conflict:
                continue
        raise Conflict(Code.CONFLICT, click=click.id)

    async def _decision(self, click: Click, request: AccessRequest) -> Decision:
        """Do the reading that needs the network; what comes back only needs the transaction."""
        match click.kind:
            case ClickKind.APPROVE:
                return await self._as_approver(click, request, self._approve)
            case ClickKind.DENY:
                return await self._as_approver(click, request, self._deny)
            case ClickKind.CANCEL:
                return self._cancel(click)
            case ClickKind.RETRY:
                return await self._retry(click, request)
            case ClickKind.END:
                return await self._end(click, request)
            case other:
                assert_never(other)

    async def _as_approver(
        self,
        click: Click,
        request: AccessRequest,
        decide: Callable[[Click, AccessRequest, Rule, frozenset[SlackUserId]], Awaitable[Decision]],
    ) -> Decision:
        rule = self._rule(request)
        who = await read_approvers(self.people, rule, not_before=click.at)
        may_decide(request, click.by, rule=rule, approvers=who, at=click.at)
        return await decide(click, request, rule, who)

    async def _approve(
        self, click: Click, request: AccessRequest, rule: Rule, who: frozenset[SlackUserId]
    ) -> Decision:
        home = await self.identity_center.home()

        def approve(tx: Tx, now: AccessRequest) -> Answer:
            may_decide(now, click.by, rule=rule, approvers=who, at=click.at)
            if not tx.add_approval(now.id, click.by):
                raise Refusal(Code.ALREADY_APPROVED_BY_YOU, label=now.label)
            count = tally(now, click.by, rule=rule, approvers=who)
            if not count.is_enough:
                counted = tx.save_request(now, now)
                record_request(tx, counted, event="request.approval", actor=click.by)
                show(tx, counted, self.rules.channel)
                return _counted(now, count)
            decided = rule_on(tx, now, RequestStatus.APPROVED, by=click.by)
            self._open_grants(tx, decided, home.partition)
            show(tx, decided, self.rules.channel)
            show_progress(tx, decided.id, self.rules.channel)
            wake_set(tx, decided.ask.permission_set)
            return Answer(said="approved", facts=(("label", now.label),))

        return approve

    @staticmethod
    def _open_grants(tx: Tx, request: AccessRequest, partition: str) -> None:
        """One wanted grant per account × role; the caller wakes the reconciler, which does the rest."""
        person: IdentityUserId | None = None
        if request.ask.scope is Scope.ONLY_ME:
            assert request.identity is not None  # a request without identity never gets a card
            person = request.identity
        for target in request.ask.targets:
            tx.add_grant(
                request=request.id,
                permission_set=request.ask.permission_set,
                target=target,
                role_arn=role_arn(partition, target.account, target.role),
                person=person,
                ends_at=ends_at_for(tx.now, request.ask.span),
            )

    async def _deny(
        self, click: Click, request: AccessRequest, rule: Rule, who: frozenset[SlackUserId]
    ) -> Decision:
        def deny(tx: Tx, now: AccessRequest) -> Answer:
            may_decide(now, click.by, rule=rule, approvers=who, at=click.at)
            decided = rule_on(tx, now, RequestStatus.DENIED, by=click.by, note=click.note)
            show(tx, decided, self.rules.channel)
            return Answer(said="denied", facts=(("label", now.label),))

        return deny

    def _cancel(self, click: Click) -> Decision:
        def cancel(tx: Tx, now: AccessRequest) -> Answer:
            if click.by != now.ask.requester:
                raise Refusal(Code.NOT_YOURS, label=now.label)
            if not now.is_pending:
                assert now.ruling is not None  # whatever is not pending was ruled on
                raise Refusal(
                    Code.ALREADY_DECIDED,
                    label=now.label,
                    status=now.status.value,
                    by=now.ruling.by or "",
                    at=int(now.ruling.at.timestamp()),
                )
            decided = rule_on(tx, now, RequestStatus.CANCELLED, by=click.by)
            show(tx, decided, self.rules.channel)
            return Answer(said="cancelled", facts=(("label", now.label),))

        return cancel

    async def _retry(self, click: Click, request: AccessRequest) -> Decision:
        rule = self._rule(request)
        who = await read_approvers(self.people, rule, not_before=click.at)
        if click.by not in who:
            raise Refusal(Code.NOT_AN_APPROVER, label=request.label)

        def retry(tx: Tx, now: AccessRequest) -> Answer:
            failed = [grant for grant in tx.grants_of(now.id) if grant.status is GrantStatus.FAILED]
            if not failed:
                raise Refusal(Code.NOTHING_TO_RETRY, label=now.label)
            for grant in failed:
                move_grant(tx, grant, GrantStatus.PROVISIONING, actor=click.by)
            show(tx, now, self.rules.channel)
            show_progress(tx, now.id, self.rules.channel)
            wake_set(tx, now.ask.permission_set)
            return Answer(said="retrying", facts=(("label", now.label), ("targets", len(failed))))

        return retry

    async def _end(self, click: Click, request: AccessRequest) -> Decision:
        """The requester gives the access back, or an approver takes it away with a reason."""
        if click.by == request.ask.requester:
            cause = EndCause.RELEASED
        else:
            cause = EndCause.REVOKED
            who = await read_approvers(self.people, self._rule(request), not_before=click.at)
            if click.by not in who:
                raise Refusal(Code.NOT_AN_APPROVER, label=request.label)
            if not click.note:
                raise Refusal(Code.REASON_MISSING)

        def end(tx: Tx, now: AccessRequest) -> Answer:
            ending = [grant for grant in tx.grants_of(now.id) if can_end(grant)]
            if not ending:
                raise Refusal(Code.NOT_ACTIVE, label=now.label)
            for grant in ending:
                move_grant(tx, grant, GrantStatus.ENDING, cause=cause, actor=click.by, note=click.note)
            show(tx, now, self.rules.channel)
            show_progress(tx, now.id, self.rules.channel)
            wake_set(tx, now.ask.permission_set)
            return Answer(said="ending", facts=(("label", now.label), ("targets", len(ending))))

        return end

    def _rule(self, request: AccessRequest) -> Rule:
        """The rule as configured now; what was taken out of the configuration cannot be decided any more."""
        offered = self.rules.sets.get(request.ask.permission_set)
        if offered is None:
            raise Refusal(Code.SET_NOT_OFFERED, permission_set=request.ask.permission_set)
        return offered.combined({target.role for target in request.ask.targets})


@dataclass(frozen=True, slots=True, kw_only=True)
class TellIncident:
    """A click that ran into a bug is answered all the same, once; it stays stored and is tried again."""

    store: Store

    async def __call__(self, click_id: int, incident: str) -> None:
        """Owe the answer with the incident id."""

        def tell(tx: Tx) -> None:
            click, key = tx.click(click_id), f"click:{click_id}:incident"
            if tx.message(key) is None:
                said = refused(Refusal(Code.INCIDENT, incident=incident))
                answer(tx, key, click.channel, click.by, said, click.request)

        await self.store.run(tell)


def _still_working(tx: Tx, click: Click) -> None:
    """Whoever waits for Slack or AWS is told so, once, and not before it takes noticeably long."""
    key = f"click:{click.id}:waiting"
    if tx.now - click.at >= NOTICEABLY_LONG and tx.message(key) is None:
        said = Answer(said="still_working", facts=(("label", label(click.request)),))
        answer(tx, key, click.channel, click.by, said, click.request)


def _counted(request: AccessRequest, count: Tally) -> Answer:
    facts = (("label", request.label), ("have", count.have), ("need", count.need))
    return Answer(said="approval_counted", facts=facts)


def refused(error: AccessError) -> Answer:
    """What a refusal tells the person."""
    return Answer(code=error.code, facts=tuple(sorted(error.facts.items())))
