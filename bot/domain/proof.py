"""Proof of access: what tokens of the stock AWS CLI must say to show that a person assumed a role a moment ago.

`aws eks get-token --cluster-name wbv-<nonce>` signs a GetCallerIdentity over our nonce; with `--role-arn` it assumes
that role first. One token without a role says who, one for each role says that it can be assumed (aws.md §2.4).
They show a self-attested pair: somebody who held the nonce assumed the role, and the person's own session signed
the same nonce.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NewType

from bot.domain.errors import Code, Refusal
from bot.domain.names import (
    AccountId,
    IdentityUserId,
    PermissionSetName,
    RoleName,
    SlackTeamId,
    SlackUserId,
)
from bot.domain.request import RequestId, Target

ChallengeId = NewType("ChallengeId", str)
"""SHA-256 of the nonce, in hex: whoever reads the database cannot answer an open challenge."""

LIFETIME: Final = timedelta(minutes=10)
ATTEMPTS: Final = 10
"""Deliveries of tokens that one nonce takes."""
SKEW: Final = timedelta(minutes=5)
"""How far the clock of a person's machine may be off. AWS itself allows fifteen minutes."""
TOKEN_BYTES: Final = 8 * 1024
"""The longest token. Real ones have 2.4 to 4.3 kB (aws.md §2.4)."""
MOST_ROLES: Final = 12
"""Roles in one challenge: what one screen of commands and one delivery of tokens can hold."""
MOST_BY_HAND: Final = 3
"""Roles in one challenge whose tokens are pasted: with the identity token they fill eight fields of a form."""

CLUSTER_PREFIX: Final = "wbv-"
TOKEN_PREFIX: Final = "k8s-aws-v1."  # noqa: S105 -- what every such token begins with, not a secret
SESSION_NAME: Final = "EKSGetTokenAuth"
"""The session name of every role that `aws eks get-token --role-arn` assumes (aws.md §0, fact 7)."""

_FAILED: Final = re.compile(r"\[failed:(\d{1,3})\]", re.ASCII)
_ARN: Final = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):sts::(?P<account>\d{12}):assumed-role/(?P<role>[\w+=,.@-]{1,64})/(?P<session>[^/\s]+)",
    re.ASCII,
)


class Flaw(StrEnum):
    """Why a token shows nothing, or why there is none."""

    # The token itself
    NOT_A_TOKEN = "not_a_token"  # noqa: S105 -- a name, not a secret
    TOO_LONG = "too_long"
    WRONG_ADDRESS = "wrong_address"
    WRONG_PARAMETERS = "wrong_parameters"
    WRONG_HEADERS = "wrong_headers"
    WRONG_SCOPE = "wrong_scope"
    TOO_OLD = "too_old"
    TOO_NEW = "too_new"
    # What AWS said to it
    NOT_BELIEVED = "not_believed"
    SESSION_EXPIRED = "session_expired"
    STRANGE_ANSWER = "strange_answer"
    NO_ANSWER = "no_answer"
    # Whom AWS named
    NOT_SSO = "not_sso"
    OTHER_PERSON = "other_person"
    OTHER_SET = "other_set"
    OTHER_ACCOUNT = "other_account"
    OTHER_ROLE = "other_role"
    # What did not come
    CLI_FAILED = "cli_failed"
    NO_TOKEN = "no_token"  # noqa: S105 -- a name, not a secret
    NO_IDENTITY = "no_identity"
    ALREADY_PROVED = "already_proved"


class TokenRefused(Refusal):
    """A token that shows nothing; the flaw says why, and no part of the token is kept."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(Code.PROOF_REFUSED, flaw=flaw.value)
        self.flaw = flaw


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerIdentity:
    """Whom STS named for a token."""

    arn: str
    account: AccountId
    user_id: str
    signed_at: datetime
    """By the clock of the machine that made the token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """An open question to one person: show that you can assume these roles. Bound to all that stands in it."""

    id: ChallengeId
    team: SlackTeamId
    user: SlackUserId
    identity: IdentityUserId
    sso_user: str
    """The person's user name in Identity Center, which is the name of their sessions."""
    partition: str
    permission_set: PermissionSetName
    targets: tuple[Target, ...]
    request: RequestId | None
    """None where it came from `verify` and belongs to no request."""
    issued_at: datetime
    attempts: int = 0
    closed_at: datetime | None = None
    """Set once every role is proved."""

    @property
    def expires_at(self) -> datetime:
        return self.issued_at + LIFETIME

    @property
    def steps(self) -> tuple["Step", ...]:
        """What the commands ask for, in order: in each account who it is, then each role."""
        accounts = dict.fromkeys(target.account for target in self.targets)
        return tuple(
            step
            for account in accounts
            for step in (
                Step(account=account, role=None),
                *(Step(account=account, role=each.role) for each in self.targets if each.account == account),
            )
        )

    def takes(self, at: datetime) -> bool:
        """Whether a delivery of tokens is looked at now."""
        return self.closed_at is None and at < self.expires_at and self.attempts < ATTEMPTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the commands: who is it (`role` None), or can it assume this role."""

    account: AccountId
    role: RoleName | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A person assumed this role at that time, with this permission set, and showed it."""

    user: SlackUserId
    target: Target
    permission_set: PermissionSetName
    at: datetime
    only_me: bool
    """Whether nothing but an "Only me" statement of ours allowed it."""
    sso_user: str
    request: RequestId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What became of one role: proved (`flaw` None), or why not. `target` None: of a token that fits nowhere."""

    target: Target | None
    flaw: Flaw | None = None
    identity: bool = False
    """Whether the flaw is that of the token which should have said who it is."""
    at: datetime | None = None
    """When it was shown; None where it was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What one delivery of tokens showed; for the terminal or the form that it came from."""

    challenge: Challenge
    findings: tuple[Finding, ...]
    at: datetime

    @property
    def proved(self) -> tuple[Target, ...]:
        return tuple(each.target for each in self.findings if each.target is not None and each.flaw is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What somebody sent: tokens, the steps of which the CLI said no, and whether there was more."""

    tokens: tuple[str, ...]
    failed: frozenset[int]
    garbage: bool = False


def split(text: str) -> Delivery:
    """The tokens in what came by HTTP, or in the fields of a form joined in order; never raises.

    A token torn over several lines or fields is made whole: white space belongs to none.
    """
    joined = "".join(text.split())
    failed = frozenset(int(number) for number in _FAILED.findall(joined))
    garbage = False
    tokens: list[str] = []
    for part in _FAILED.split(joined)[::2]:  # every second piece is the number of a marker
        before, *rest = part.split(TOKEN_PREFIX)
        garbage = garbage or bool(before)
        tokens += [TOKEN_PREFIX + each for each in rest]
    return Delivery(tokens=tuple(dict.fromkeys(tokens)), failed=failed, garbage=garbage)


def body_limit(challenge: Challenge) -> int:
    """Bytes of one delivery: a token for each step, and some room for line breaks and markers."""
    return len(challenge.steps) * (TOKEN_BYTES + 64)


def place(challenge: Challenge, seen: CallerIdentity) -> Step:
    """The step that this caller answers. Raises `TokenRefused` when it is nobody of whom we asked."""
    found = _ARN.fullmatch(seen.arn)
    if found is None or found["partition"] != challenge.partition or found["account"] != seen.account:
        raise TokenRefused(Flaw.NOT_SSO)
    accounts = {target.account for target in challenge.targets}
    if found["role"].startswith("AWSReservedSSO_"):
        if not _is_role_of(found["role"], challenge.permission_set):
            raise TokenRefused(Flaw.OTHER_SET)
        if seen.account not in accounts:
            raise TokenRefused(Flaw.OTHER_ACCOUNT)
        if found["session"] != challenge.sso_user:
            raise TokenRefused(Flaw.OTHER_PERSON)
        return Step(account=seen.account, role=None)
    if found["session"] != SESSION_NAME:
        raise TokenRefused(Flaw.NOT_SSO)
    step = Step(account=seen.account, role=RoleName(found["role"]))
    if step in challenge.steps:
        return step
    if any(target.role == step.role for target in challenge.targets):
        raise TokenRefused(Flaw.OTHER_ACCOUNT)
    raise TokenRefused(Flaw.OTHER_ROLE)


def earliest(answered: Iterable[tuple[Step, datetime]]) -> dict[Step, datetime]:
    """When each step was signed; the first time, where several tokens answer one step."""
    found: dict[Step, datetime] = {}
    for step, at in answered:
        found[step] = min(at, found.get(step, at))
    return found


def shown_at(
    challenge: Challenge, target: Target, signed: Mapping[Step, datetime], *, now: datetime
) -> datetime:
    """The instant that a proved role was shown for: that of the older token of the pair.

    The clock of the person's machine may be off: no token is older than its nonce, or newer than now.
    """
    pair = (Step(account=target.account, role=None), Step(account=target.account, role=target.role))
    return min(max(min(signed[step] for step in pair), challenge.issued_at), now)


def judge(
    challenge: Challenge, seen: Sequence["Step | Flaw"], failed: Collection[int]
) -> tuple[Finding, ...]:
    """What became of each role, in order, then of tokens that fit nowhere. `seen` has one entry for each token.

    A role is proved by its own token together with the identity token of the same account.
    """
    answered = {step for step in seen if isinstance(step, Step)}
    flaws = _by_step(challenge, seen, failed)
    findings: list[Finding] = []
    for target in challenge.targets:
        identity = Step(account=target.account, role=None)
        role = Step(account=target.account, role=target.role)
        if role not in answered:
            findings.append(Finding(target=target, flaw=flaws.get(role, Flaw.NO_TOKEN)))
        elif identity not in answered:
            whose = flaws.get(identity, Flaw.NO_IDENTITY)
            findings.append(Finding(target=target, flaw=whose, identity=True))
        else:
            findings.append(Finding(target=target))
    told = {finding.flaw for finding in findings}
    loose = dict.fromkeys(flaw for flaw in seen if isinstance(flaw, Flaw) and flaw not in told)
    return (*findings, *(Finding(target=None, flaw=flaw) for flaw in loose))


def _by_step(
    challenge: Challenge, seen: Sequence["Step | Flaw"], failed: Collection[int]
) -> dict[Step, Flaw]:
    """Which step a flaw belongs to: tokens come in the order of the commands, where none is missing."""
    flaws = {step: Flaw.CLI_FAILED for n, step in enumerate(challenge.steps) if n in failed}
    expected = [step for n, step in enumerate(challenge.steps) if n not in failed]
    if len(expected) == len(seen):
        flaws |= {step: flaw for step, flaw in zip(expected, seen, strict=True) if isinstance(flaw, Flaw)}
    return flaws


def choose(wanted: Collection[Target], proved: Collection[Target], *, by_hand: bool) -> tuple[Target, ...]:
    """The roles for one challenge: what has no proof yet comes first, accounts stay together.

    Tokens that are pasted have little room, so there it is one account only.
    """
    first = sorted(wanted, key=lambda target: (target in proved, target))
    if by_hand:
        return tuple(target for target in first if target.account == first[0].account)[:MOST_BY_HAND]
    return tuple(sorted(first[:MOST_ROLES]))


def _is_role_of(role: str, permission_set: PermissionSetName) -> bool:
    """`AWSReservedSSO_<set>_<16 hex digits>` (aws.md §1.4)."""
    pattern = rf"AWSReservedSSO_{re.escape(permission_set)}_[0-9a-f]{{16}}"
    return re.fullmatch(pattern, role, re.ASCII) is not None
