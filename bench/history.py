"""A hundred thousand requests with everything that belongs to them: a few made by the port, then copied in SQL.

Of a hundred, seventy-eight have ended, one is active, the others were denied, cancelled or expired; a hundred
requests wait on top. Two grants, seven lines of history and six messages belong to each that was approved.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import Table

from bench.harness import REQUESTER_EMAIL, ROLES, Database, Stage, accounts, set_names
from bench.requests import Wish, prepared, store_of
from bot.adapters.storage import tables
from bot.domain.evaluate import Answer
from bot.domain.grant import EndCause, GrantStatus
from bot.domain.messages import MessageKind, Outcome
from bot.domain.names import ChannelId, IdentityUserId, SlackUserId, role_arn
from bot.domain.request import AccessRequest, Ask, RequestStatus
from bot.domain.statements import ends_at_for
from bot.domain.verification import Check, Link, Verification
from bot.ports.store import Tx, WorkKind
from bot.sandbox.scene import ALICE, APPROVALS, BEN
from bot.usecases.transitions import card_key, copy_key, move_grant, progress_key, rule_on

PATTERN = 100
"""Requests made by the port; each copy repeats them for another person."""

WAITING = 100
CHANNEL = ChannelId(APPROVALS)
NO_MESSAGES = "DELETE FROM work WHERE kind = 'message'"
SHOWN = "UPDATE messages SET shown = wanted, ts = '1.000001', posted_channel = channel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """How one request of the pattern went on."""

    status: RequestStatus
    grants: GrantStatus | None = None


def fates() -> list[Fate]:
    """Active once, then what is over."""
    ended = Fate(status=RequestStatus.APPROVED, grants=GrantStatus.ENDED)
    return [
        Fate(status=RequestStatus.APPROVED, grants=GrantStatus.ACTIVE),
        *[ended] * 78,
        *[Fate(status=RequestStatus.DENIED)] * 12,
        *[Fate(status=RequestStatus.CANCELLED)] * 5,
        *[Fate(status=RequestStatus.EXPIRED)] * 4,
    ]


async def fill(on: Stage, requests: int, sets: int) -> list[str]:
    """Fill the stage's database; returns a few people with a history, the busiest first."""
    identity = IdentityUserId(on.aws.org.directory.user(REQUESTER_EMAIL).id)
    team = on.slack.workspace.team.id

    def ask(number: int, requester: str) -> Ask:
        return Wish(
            permission_set=set_names(sets)[number % sets],
            accounts=[accounts(4)[number % 4]],
            roles=[ROLES[number % 3], ROLES[(number + 1) % 3]],
            span=timedelta(days=7),
            requester=requester,
        ).ask(team)

    async with store_of(on) as store:
        asks = [ask(number, ALICE) for number in range(PATTERN)]
        for wanted, fate in zip(asks, fates(), strict=True):
            await store.run(_living(wanted, identity, fate))
        copies = requests // PATTERN - 1
        _repeat(on.database, copies)
        waiting = [ask(number, f"U0P{number:05d}") for number in range(WAITING)]

        def wait(tx: Tx) -> None:
            for each in waiting:
                request = prepared(tx, each, identity)
                tx.poke(WorkKind.DEADLINE, str(request.id), due_at=request.decide_by)

        def remember(tx: Tx) -> None:
            for name in set_names(sets):
                tx.poke(WorkKind.PERMISSION_SET, name, due_at=tx.now + timedelta(days=6))
            for copy in range(copies + 1):
                tx.poke(WorkKind.REMINDER, str(copy * PATTERN + 1), due_at=tx.now + timedelta(days=5))

        await store.run(wait)
        await store.run(remember)
    return [ALICE, *(f"U0P{copy:05d}" for copy in (1, 7, copies // 2, copies))]


def _living(ask: Ask, identity: IdentityUserId, fate: Fate) -> Callable[[Tx], None]:
    """One request from the form to its end."""

    def live(tx: Tx) -> None:
        request = prepared(tx, ask, identity)
        tx.owe(copy_key(request.id), MessageKind.COPY, ask.requester, request=request.id)
        tx.owe(card_key(request.id), MessageKind.CARD, CHANNEL, request=request.id)
        decided = rule_on(tx, request, fate.status, by=SlackUserId(BEN), note="As agreed in the stand-up")
        if fate.grants is not None:
            _grants(tx, decided, fate.grants)

    return live


def _grants(tx: Tx, request: AccessRequest, status: GrantStatus) -> None:
    tx.add_approval(request.id, SlackUserId(BEN))
    tx.owe(progress_key(request.id), MessageKind.PROGRESS, CHANNEL, request=request.id)
    for target in request.ask.targets:
        grant = tx.add_grant(
            request=request.id,
            permission_set=request.ask.permission_set,
            target=target,
            role_arn=role_arn("aws", target.account, target.role),
            person=None,
            ends_at=ends_at_for(tx.now, timedelta(days=7)),
        )
        grant = move_grant(
            tx, tx.save_grant(grant, replace(grant, rounds=1)), GrantStatus.ACTIVE, written=True
        )
        if status is GrantStatus.ENDED:
            grant = move_grant(tx, grant, GrantStatus.ENDING, cause=EndCause.EXPIRED)
            move_grant(tx, grant, GrantStatus.ENDED)
    tx.add_outcome(_outcome(tx, request))
    for name in ("results:1", "results:1:copy", "ended"):
        kind = MessageKind.RESULTS if name == "results:1" else MessageKind.RESULTS_COPY
        tx.owe(f"{request.label}:{name}", kind, CHANNEL, request=request.id, outcome=1)


def _outcome(tx: Tx, request: AccessRequest) -> Outcome:
    seen = (Link.ASSIGNED, Link.PROVISIONED, Link.ALLOWED, Link.NOT_DENIED)
    checks = tuple(Check(link=link, answer=Answer.YES) for link in seen)
    return Outcome(
        request=request.id,
        number=1,
        at=tx.now,
        verifications=tuple(
            Verification(target=target, checks=checks, checked_at=tx.now) for target in request.ask.targets
        ),
        role_arns=tuple(role_arn("aws", target.account, target.role) for target in request.ask.targets),
    )


# The copies

COPIED: dict[Table, dict[str, str]] = {
    tables.requests: {
        "id": "t.id + c.n * {pattern}",
        "requester": "c.requester",
        "form_key": "t.form_key || '-' || c.n",
    },
    tables.approvals: {"id": "t.id + c.n * {rows}", "request": "t.request + c.n * {pattern}"},
    tables.grants: {"id": "t.id + c.n * {rows}", "request": "t.request + c.n * {pattern}"},
    tables.audit: {
        "id": "t.id + c.n * {rows}",
        "request": "t.request + c.n * {pattern}",
        "subject": "replace(t.subject, 'WA-' || t.request, 'WA-' || (t.request + c.n * {pattern}))",
    },
    tables.messages: {
        "request": "t.request + c.n * {pattern}",
        "key": "replace(t.key, 'WA-' || t.request || ':', 'WA-' || (t.request + c.n * {pattern}) || ':')",
    },
    tables.outcomes: {"request": "t.request + c.n * {pattern}"},
}
"""By table: the columns that differ between a row of the pattern and its copies."""

COUNTER = "UPDATE counters SET value = (SELECT max(id) FROM requests) WHERE name = 'request'"
SEQUENCE = "SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"


def _repeat(database: Database, copies: int) -> None:
    """Everything as often as that, each time for another person; all messages are shown already."""
    rows = {table: database.number(f"SELECT count(*) FROM {table.name}") for table in COPIED}  # noqa: S608 -- our tables
    statements = [
        NO_MESSAGES,
        SHOWN,
        "CREATE TABLE bench_copies (n INTEGER, requester TEXT)",
        *(
            f"INSERT INTO bench_copies VALUES ({number}, 'U0P{number:05d}')"  # noqa: S608 -- a number
            for number in range(1, copies + 1)
        ),
        *(_copy(table, different, rows[table]) for table, different in COPIED.items()),
        "DROP TABLE bench_copies",
        COUNTER,
    ]
    if database.kind != "SQLite":
        # The numbers of requests come from a counter, those of other rows from sequences.
        counted = [SEQUENCE.format(table=table.name) for table in COPIED if "id" in COPIED[table]]
        statements += [*counted[1:], "ANALYZE"]
    database.change(statements)


def _copy(table: Table, different: dict[str, str], rows: int) -> str:
    values = [
        different.get(column.name, f't."{column.name}"').format(pattern=PATTERN, rows=rows)
        for column in table.c
    ]
    names = ", ".join(f'"{column.name}"' for column in table.c)
    source = f"{table.name} t CROSS JOIN bench_copies c"
    return f"INSERT INTO {table.name} ({names}) SELECT {', '.join(values)} FROM {source}"  # noqa: S608 -- our tables
