"""Whatever the domain can say comes back from the store as it went in."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.adapters.storage.store import SqlStore
from bot.domain.errors import Code
from bot.domain.evaluate import Answer as Known
from bot.domain.grant import Copies, EndCause, Failure, Grant, GrantStatus, Push, PushStatus, SetState
from bot.domain.messages import Answer, AuditEntry, Click, ClickKind, MessageKind, Outcome, OwedMessage
from bot.domain.precheck import Facts, Finding, Holders
from bot.domain.request import Ask, RequestStatus, Ruling, Scope, Target
from bot.domain.verification import Check, Link, Verification
from bot.ports.store import Tx
from tests.unit.bot.adapters.storage.samples import add_grant, add_request, an_ask, an_entry

each = settings(
    max_examples=25,
    deadline=None,
    # One store serves all examples: each makes rows of its own.
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)

# NUL and half surrogate pairs have a test of their own: they come back as U+FFFD.
texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40
) | st.sampled_from(
    ["'; DROP TABLE requests; --", "{}", "null", '"\\', "%s :x ?", "\u202e\u2028 👩‍👩‍👧", "\x01\x1f\x7f"]
)
counts = st.integers(0, 2**31 - 1)
zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=11))])
instants = st.datetimes(datetime(1900, 1, 1), datetime(9000, 1, 1), timezones=zones)  # noqa: DTZ001 -- zones
failures = st.builds(Failure, code=st.sampled_from(Code), reason=texts)
targets = st.builds(Target, account=texts, role=texts)
AGES = timedelta(days=365 * 100)
spans = st.timedeltas(timedelta(0), timedelta(days=40_000))


def several(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=3).map(tuple)


def optional(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | items


codes = optional(st.sampled_from(Code))
findings = st.builds(
    Finding,
    account=texts,
    role=texts,
    works=st.sampled_from(Known),
    code=codes,
    detail=texts,
    already_allowed=st.booleans(),
    allowed_until=optional(instants),
)
facts = st.builds(
    Facts,
    checked_at=instants,
    findings=several(findings),
    account_names=several(st.tuples(texts, texts)),
    holders=optional(st.builds(Holders, people=counts, groups=counts, counted_all=st.booleans())),
    diff=texts,
    bytes_before=counts,
    bytes_after=counts,
    waiting_edits=several(texts),
    benefiting_approvers=several(texts),
    approvals_needed=counts,
    approver_users=several(texts),
    approver_groups=several(texts),
    policy_code=codes,
)
rulings = st.builds(Ruling, by=optional(texts), at=instants, note=texts, code=codes)
asks = st.builds(
    Ask,
    requester=texts,
    team=texts,
    permission_set=texts,
    targets=several(targets),
    scope=st.sampled_from(Scope),
    span=optional(spans),
    reason=texts,
    form_key=st.just(""),
)
checks = st.builds(Check, link=st.sampled_from(Link), answer=st.sampled_from(Known), code=codes, detail=texts)
verifications = st.builds(
    Verification,
    target=targets,
    checks=several(checks),
    checked_at=instants,
    until=optional(instants),
    is_endless=st.booleans(),
)
answers = st.builds(
    Answer,
    code=codes,
    said=texts,
    facts=several(st.tuples(texts, texts | st.integers(-(2**62), 2**62))),
)


@each
@given(
    ask=asks,
    status=st.sampled_from(RequestStatus),
    at=instants,
    identity=optional(texts),
    found=optional(facts),
    ruling=optional(rulings),
)
async def test_requests(
    store: SqlStore,
    ask: Ask,
    status: RequestStatus,
    at: datetime,
    identity: Any,
    found: Facts | None,
    ruling: Ruling | None,
) -> None:
    sent = replace(ask, form_key=an_ask().form_key)

    def write(tx: Tx) -> Any:
        added = tx.add_request(sent, decide_by=at)
        changed = replace(added, status=status, identity=identity, facts=found, ruling=ruling, created_at=at)
        return added, tx.save_request(added, changed)

    added, saved = await store.run(write)

    stored = await store.run(lambda tx: tx.request(added.id))
    assert added.ask == sent
    assert stored == saved
    assert stored.version == 2
    assert stored.decide_by == at
    assert stored.decide_by.tzinfo is UTC


@each
@given(
    changes=st.fixed_dictionaries(
        {
            "permission_set": texts,
            "target": targets,
            "role_arn": texts,
            "person": optional(texts),
            "ends_at": optional(instants),
            "status": st.sampled_from(GrantStatus),
            "wanted_at": instants,
            "written": st.booleans(),
            "already_allowed": st.booleans(),
            "rounds": counts,
            "failure": optional(failures),
            "end_cause": optional(st.sampled_from(EndCause)),
            "settled_at": optional(instants),
        }
    )
)
async def test_grants(store: SqlStore, changes: dict[str, Any]) -> None:
    def write(tx: Tx) -> Grant:
        grant = add_grant(tx, add_request(tx).id)
        return tx.save_grant(grant, replace(grant, **changes))

    saved = await store.run(write)

    assert await store.run(lambda tx: tx.grants_of(saved.request)) == (saved,)


@each
@given(
    pushed=st.lists(
        st.builds(
            Push,
            permission_set=st.sampled_from(["A", "B"]),
            account=texts,
            status=st.sampled_from(PushStatus),
            document=texts,
            held=optional(texts),
            everywhere=st.booleans(),
            levelling=st.booleans(),
            provisioning=optional(texts),
            started_at=optional(instants),
            failure=optional(failures),
        ),
        max_size=4,
    )
)
async def test_pushes(store: SqlStore, pushed: list[Push]) -> None:
    def write(tx: Tx) -> Sequence[Push]:
        for push in pushed:
            tx.save_push(push)
        return [*tx.pushes_of("A"), *tx.pushes_of("B")]  # type: ignore[arg-type]

    stored = await store.run(write)

    now, flights = await store.run(lambda tx: (tx.now, tx.flights(within=AGES)))
    newest = {(push.permission_set, push.account): push for push in pushed}
    found = {(push.permission_set, push.account): push for push in stored}
    assert {place: found[place] for place in newest} == newest
    assert {(each.permission_set, each.account): each.everywhere for each in flights} == {
        place: push.everywhere
        for place, push in found.items()
        if push.is_in_flight and push.started_at is not None and abs(push.started_at - now) <= AGES
    }


@each
@given(
    sids=st.frozensets(texts, max_size=4),
    document=optional(texts),
    stopped=optional(failures),
    level_at=optional(instants),
    name=texts,
)
async def test_sets(
    store: SqlStore, sids: frozenset[str], document: Any, stopped: Any, level_at: Any, name: Any
) -> None:
    def write(tx: Tx) -> SetState:
        seen = tx.set_state(name)
        tx.keep_snapshot(name, document or "", event="before")
        changes = replace(seen, sids=sids, document=document, stopped=stopped, level_at=level_at)
        return tx.save_set_state(seen, changes)

    saved = await store.run(write)

    assert await store.run(lambda tx: tx.set_state(name)) == saved


@each
@given(
    copies=st.builds(
        Copies,
        permission_set=texts,
        foreign_part=texts,
        since=optional(instants),
        accounts=st.frozensets(texts, max_size=4),
    )
)
async def test_copies(store: SqlStore, copies: Copies) -> None:
    await store.run(lambda tx: tx.save_copies(copies))

    assert await store.run(lambda tx: tx.copies(copies.permission_set)) == copies


@each
@given(kind=st.sampled_from(ClickKind), request=counts, by=texts, team=texts, channel=texts, note=texts)
async def test_clicks(store: SqlStore, **fields: Any) -> None:
    added = await store.run(lambda tx: tx.add_click(**fields))

    stored = await store.run(lambda tx: tx.click(added.id))
    assert stored == added == Click(id=added.id, at=added.at, **fields)


@each
@given(
    message=st.builds(
        OwedMessage,
        key=st.just(""),
        kind=st.sampled_from(MessageKind),
        request=optional(counts),
        channel=texts,
        thread_key=optional(texts),
        to=optional(texts),
        answer=optional(answers),
        outcome=counts,
        wanted=st.just(1),
        shown=st.integers(0, 5),
        ts=optional(texts),
        posted_channel=optional(texts),
        first_try_at=optional(instants),
        last_try_at=optional(instants),
        repetition=st.booleans(),
        by_dm=st.booleans(),
        turn_at=optional(instants),
        queue=optional(texts),
    )
)
async def test_messages(store: SqlStore, message: OwedMessage) -> None:
    owed = replace(message, key=an_ask().form_key)

    def write(tx: Tx) -> None:
        tx.owe(
            owed.key,
            owed.kind,
            owed.channel,
            request=owed.request,
            thread_key=owed.thread_key,
            to=owed.to,
            answer=owed.answer,
            outcome=owed.outcome,
        )
        tx.save_message(owed)

    await store.run(write)

    assert await store.run(lambda tx: tx.message(owed.key)) == owed


@each
@given(
    outcome=st.builds(
        Outcome,
        request=st.just(0),
        number=st.integers(1, 9),
        at=instants,
        verifications=several(verifications),
        failures=several(st.tuples(texts, texts, failures)),
        role_arns=several(texts),
        already_allowed=several(st.tuples(texts, texts)),
    )
)
async def test_outcomes(store: SqlStore, outcome: Outcome) -> None:
    request = await store.run(add_request)
    found = replace(outcome, request=request.id)

    await store.run(lambda tx: tx.add_outcome(found))

    assert await store.run(lambda tx: tx.outcome(request.id, found.number)) == found


@each
@given(
    changes=st.fixed_dictionaries(
        {
            "version": counts,
            "at": instants,
            "event": texts,
            "actor": optional(texts),
            "permission_set": optional(texts),
            "account": optional(texts),
            "role": optional(texts),
            "detail": texts,
        }
    )
)
async def test_history(store: SqlStore, changes: dict[str, Any]) -> None:
    request = await store.run(add_request)
    entry: AuditEntry = replace(an_entry(request.id), **changes)

    await store.run(lambda tx: tx.audit(entry))

    assert await store.run(lambda tx: tx.history(request.id)) == (entry,)
