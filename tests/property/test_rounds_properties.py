"""Whatever grants there are and whoever else writes: rounds converge, and never claim what is not held."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.grant import Grant, GrantId, GrantStatus, Push, PushStatus
from bot.domain.names import AccountId, IdentityUserId, ProvisioningId, RoleName, role_arn
from bot.domain.policy import fits, managed, merge, parse, serialise, size_bytes
from bot.domain.policy_diff import check_minimal
from bot.domain.rounds import (
    Plan,
    accounts_to_push,
    allowed_by_others,
    covers,
    has_arrived,
    has_gone,
    plan,
)
from bot.domain.statements import desired_statements
from tests.builders import SET, WEEK, a_foreign, a_grant, a_policy, a_push, a_target, accounts
from tests.fakes.clock import NOON

ACCOUNTS = accounts(3)
ROLES = [RoleName("Workbench-A"), RoleName("Workbench-B")]
PEOPLE = [None, IdentityUserId("u-1"), IdentityUserId("u-2")]
ENDS = [None, NOON + WEEK, NOON + WEEK * 2]
PATIENCE = timedelta(minutes=5)
FOREIGN = [a_foreign("One"), a_foreign("Two"), a_foreign("All", Action="sts:AssumeRole", Resource="*")]
NO_ROLE = FOREIGN[:2]
quick = settings(max_examples=50, deadline=None)


@st.composite
def many_grants(draw: st.DrawFn, statuses: Sequence[GrantStatus] = tuple(GrantStatus)) -> list[Grant]:
    grants = []
    for number in range(draw(st.integers(0, 7))):
        status = draw(st.sampled_from(statuses))
        written = draw(st.booleans()) if status is not GrantStatus.ACTIVE else True
        grants.append(
            a_grant(
                number + 1,
                target=a_target(draw(st.sampled_from(ACCOUNTS)), draw(st.sampled_from(ROLES))),
                status=status,
                written=written,
                person=draw(st.sampled_from(PEOPLE)),
                ends_at=draw(st.sampled_from(ENDS)),
            )
        )
    return grants


foreign_parts = st.lists(st.sampled_from(FOREIGN), unique_by=lambda each: str(each["Sid"]), max_size=3)


def sids_of(document: str) -> frozenset[str]:
    return frozenset(statement.sid for statement in managed(parse(document)))


def foreign_of(document: str) -> list[str]:
    return [each.text for each in parse(document).statements if not each.is_managed]


@st.composite
def a_situation(draw: st.DrawFn) -> tuple[str, list[Grant], frozenset[str], int]:
    """A policy as read, the grants, the Sids that are ours, and the room there is."""
    grants = draw(many_grants())
    held = draw(st.lists(st.sampled_from(grants), unique=True)) if grants else []
    document = a_policy([each for each in held if each.is_wanted], draw(foreign_parts))
    ours = sids_of(document)
    removable = frozenset(draw(st.sets(st.sampled_from(sorted(ours))))) if ours else frozenset()
    return document, grants, removable, draw(st.sampled_from([0, 200, 400, 700, 100_000]))


@quick
@given(a_situation())
def test_planning_twice_is_planning_once(situation: tuple[str, list[Grant], frozenset[str], int]) -> None:
    document, grants, removable, room = situation

    def fit(text: str) -> bool:
        return size_bytes(text) <= room

    made = plan(document, grants, removable=removable, fits=fit)
    afterwards = [
        replace(each, status=GrantStatus.FAILED)
        if each in made.unfitting
        else replace(each, written=each.written or each.is_wanted)
        for each in grants
    ]
    again = plan(made.after, afterwards, removable=removable | made.sids, fits=fit)

    assert again.is_noop
    assert again.unfitting == ()
    assert again.sids == made.sids


@quick
@given(a_situation())
def test_what_others_wrote_is_untouched(situation: tuple[str, list[Grant], frozenset[str], int]) -> None:
    document, grants, removable, room = situation

    made = plan(document, grants, removable=removable, fits=lambda text: size_bytes(text) <= room)

    assert foreign_of(made.after) == foreign_of(document)
    assert sids_of(document) - removable <= sids_of(made.after)
    assert sids_of(made.after) == made.sids | (sids_of(document) - removable)


@quick
@given(a_situation())
def test_every_wanted_grant_is_covered_unless_it_does_not_fit(
    situation: tuple[str, list[Grant], frozenset[str], int],
) -> None:
    document, grants, removable, room = situation

    made = plan(document, grants, removable=removable, fits=lambda text: size_bytes(text) <= room)

    for grant in grants:
        if grant.is_wanted and grant not in made.unfitting:
            assert covers(made.after, grant)
    assert all(grant.is_wanted and not grant.written for grant in made.unfitting)


@quick
@given(a_situation())
def test_nothing_but_what_the_grants_want_is_added(
    situation: tuple[str, list[Grant], frozenset[str], int],
) -> None:
    document, grants, removable, _ = situation

    made = plan(document, grants, removable=removable, fits=fits)

    allowed = {statement.sid for statement in desired_statements(g.want for g in grants if g.is_wanted)}
    assert made.sids <= allowed


@quick
@given(a_situation(), many_grants())
def test_what_is_kept_stays_as_far_as_it_was_there_and_adds_nothing(
    situation: tuple[str, list[Grant], frozenset[str], int], broken: list[Grant]
) -> None:
    document, grants, _, room = situation
    ours = sids_of(document)
    wanted = {grant.want for grant in grants if grant.is_wanted}

    made = plan(
        document,
        grants,
        removable=ours,
        fits=lambda text: size_bytes(text) <= room,
        kept=[each.want for each in broken],
    )

    check_minimal(document, made.after, allowed=wanted, removable=ours)
    for each in broken:
        if covers(document, each):
            assert covers(made.after, each)


@quick
@given(many_grants(), foreign_parts)
def test_no_account_is_pushed_once_everything_has_arrived(
    grants: list[Grant], foreign: list[dict[str, object]]
) -> None:
    document = plan(a_policy(foreign=foreign), grants, removable=frozenset(), fits=fits).after
    pushes = [a_push(document, account=account) for account in ACCOUNTS]

    assert accounts_to_push(document, grants, pushes, now=NOON, retry_after=PATIENCE) == ()
    for grant, push in ((g, p) for g in grants for p in pushes if p.account == g.target.account):
        if grant.status is GrantStatus.PROVISIONING:
            assert has_arrived(grant, document, push, now=NOON)
        if grant.status is GrantStatus.ENDING:
            assert has_gone(grant, document, push)


# A little world: AWS, somebody else who writes, and the bot's rounds between them


@dataclass
class Aws:
    """The policy, what each account's role really holds, and one provisioning per account under way."""

    policy: str = ""
    held: dict[AccountId, str] = field(default_factory=dict)
    under_way: dict[AccountId, str] = field(default_factory=dict)

    def provision(self, account: AccountId) -> None:
        self.under_way[account] = self.policy

    def land(self, account: AccountId) -> None:
        self.held[account] = self.under_way.pop(account)


@dataclass
class Rounds:
    """The worker's steps on values alone, one per call; `bot/worker/reconcile.py` does the same with a store."""

    aws: Aws
    grants: dict[GrantId, Grant] = field(default_factory=dict)
    pushes: dict[AccountId, Push] = field(default_factory=dict)
    sids: frozenset[str] = frozenset()
    now: datetime = NOON

    def read_and_settle(self) -> str:
        document = self.aws.policy
        made = self._plan(document)
        for grant in list(self.grants.values()):
            push = self.pushes.get(grant.target.account)
            if grant.status is GrantStatus.PROVISIONING and has_arrived(grant, document, push, now=self.now):
                self.grants[grant.id] = replace(grant, status=GrantStatus.ACTIVE, written=True)
            if grant.status is GrantStatus.ENDING and made.is_noop and has_gone(grant, document, push):
                self.grants[grant.id] = replace(grant, status=GrantStatus.ENDED)
        return document

    def put(self, document: str) -> str:
        made = self._plan(document)
        if made.is_noop:
            return document
        missing = [g for g in self.grants.values() if g.is_wanted and not covers(document, g)]
        self.sids |= made.sids
        for grant in missing:
            self.grants[grant.id] = replace(grant, written=True)
            if (push := self.pushes.get(grant.target.account)) is not None:
                self.pushes[grant.target.account] = replace(push, held=None)
        self.aws.policy = made.after
        return made.after

    def start(self, document: str) -> None:
        for account in accounts_to_push(
            document, self.grants.values(), self.pushes.values(), now=self.now, retry_after=PATIENCE
        ):
            if account not in self.aws.under_way:
                self.aws.provision(account)
                before = self.pushes.get(account)
                self.pushes[account] = Push(
                    permission_set=SET,
                    account=account,
                    status=PushStatus.IN_PROGRESS,
                    document=document,
                    held=before.held if before is not None else None,
                    provisioning=ProvisioningId("p"),
                    started_at=self.now,
                )

    def land(self) -> None:
        for account in list(self.aws.under_way):
            self.aws.land(account)
            push = self.pushes[account]
            self.pushes[account] = replace(push, status=PushStatus.SUCCEEDED, held=push.document)

    def pass_over(self, interrupt: Iterable[str | None]) -> None:
        """One pass; somebody else writes between any two steps."""
        said = iter(interrupt)

        def foreign() -> None:
            kind = next(said, None)
            if kind is not None:
                self.aws.policy = FOREIGN_WRITES[kind](self.aws.policy)

        self.land()
        foreign()
        document = self.read_and_settle()
        foreign()
        document = self.put(document)
        foreign()
        self.start(document)
        foreign()

    def _plan(self, document: str) -> Plan:
        return plan(document, self.grants.values(), removable=self.sids, fits=fits)


def without_managed(document: str) -> str:
    """Terraform: its own document and nothing else."""
    return a_policy(foreign=NO_ROLE[:1])


def with_one_more(document: str) -> str:
    """A console user adds a statement to what is there."""
    if '"Two"' in document:
        return document
    policy = parse(document)
    extra = parse(a_policy(foreign=[NO_ROLE[1]])).statements
    return serialise(replace(policy, statements=(*policy.statements, *extra), single=False))


def without_first_managed(document: str) -> str:
    """A console user deletes one of ours."""
    policy = parse(document)
    ours = sorted(sids_of(document))
    return serialise(merge(policy, desired=(), removable=frozenset(ours[:1])))


FOREIGN_WRITES = {"overwrite": without_managed, "add": with_one_more, "drop": without_first_managed}

steps = st.lists(
    st.tuples(
        st.sampled_from(["ask", "end", "nothing"]),
        st.integers(0, 5),
        st.lists(st.sampled_from([None, *FOREIGN_WRITES]), max_size=4),
    ),
    max_size=8,
)


@settings(max_examples=100, deadline=None)
@given(steps)
def test_rounds_converge_and_never_call_active_what_the_account_does_not_hold(
    script: list[tuple[str, int, list[str | None]]],
) -> None:
    world = Rounds(Aws())
    for number, (verb, choice, interrupts) in enumerate(script, start=1):
        _do(world, verb, number, choice)
        _check_claims_of_a_pass(world, interrupts)

    for _ in range(6):  # nobody interferes any more: put, provision, land, read back
        _check_claims_of_a_pass(world, [])

    settled = {GrantStatus.ACTIVE, GrantStatus.ENDED}
    assert {grant.status for grant in world.grants.values()} <= settled
    assert world._plan(world.aws.policy).is_noop
    for grant in world.grants.values():
        if grant.status is GrantStatus.ACTIVE:
            assert covers(world.aws.policy, grant)
    assert sids_of(world.aws.policy) == world._plan(world.aws.policy).sids


def _do(world: Rounds, verb: str, number: int, choice: int) -> None:
    if verb == "ask":
        account, role = ACCOUNTS[choice % 3], ROLES[choice % 2]
        world.grants[GrantId(number)] = a_grant(
            number, target=a_target(account, role), role_arn=role_arn("aws", account, role)
        )
    elif verb == "end":
        alive = [g for g in world.grants.values() if g.status is not GrantStatus.ENDED]
        if alive:
            grant = alive[choice % len(alive)]
            world.grants[grant.id] = replace(grant, status=GrantStatus.ENDING)


def _check_claims_of_a_pass(world: Rounds, interrupts: list[str | None]) -> None:
    before = dict(world.grants)
    world.pass_over(interrupts)
    for grant in world.grants.values():
        was = before[grant.id].status
        held = world.aws.held.get(grant.target.account, "")
        if grant.status is GrantStatus.ACTIVE and was is not GrantStatus.ACTIVE:
            assert covers(held, grant)
        if grant.status is GrantStatus.ENDED and was is not GrantStatus.ENDED:
            others = [g for g in world.grants.values() if g.id != grant.id and g.is_wanted]
            assert not covers(held, grant) or any(covers(a_policy([other]), grant) for other in others)


@quick
@given(many_grants((GrantStatus.PROVISIONING,)), foreign_parts)
def test_what_others_allow_for_good_is_never_called_missing(
    grants: list[Grant], foreign: list[dict[str, object]]
) -> None:
    document = a_policy(foreign=foreign)
    opened = "All" in {str(each["Sid"]) for each in foreign}

    assert all(allowed_by_others(document, grant, at=NOON) is opened for grant in grants)
