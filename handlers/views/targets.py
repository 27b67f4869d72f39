"""Account × role in lines: what was found before the change, and what became of each afterwards."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.errors import Code
from bot.domain.evaluate import Answer
from bot.domain.grant import Failure, Grant, GrantStatus
from bot.domain.messages import Story
from bot.domain.names import AccountId, RoleName
from bot.domain.precheck import Finding
from bot.domain.request import Target
from handlers.views.escape import mrkdwn, one_line
from handlers.views.parts import account_words, bold, code, counted, when
from handlers.views.status import grant_line
from handlers.views.wording import brief, not_known

NOT_CHECKED: Final = "❔ Not checked yet"

Line = Callable[[Target], str]

_ROLES_IN_A_ROW: Final = 12
_ROWS_KEPT: Final = 2
"""A heading and what stands below it."""


def finding_line(finding: Finding | None) -> str:
    """What is known of one target before the change, as mrkdwn: icon, word, and why."""
    if finding is None:
        return NOT_CHECKED
    already = ""
    if finding.already_allowed:
        by = f" by {mrkdwn(one_line(finding.allowed_by), 100)}" if finding.allowed_by else ""
        already = (
            f"Already allowed{by} until {when(finding.allowed_until)}"
            if finding.allowed_until
            else f"Already allowed{by}, with no end"
        )
    match finding.works:
        case Answer.NO:
            why = mrkdwn(brief(finding.code)) if finding.code else "Not possible"
            return f"⛔ {why}{_detail(finding.detail)}{_names(finding)}"
        case Answer.UNKNOWN:
            unknown = f"❔ Unknown: {mrkdwn(not_known(finding.code))}{_detail(finding.detail)}"
            return f"✅ {already}; {unknown}" if already else unknown
        case Answer.YES:
            return f"✅ {already}" if already else "☑️ No obstacle seen"


def _detail(detail: str) -> str:
    return f" (“{mrkdwn(one_line(detail), 100)}”)" if detail.strip() else ""


def _names(finding: Finding) -> str:
    """Whom the role lets in instead, or which attached policy it is."""
    if not finding.names:
        return ""
    some = mrkdwn(one_line(", ".join(finding.names[:5])), 200)
    return f"; it admits {some}" if finding.code is Code.NOT_TRUSTED else f": {some}"


def troubled(finding: Finding | None) -> bool:
    """Whether an approver should not overlook it."""
    return finding is not None and finding.works is not Answer.YES


@dataclass(frozen=True, slots=True)
class Row:
    """One line of mrkdwn, and how many targets it speaks of: 0 for an account's heading."""

    text: str
    targets: int = 0


def target_rows(
    targets: Sequence[Target], names: Mapping[AccountId, str], line: Line, *, first: Callable[[Target], bool]
) -> list[Row]:
    """One heading per account, below it the roles grouped by what is said of them.

    Accounts with something that `first` picks come first, so that shortening never hides a problem.
    """
    by_account: dict[AccountId, list[Target]] = {}
    for target in targets:
        by_account.setdefault(target.account, []).append(target)
    ordered = sorted(by_account.items(), key=lambda item: not any(first(target) for target in item[1]))
    return [
        row for account, own in ordered for row in _account_rows(account, own, names.get(account, ""), line)
    ]


def _account_rows(account: AccountId, targets: Sequence[Target], name: str, line: Line) -> list[Row]:
    by_line: dict[str, list[RoleName]] = {}
    for target in targets:
        by_line.setdefault(line(target), []).append(target.role)
    rows = [Row(bold(account_words(account, name)))]
    for text, roles in by_line.items():
        for at in range(0, len(roles), _ROLES_IN_A_ROW):
            some = roles[at : at + _ROLES_IN_A_ROW]
            rows.append(Row(f"• {', '.join(code(role) for role in some)}: {text}", len(some)))
    return rows


def shorten(rows: Sequence[Row], *, characters: int, more: str) -> list[str]:
    """As many rows as fit, then how many targets are missing and where they are."""
    shown = list(rows)
    while len(shown) > _ROWS_KEPT and sum(len(row.text) + 1 for row in shown) > characters:
        shown.pop()
    if shown and shown[-1].targets == 0:
        shown.pop()
    left = sum(row.targets for row in rows) - sum(row.targets for row in shown)
    missing = [f"… and {counted(left, 'more', 'more')}, see {more}"] if left else []
    return [row.text for row in shown] + missing


def story_rows(story: Story, *, you: bool = False) -> list[Row]:
    """The targets of a story: their pre-check while nobody has decided, their grants afterwards."""
    facts = story.request.facts
    names = dict(facts.account_names) if facts else {}
    grants = grants_by_target(story.grants)
    findings = {(f.account, f.role): f for f in facts.findings} if facts else {}

    def line(target: Target) -> str:
        grant = grants.get(target)
        return (
            grant_line(grant, you=you) if grant else finding_line(findings.get((target.account, target.role)))
        )

    def first(target: Target) -> bool:
        grant = grants.get(target)
        if grant is not None:
            return grant.status is GrantStatus.FAILED
        return troubled(findings.get((target.account, target.role)))

    return target_rows(story.request.ask.targets, names, line, first=first)


def grant_rows(story: Story, grants: Sequence[Grant], *, you: bool) -> list[Row]:
    """Some grants of a story, each account with its roles."""
    facts = story.request.facts
    found = grants_by_target(grants)
    return target_rows(
        list(found),
        dict(facts.account_names) if facts else {},
        lambda target: grant_line(found[target], you=you),
        first=lambda target: found[target].status is GrantStatus.FAILED,
    )


def grants_by_target(grants: Iterable[Grant]) -> dict[Target, Grant]:
    return {grant.target: grant for grant in grants}


def failures(story: Story) -> list[tuple[Failure, list[Target]]]:
    """Each different failure with the targets that it hit, in order of appearance."""
    found: dict[Failure, list[Target]] = {}
    for grant in story.grants:
        if grant.status is GrantStatus.FAILED and grant.failure is not None:
            found.setdefault(grant.failure, []).append(grant.target)
    return list(found.items())


def extent(targets: Sequence[Target]) -> str:
    """ "3 roles in each of 2 accounts", or "5 pairs of account and role" where not every pair is there."""
    accounts = len({target.account for target in targets})
    roles = len({target.role for target in targets})
    if accounts * roles == len(targets):
        each = "each of " if accounts > 1 else ""
        return f"{counted(roles, 'role')} in {each}{counted(accounts, 'account')}"
    return f"{counted(len(targets), 'pair of account and role', 'pairs of account and role')}"
