"""Does a role's trust policy admit the session of a permission set? Yes, no or unknown, with the reason.

The rules are those of aws.md, section 2.2. Whatever is malformed, or uses a key or an operator that is not
listed there, is unknown: never false, never true.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bot.domain.conditions import Context, Known, answer_of, holds, same_text, strings
from bot.domain.evaluate import VERSION_WITH_VARIABLES, names_action, one_of
from bot.domain.names import RoleArn
from bot.domain.policy import Policy, PolicyUnreadable, Statement, parse
from bot.domain.sso_session import PREFIX, SUFFIX_DIGITS, SsoSession
from bot.domain.strict_json import dump
from bot.domain.three_valued import Answer, all_of, any_of, opposite


class Why(StrEnum):
    """What decided."""

    ADMITTED = "admitted"
    DENIED = "denied"
    """A Deny statement applies."""
    OTHERS_ONLY = "others_only"
    """The account is named, but a condition (as a rule on the permission set's role) keeps this one out."""
    NOT_NAMED = "not_named"
    """No statement names the account or the role at all."""
    UNCLEAR = "unclear"
    """It hangs on something that only AWS can judge."""
    UNREADABLE = "unreadable"
    """The document is no policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustVerdict:
    """The answer of the trust policy alone; `may_assume` puts it together with the identity's policies."""

    answer: Answer
    """Whether the role lets the session in, given that an identity policy lets it out."""
    without_identity: Answer
    """Whether it lets the session in even if no identity policy allows the call: it names the role itself."""
    without_boundary: Answer
    """Whether not even the boundary has to allow it: it names the session itself."""
    by: tuple[str, ...]
    """The statements that decided: their Sid, or `#` and their place, counted from 1."""
    why: Why

    @property
    def needs_identity_allow(self) -> bool:
        """Whether an Allow of the permission set is needed, or may be."""
        return self.without_identity is not Answer.YES


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hold:
    """How a statement, or its principals, takes hold of the session."""

    any_way: Answer
    """By the account, by the role or by the session."""
    direct: Answer = Answer.NO
    """By the role's ARN, by the session's or by `*`: no identity policy has to allow it."""
    session: Answer = Answer.NO
    """By the session's own ARN."""


def trusts(document: str | Mapping[str, object], *, session: SsoSession, role_arn: RoleArn) -> TrustVerdict:
    """What the trust policy of `role_arn` says to `sts:AssumeRole` by the session. Never raises.

    Where the session's role ARN is not known, YES and NO hold for every suffix that it may get. A document
    that comes parsed may have lost a member that stood in it twice: hand in the text where there is one.
    """
    policy = _read(document)
    if policy is None or not policy.statements:
        nothing = Answer.UNKNOWN
        return TrustVerdict(
            answer=nothing, without_identity=nothing, without_boundary=nothing, by=(), why=Why.UNREADABLE
        )
    account = role_arn.split(":")[4] if role_arn.count(":") >= 5 else ""
    context: Context = {**session.context, "aws:resourceaccount": Known(text=account)}
    variables = policy.version == VERSION_WITH_VARIABLES
    allows: list[tuple[str, _Hold]] = []
    denies: list[tuple[str, _Hold]] = []
    unmet = False
    for place, statement in enumerate(policy.statements, start=1):
        named = _named(statement, session)
        conditions = _conditions(statement, context, variables)
        hold = _Hold(
            any_way=all_of((named.any_way, conditions)),
            direct=all_of((named.direct, conditions)),
            session=all_of((named.session, conditions)),
        )
        (allows if statement.allows else denies).append((statement.sid or f"#{place}", hold))
        unmet |= statement.allows and named.any_way is not Answer.NO
    same_account = account == session.account
    return _verdict(allows, denies, same_account=same_account, unmet=unmet)


def _verdict(
    allows: list[tuple[str, _Hold]], denies: list[tuple[str, _Hold]], *, same_account: bool, unmet: bool
) -> TrustVerdict:
    denied = any_of(hold.any_way for _, hold in denies)
    admitted = any_of(hold.any_way for _, hold in allows)
    answer = all_of((admitted, opposite(denied)))
    # Across accounts both sides have to allow, whomever the trust policy names.
    near = Answer.YES if same_account else Answer.NO
    if denied is Answer.YES:
        why, behind = Why.DENIED, _behind(denies, Answer.YES)
    elif answer is Answer.YES:
        why, behind = Why.ADMITTED, _behind(allows, Answer.YES)
    elif answer is Answer.NO:
        why, behind = (Why.OTHERS_ONLY if unmet else Why.NOT_NAMED), ()
    else:
        why = Why.UNCLEAR
        unclear = denies if denied is Answer.UNKNOWN else allows
        behind = _behind(unclear, Answer.UNKNOWN)
    return TrustVerdict(
        answer=answer,
        without_identity=all_of((answer, near, any_of(hold.direct for _, hold in allows))),
        without_boundary=all_of((answer, near, any_of(hold.session for _, hold in allows))),
        by=behind,
        why=why,
    )


def _behind(statements: list[tuple[str, _Hold]], answer: Answer) -> tuple[str, ...]:
    return tuple(name for name, hold in statements if hold.any_way is answer)


def _read(document: str | Mapping[str, object]) -> Policy | None:
    try:
        return parse(document if isinstance(document, str) else dump(dict(document)))
    except (PolicyUnreadable, TypeError, ValueError, RecursionError):
        return None


def _named(statement: Statement, session: SsoSession) -> _Hold:
    """Whether the statement is about this action and this session, its conditions left aside."""
    raw = statement.raw
    about = all_of(
        (
            Answer.YES if raw.keys() <= _MEMBERS else Answer.UNKNOWN,
            one_of(raw, "Action", "NotAction", names_action),
        )
    )
    principals = _principals(raw, session)
    return _Hold(
        any_way=all_of((about, principals.any_way)),
        direct=all_of((about, principals.direct)),
        session=all_of((about, principals.session)),
    )


def _principals(raw: Mapping[str, object], session: SsoSession) -> _Hold:
    element = raw.get("Principal")
    if "NotPrincipal" in raw:
        return _UNKNOWN
    if element == "*":
        return _EVERYBODY
    if not isinstance(element, dict) or not element:
        return _UNKNOWN
    found: list[_Hold] = []
    for kind, value in element.items():
        names = strings(value)
        if kind in _NEVER_A_PERSON and names:
            found.append(_NOBODY)
        elif kind == "AWS" and names:
            found += [_one_principal(name, session) for name in names]
        else:
            found.append(_UNKNOWN)
    return _Hold(
        any_way=any_of(hold.any_way for hold in found),
        direct=any_of(hold.direct for hold in found),
        session=any_of(hold.session for hold in found),
    )


def _one_principal(name: str, session: SsoSession) -> _Hold:
    """One value of `AWS`: an account, a role, a session, somebody else, or something that is none of these."""
    if name == "*":
        return _EVERYBODY
    if _UNIQUE_ID.fullmatch(name):
        # IAM shows an id for one who is gone; if our own id stood there, it would mean us.
        same = Answer.UNKNOWN if session.role_id is None else answer_of(name == session.role_id)
        return _Hold(any_way=same, direct=same) if name.startswith("AROA") else _NOBODY
    if re.fullmatch(r"[0-9]{12}", name):
        return _Hold(any_way=answer_of(name == session.account))
    found = _PRINCIPAL_ARN.fullmatch(name)
    if found is None or "*" in name or "?" in name:
        return _UNKNOWN
    partition, service, account, rest = found.groups()
    if (partition, account) != (session.partition, session.account):
        return _NOBODY
    kind, _, path = rest.partition("/")
    match service, kind:
        case "iam", "root" if rest == "root":
            return _Hold(any_way=Answer.YES)
        case "iam", "role" if path:
            same = _same_role(name, session)
            return _Hold(any_way=same, direct=same)
        case "sts", "assumed-role" if path.count("/") == 1:
            same = _same_session(path, session)
            return _Hold(any_way=same, direct=same, session=same)
        case ("iam", "user") | ("sts", "federated-user") if path:
            return _NOBODY
    return _UNKNOWN


def _same_role(arn: str, session: SsoSession) -> Answer:
    known = session.principal_arn
    exact = same_text(arn, known)
    if exact is not Answer.NO:
        return exact
    # Names are unique in an account whatever their case and path, so this cannot be another role; and IAM
    # shows no such ARN.
    alike = same_text(_name(arn).lower(), Known(text=_name(known.text).lower(), hidden=known.hidden))
    return Answer.NO if alike is Answer.NO else Answer.UNKNOWN


def _same_session(path: str, session: SsoSession) -> Answer:
    role, user = path.split("/")
    known = session.principal_arn
    role_is = same_text(role, Known(text=_name(known.text), hidden=known.hidden))
    user_is = Answer.UNKNOWN if session.user_name is None else answer_of(user == session.user_name)
    return all_of((role_is, user_is))


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _conditions(statement: Statement, context: Context, variables: bool) -> Answer:
    """All operators and all keys have to hold."""
    condition = statement.raw.get("Condition", {})
    if not isinstance(condition, dict):
        return Answer.UNKNOWN
    answers: list[Answer] = []
    for operator, block in condition.items():
        if not isinstance(block, dict) or len({key.lower() for key in block}) < len(block):
            answers.append(Answer.UNKNOWN)
            continue
        answers += [holds(operator, key, value, context, variables=variables) for key, value in block.items()]
    return all_of(answers)


def sso_groups_in(document: str | Mapping[str, object]) -> tuple[str, ...]:
    """The permission-set names that a trust policy lets in by the names of their roles, in its order.

    They are what `WORKBENCH_SSO_GROUPS` said when the Workbench stack was deployed. A name may hold
    wildcards (`Data*`), and `_*` admits longer names too: see `prefixes_of`. Empty where it names none.
    """
    policy = _read(document)
    statements = () if policy is None else policy.statements
    found = [
        match["name"]
        for statement in statements
        if statement.allows and one_of(statement.raw, "Action", "NotAction", names_action) is not Answer.NO
        for text in _role_patterns(statement.raw)
        if (match := _SSO_ROLE.fullmatch(_name(text)))
    ]
    return tuple(dict.fromkeys(found))


def prefixes_of(permission_set: str, groups: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the groups whose pattern `…_*` lets in this set although another one was meant."""
    return tuple(group for group in groups if permission_set.startswith(f"{group}_"))


def _role_patterns(raw: Mapping[str, object]) -> Iterator[str]:
    principal = raw.get("Principal")
    if isinstance(principal, dict):
        yield from strings(principal.get("AWS"))
    condition = raw.get("Condition")
    for operator, block in condition.items() if isinstance(condition, dict) else ():
        if not isinstance(block, dict) or "Not" in operator:
            continue
        for key, value in block.items():
            if key.lower() == "aws:principalarn":
                yield from strings(value)


_UNKNOWN: Final = _Hold(any_way=Answer.UNKNOWN, direct=Answer.UNKNOWN, session=Answer.UNKNOWN)
_NOBODY: Final = _Hold(any_way=Answer.NO)
_EVERYBODY: Final = _Hold(any_way=Answer.YES, direct=Answer.YES, session=Answer.UNKNOWN)
"""AWS documents that a role's ARN leaves the boundary in force and a session's does not; of `*` it is silent."""
_NEVER_A_PERSON: Final = frozenset({"Service", "Federated"})
_MEMBERS: Final = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Condition"}
)
_UNIQUE_ID: Final = re.compile(r"A[A-Z]{3}[A-Z0-9]{12,}")
_PRINCIPAL_ARN: Final = re.compile(r"arn:([a-z-]+):(iam|sts)::([0-9]{12}):(.+)")
_SSO_ROLE: Final = re.compile(
    rf"\**{PREFIX}(?P<name>.+?)(?:_(?:\*|\?{{{SUFFIX_DIGITS}}}|[0-9a-f]{{{SUFFIX_DIGITS}}}))?"
)
