"""Store a request, then find out what there is to know, then ask the approvers."""

from dataclasses import dataclass, replace
from datetime import timedelta

from bot.domain.errors import Conflict, NotFound, Refusal
from bot.domain.offer import check_ask
from bot.domain.request import AccessRequest, Ask, RequestId, RequestStatus
from bot.domain.rules import Rules
from bot.ports.identity_center import IdentityCenter
from bot.ports.store import Store, Tx, WorkKind
from bot.usecases.admission import Admission
from bot.usecases.precheck import Precheck, impossible
from bot.usecases.transitions import record_request, rule_on, show

BEFORE_ACK = timedelta(seconds=1)
"""Slack waits three seconds for the ack, and a submission's checks have had half of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestAccess:
    """What a submitted form sets off."""

    store: Store
    rules: Rules

    async def __call__(self, ask: Ask) -> AccessRequest:
        """Store the request; once this returns, a kill loses nothing.

        The same form sent twice gives the same request. Raises `Refusal` for what is not on offer.
        """
        check_ask(ask, self.rules)
        rule = self.rules.sets[ask.permission_set].combined({target.role for target in ask.targets})

        def store(tx: Tx) -> AccessRequest:
            known = tx.request_by_form(ask.form_key)
            if known is not None:
                return known
            request = tx.add_request(ask, decide_by=tx.now + rule.request_ttl)
            record_request(tx, request, event="request.pending", actor=ask.requester)
            show(tx, request, self.rules.channel)
            tx.poke(WorkKind.PREPARE, str(request.id))
            tx.poke(WorkKind.DEADLINE, str(request.id), due_at=request.decide_by)
            return request

        try:
            return await self.store.run(store, within=BEFORE_ACK)
        except Conflict:
            # The same form, sent twice at once to two replicas: the other one has stored it meanwhile.
            return await self.store.run(store, within=BEFORE_ACK)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareRequest:
    """Look the person and the access up, then owe Slack the card; runs again after any interruption."""

    store: Store
    rules: Rules
    admission: Admission
    identity_center: IdentityCenter
    precheck: Precheck

    async def __call__(self, request_id: RequestId) -> None:
        """Prepare one stored request. Raises `Unavailable` when AWS or Slack could not be asked.

        What turns out impossible is told to the requester alone; approvers never see it.
        """
        request = await self.store.run(lambda tx: tx.seen_request(request_id))
        if not request.is_pending or request.facts is not None:
            return
        try:
            prepared = await self._look(request)
        except (Refusal, NotFound) as refusal:
            await self._turn_down(request, refusal)
            return

        def store(tx: Tx) -> None:
            now = tx.request(request_id)
            if not now.is_pending or now.facts is not None:
                return
            saved = tx.save_request(now, replace(now, identity=prepared.identity, facts=prepared.facts))
            record_request(tx, saved, event="request.prepared", actor=None)
            show(tx, saved, self.rules.channel)

        await self.store.run(store)

    async def _look(self, request: AccessRequest) -> AccessRequest:
        ask = request.ask
        check_ask(ask, self.rules)
        person = await self.admission.person(ask.requester, not_before=request.created_at)
        identity = await self.identity_center.find_user(self.admission.email(person))
        facts = await self.precheck.facts(ask, identity)
        hopeless = impossible(facts.findings)
        if hopeless:
            first = hopeless[0]
            assert first.code is not None  # a NO always names its link
            raise Refusal(
                first.code,
                account=first.account,
                role=first.role,
                permission_set=ask.permission_set,
                detail=first.detail,
                **({"names": ", ".join(first.names[:5])} if first.names else {}),
            )
        return replace(request, identity=identity.user_id, facts=facts)

    async def _turn_down(self, request: AccessRequest, refusal: Refusal | NotFound) -> None:
        note = ", ".join(f"{key}={value}" for key, value in sorted(refusal.facts.items()))

        def store(tx: Tx) -> None:
            now = tx.request(request.id)
            if now.is_pending:
                decided = rule_on(tx, now, RequestStatus.DENIED, by=None, note=note, code=refusal.code)
                show(tx, decided, self.rules.channel)

        await self.store.run(store)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireRequest:
    """An undecided request expires; the card and the requester say so."""

    store: Store
    rules: Rules

    async def __call__(self, request_id: RequestId) -> None:
        def store(tx: Tx) -> None:
            request = tx.request(request_id)
            if not request.is_pending:
                return
            if tx.now < request.decide_by:
                tx.poke(WorkKind.DEADLINE, str(request.id), due_at=request.decide_by)
                return
            expired = rule_on(tx, request, RequestStatus.EXPIRED, by=None)
            show(tx, expired, self.rules.channel)

        try:
            await self.store.run(store)
        except Conflict:
            return  # decided at the last moment: nothing left to expire
