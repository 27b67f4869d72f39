"""Stories for the views: builders for what does not matter, and the strangest data that could arrive."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.domain.errors import Code
from bot.domain.evaluate import Answer
from bot.domain.grant import EndCause, Failure, Grant, GrantId, GrantStatus, Push, PushStatus
from bot.domain.messages import Outcome, Still, Story
from bot.domain.names import (
    AccountId,
    IdentityUserId,
    PermissionSetName,
    RoleName,
    SlackTeamId,
    SlackUserId,
    role_arn,
)
from bot.domain.precheck import Facts, Finding, Holders
from bot.domain.request import AccessRequest, Approval, Ask, RequestId, RequestStatus, Ruling, Scope, Target
from bot.domain.verification import Check, Link, Verification

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ALICE, BOB, CAROL = SlackUserId("U0ALICE"), SlackUserId("U0BOB"), SlackUserId("U0CAROL")
SET = PermissionSetName("DataScientist")
PROD, TEST = AccountId("111111111111"), AccountId("222222222222")
BUILDER, READER = RoleName("Workbench-BuilderRole"), RoleName("Workbench-ReadOnlyRole")
SUPPORT = "#workbench-support"
HOSTILE = (
    "<!channel> <!here> <@U1> <!subteam^S1> <http://evil.example|AWS console> & `code` *bold* "
    "@here\n✅ *Approved* by <@U0BOB>\u202e\u2066\x00\x1b[31m\ud800"
)
ENDS = NOW + timedelta(days=7)


def targets(accounts: int = 2, roles: Sequence[RoleName] = (BUILDER, READER)) -> tuple[Target, ...]:
    numbers = [AccountId(str(digit) * 12) for digit in range(1, 10)]
    numbers += [AccountId(f"{number:012d}") for number in range(10, 100)]
    return tuple(Target(account=account, role=role) for account in numbers[:accounts] for role in roles)


def a_finding(
    target: Target, works: Answer = Answer.YES, code: Code | None = None, detail: str = ""
) -> Finding:
    return Finding(account=target.account, role=target.role, works=works, code=code, detail=detail)


def some_facts(asked: Sequence[Target] | None = None, *, approvals: int = 1) -> Facts:
    asked = asked if asked is not None else targets()
    return Facts(
        checked_at=NOW,
        findings=tuple(a_finding(target) for target in asked),
        account_names=((PROD, "prod"), (TEST, "test")),
        holders=Holders(people=37, groups=2, counted_all=True),
        diff='@@ -1,3 +1,8 @@\n+    "Action": "sts:AssumeRole"',
        bytes_before=1_234,
        bytes_after=1_522,
        waiting_edits=(),
        benefiting_approvers=(),
        approvals_needed=approvals,
        approver_users=(BOB,),
        approver_groups=("S0SSOADMINS",),
    )


def a_request(
    status: RequestStatus = RequestStatus.PENDING,
    *,
    facts: Facts | None = None,
    asked: tuple[Target, ...] | None = None,
    reason: str = "Train the churn model, see DATA-17.",
    scope: Scope = Scope.EVERYONE,
    span: timedelta | None = timedelta(days=7),
    note: str = "",
    approvals: tuple[Approval, ...] = (),
) -> AccessRequest:
    asked = asked if asked is not None else targets()
    ruling = None
    if status is not RequestStatus.PENDING:
        by = None if status is RequestStatus.EXPIRED else ALICE if status is RequestStatus.CANCELLED else BOB
        ruling = Ruling(by=by, at=NOW, note=note)
    return AccessRequest(
        id=RequestId(17),
        version=1,
        status=status,
        ask=Ask(
            requester=ALICE,
            team=SlackTeamId("T0HOME"),
            permission_set=SET,
            targets=asked,
            scope=scope,
            span=span,
            reason=reason,
            form_key="V1",
        ),
        created_at=NOW,
        decide_by=NOW + timedelta(days=3),
        identity=IdentityUserId("u-1"),
        facts=facts if facts is not None else some_facts(asked),
        ruling=ruling,
        approvals=approvals,
    )


def unprepared() -> AccessRequest:
    return replace(a_request(), facts=None)


def grants(request: AccessRequest, *statuses: GrantStatus, reason: str = "") -> tuple[Grant, ...]:
    """One grant per target; the statuses go round."""
    return tuple(
        Grant(
            id=GrantId(number),
            version=1,
            request=request.id,
            permission_set=request.ask.permission_set,
            target=target,
            role_arn=role_arn("aws", target.account, target.role),
            person=None,
            ends_at=ENDS if request.ask.span is not None else None,
            status=(status := statuses[number % len(statuses)]),
            wanted_at=NOW,
            written=status in {GrantStatus.ACTIVE, GrantStatus.ENDING, GrantStatus.ENDED},
            settled_at=NOW,
            failure=Failure(code=Code.PROVISIONING_FAILED, reason=reason)
            if status is GrantStatus.FAILED
            else None,
            end_cause=EndCause.EXPIRED if status in {GrantStatus.ENDING, GrantStatus.ENDED} else None,
        )
        for number, target in enumerate(request.ask.targets)
    )


def a_story(request: AccessRequest | None = None, *statuses: GrantStatus, reason: str = "") -> Story:
    request = request if request is not None else a_request()
    return Story(
        request=request, grants=grants(request, *statuses, reason=reason) if statuses else (), at=NOW
    )


def approved(*statuses: GrantStatus, reason: str = "") -> Story:
    yes = (Approval(by=BOB, at=NOW),)
    return a_story(a_request(RequestStatus.APPROVED, approvals=yes), *statuses, reason=reason)


def a_push(account: AccountId, status: PushStatus, started_at: datetime | None = NOW) -> Push:
    return Push(permission_set=SET, account=account, status=status, document="{}", started_at=started_at)


def verified(
    target: Target,
    broken: Link | None = None,
    *,
    answer: Answer = Answer.NO,
    code: Code | None = None,
    detail: str = "",
) -> Verification:
    """CONFIGURED, or with one link that says no or is not known."""
    links = (Link.ASSIGNED, Link.PROVISIONED, Link.ALLOWED, Link.NOT_DENIED)
    checks = [
        Check(link=link, answer=answer, code=code, detail=detail)
        if link is broken
        else Check(link=link, answer=Answer.YES)
        for link in links
    ]
    exists = answer if broken is Link.ROLE_EXISTS else Answer.UNKNOWN
    checks.append(
        Check(link=Link.ROLE_EXISTS, answer=exists, code=code if broken is Link.ROLE_EXISTS else None)
    )
    return Verification(target=target, checks=tuple(checks), checked_at=NOW, until=ENDS)


def predicted(target: Target) -> Verification:
    checks = tuple(Check(link=link, answer=Answer.YES) for link in Link)
    return Verification(target=target, checks=checks, checked_at=NOW, is_endless=True)


def an_outcome(story: Story, verifications: Sequence[Verification] | None = None) -> Story:
    request = story.request
    found = verifications if verifications is not None else [verified(t) for t in request.ask.targets]
    return replace(
        story,
        outcome=Outcome(
            request=request.id,
            number=1,
            at=NOW,
            verifications=tuple(found),
            failures=tuple(
                (grant.target.account, grant.target.role, grant.failure)
                for grant in story.grants
                if grant.failure is not None
            ),
            role_arns=tuple(grant.role_arn for grant in story.grants),
        ),
    )


def ended_by(cause: EndCause | None) -> Story:
    """Everything of a request has ended, for one cause."""
    story = approved(GrantStatus.ENDED)
    return replace(story, grants=tuple(replace(grant, end_cause=cause) for grant in story.grants))


def already_allowed(story: Story, *targets: Target) -> Story:
    """The same, where AWS allowed these targets (or all) without the bot."""
    known = tuple(
        replace(grant, already_allowed=True, written=False)
        if grant.target in targets or not targets
        else grant
        for grant in story.grants
    )
    return replace(story, grants=known)


def a_still(target: Target, *, through: int = 9, ends_at: datetime | None = ENDS) -> Still:
    return Still(request=RequestId(through), account=target.account, role=target.role, ends_at=ends_at)


# The strangest data


def extreme_facts(asked: Sequence[Target]) -> Facts:
    codes = [None, Code.NOT_ASSIGNED, Code.EXPLICIT_DENY, Code.NO_ROOM, Code.AWS_UNAVAILABLE]
    answers = [Answer.YES, Answer.NO, Answer.NO, Answer.NO, Answer.UNKNOWN]
    return Facts(
        checked_at=NOW,
        findings=tuple(
            replace(
                a_finding(target, answers[number % 5], codes[number % 5], detail=f"{number} {HOSTILE}" * 9),
                already_allowed=number % 3 == 0,
                allowed_until=ENDS if number % 2 else None,
            )
            for number, target in enumerate(asked)
        ),
        account_names=tuple((target.account, HOSTILE * 5) for target in asked),
        holders=Holders(people=12_345, groups=1_000, counted_all=False),
        diff="\n".join(f"+ ÿ{HOSTILE}" * 3 for _ in range(300)),
        bytes_before=10_000,
        bytes_after=11_000,
        waiting_edits=tuple(target.account for target in asked),
        benefiting_approvers=tuple(SlackUserId(f"U0{number}") for number in range(50)),
        approvals_needed=5,
        approver_users=tuple(SlackUserId(f"U0{number}") for number in range(90)),
        approver_groups=tuple(f"S0{number}" for number in range(30)),
        policy_code=Code.NO_ROOM,
    )


def extreme_requests(status: RequestStatus) -> Iterator[AccessRequest]:
    """60 targets with the longest names: many accounts, and one account with many roles."""
    long_roles = [RoleName(f"{number:02d}-{'R' * 61}") for number in range(60)]
    approvals = tuple(Approval(by=SlackUserId(f"U0{number}"), at=NOW) for number in range(40))
    for asked in (targets(60, long_roles[:1]), targets(1, long_roles), targets(20, long_roles[:3])):
        request = a_request(
            status,
            facts=extreme_facts(asked),
            asked=asked,
            reason=(HOSTILE * 40)[:3_000],
            note=HOSTILE * 30,
            approvals=approvals,
        )
        yield replace(
            request,
            id=RequestId(999_999_999),
            ask=replace(request.ask, permission_set=PermissionSetName("W_+=,.@-" * 4)),
        )


def extreme_stories() -> Iterator[Story]:
    every = tuple(GrantStatus)
    for status in RequestStatus:
        for request in extreme_requests(status):
            if status is not RequestStatus.APPROVED:
                yield a_story(request)
                continue
            for statuses in (every, *((one,) for one in every)):
                story = a_story(request, *statuses, reason=(HOSTILE * 40)[:2_000])
                different = tuple(
                    replace(grant, failure=replace(grant.failure, reason=f"{number} {grant.failure.reason}"))
                    if grant.failure is not None
                    else grant
                    for number, grant in enumerate(story.grants)
                )
                links = [None, *Link]
                story = an_outcome(
                    replace(story, grants=different),
                    [
                        verified(target, links[number % len(links)], detail=f"{number} {HOSTILE}" * 8)
                        for number, target in enumerate(request.ask.targets)
                    ],
                )
                kept = tuple(
                    a_still(target, through=900_000_000 + number % 40, ends_at=ENDS if number % 2 else None)
                    for number, target in enumerate(request.ask.targets)
                )
                every_cause = [None, *EndCause]
                varied = tuple(
                    replace(
                        grant,
                        end_cause=every_cause[number % 5],
                        already_allowed=number % 3 == 0,
                        ends_at=ENDS + timedelta(days=number) if number % 2 else None,
                    )
                    for number, grant in enumerate(story.grants)
                )
                yield story
                yield replace(story, grants=varied, still=kept, outcome=None)
                yield replace(story, grants=varied, still=kept)
                yield replace(story, stopped=Failure(code=Code.MANAGED_STATEMENT_ALTERED, reason=HOSTILE))
