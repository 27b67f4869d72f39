"""The inline policy of a permission set: read strictly, changed minimally, compared by meaning.

What others wrote is kept as the text of its values; only whole managed statements are added or dropped. The
rules (a) to (g) named below are those of aws.md, section 3.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from string import ascii_lowercase, ascii_uppercase
from typing import Final

from bot.domain.errors import Code, Refusal
from bot.domain.statements import (
    MANAGED_SID_PREFIX,
    AlteredStatement,
    ManagedStatement,
    is_altered,
    parse_managed,
)
from bot.domain.strict_json import NotStrict, dump, load

LIMIT_BYTES: Final = 10_240
"""AWS's quota of an inline policy in a permission set: bytes that are not white space."""
WARN_BYTES: Final = 8_192
"""80 % of the quota."""
LIMIT_CHARACTERS: Final = 32_768
"""The API model's hard limit of PutInlinePolicyToPermissionSet, white space included."""

_WRITABLE: Final = re.compile(r"[\t\n\r\x20-\xFF]*")
_ASCII_SPACE: Final = re.compile(r"\s", re.ASCII)
_FOLD: Final = str.maketrans(ascii_uppercase, ascii_lowercase)


class PolicyUnreadable(Refusal):
    """The document is not a policy that can be changed safely, so it is never rewritten; rule (a)."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.POLICY_UNREADABLE, detail=detail)
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a document. Equal means equal text: Python takes 1 and true for the same."""

    text: str
    """Compact JSON, its members in the document's order."""
    raw: Mapping[str, object] = field(compare=False, repr=False)
    """The same, parsed. Not to be changed."""

    @classmethod
    def of(cls, raw: Mapping[str, object]) -> "Statement":
        """The statement with exactly these values, in this order."""
        return cls(text=dump(raw), raw=raw)

    @property
    def sid(self) -> str | None:
        """The Sid, None where there is none or an empty one."""
        sid = self.raw.get("Sid")
        return sid if isinstance(sid, str) and sid else None

    @property
    def is_managed(self) -> bool:
        """Whether its Sid says that it is the bot's."""
        return (self.sid or "").startswith(MANAGED_SID_PREFIX)

    @property
    def allows(self) -> bool:
        """Allow, or Deny; `parse` admits nothing else."""
        return self.raw.get("Effect") == "Allow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """An inline policy, in its author's order and spelling."""

    head: tuple[tuple[str, str], ...]
    """Every top-level member but Statement: its name and its value as compact JSON."""
    statement_at: int
    """How many members of the head stand before Statement."""
    statements: tuple[Statement, ...]
    single: bool
    """Whether Statement is one object instead of a list."""

    @property
    def version(self) -> str | None:
        """The policy language's version; anything but 2012-10-17, absence too, knows no policy variables."""
        version = load(dict(self.head).get("Version", "null"))
        return version if isinstance(version, str) else None


EMPTY: Final = Policy(head=(("Version", '"2012-10-17"'),), statement_at=1, statements=(), single=False)
"""No policy, as AWS has it: `""`. What is added to it gets the current version of the language."""


def parse(document: str) -> Policy:
    """Read an inline policy; an empty document is the empty policy.

    Raises PolicyUnreadable, and nothing else, where the document is no policy or could not be written back
    with the same meaning: rule (a).
    """
    if not document.strip(" \t\r\n"):
        return EMPTY
    try:
        value = load(document)
    except NotStrict as error:
        raise PolicyUnreadable(error.detail) from error
    if not isinstance(value, dict):
        raise PolicyUnreadable("not an object")
    body = value.get("Statement")
    if not isinstance(body, dict | list):
        raise PolicyUnreadable("no statements")
    if body == []:
        return EMPTY
    statements = tuple(_statement(item) for item in (body if isinstance(body, list) else [body]))
    sids = [statement.sid for statement in statements if statement.sid]
    if len(set(sids)) != len(sids):
        raise PolicyUnreadable("duplicate Sid")
    names = list(value)
    return Policy(
        head=tuple((name, dump(value[name])) for name in names if name != "Statement"),
        statement_at=names.index("Statement"),
        statements=statements,
        single=isinstance(body, dict),
    )


def _statement(value: object) -> Statement:
    if not isinstance(value, dict):
        raise PolicyUnreadable("a statement is not an object")
    if value.get("Effect") not in ("Allow", "Deny"):
        raise PolicyUnreadable("a statement without Effect")
    if not isinstance(value.get("Sid", ""), str):
        raise PolicyUnreadable("a Sid that is no text")
    return Statement.of(value)


def serialise(policy: Policy) -> str:
    """The document to put, compact; `""`: nothing is left, the inline policy is to be deleted, rule (e)."""
    if not policy.statements:
        return ""
    listed = ",".join(statement.text for statement in policy.statements)
    members = [f"{dump(name)}:{text}" for name, text in policy.head]
    members.insert(policy.statement_at, f'"Statement":{listed if policy.single else f"[{listed}]"}')
    return "{" + ",".join(members) + "}"


def size_bytes(document: str) -> int:
    """Bytes (UTF-8) that count towards LIMIT_BYTES: all that are not white space, inside of strings too.

    White space is ASCII's. What AWS makes of the non-breaking space and its like is not known, so they count:
    this may say too much by some bytes, never too little.
    """
    return len(_ASCII_SPACE.sub("", document).encode("utf-8", "surrogatepass"))


def check_writable(document: str) -> None:
    """Raise what AWS would say to this document: Refusal NO_ROOM with size and limit, or PolicyUnreadable."""
    if not _WRITABLE.fullmatch(document):
        raise PolicyUnreadable("characters")
    if (size := size_bytes(document)) > LIMIT_BYTES:
        raise Refusal(Code.NO_ROOM, size=size, limit=LIMIT_BYTES)
    if len(document) > LIMIT_CHARACTERS:
        raise Refusal(Code.NO_ROOM, size=len(document), limit=LIMIT_CHARACTERS)


def fits(document: str) -> bool:
    """Whether AWS would take this document, as far as its size and its characters go."""
    try:
        check_writable(document)
    except Refusal:
        return False
    return True


def managed(policy: Policy) -> tuple[ManagedStatement, ...]:
    """The managed statements in order. Raises AlteredStatement for one that was edited by hand."""
    return tuple(parse_managed(statement.raw) for statement in policy.statements if statement.is_managed)


def unexplained(policy: Policy, known: AbstractSet[str]) -> tuple[str, ...]:
    """Sids that look managed but that this database (`known`) has never written: drift, left alone."""
    sids = (statement.sid for statement in policy.statements if statement.is_managed)
    return tuple(sid for sid in sids if sid and sid not in known)


def merge(
    policy: Policy, *, desired: Iterable[ManagedStatement], removable: AbstractSet[str], repair: bool = False
) -> Policy:
    """The policy with the desired managed statements, and without those that are desired no more.

    `removable` are the Sids that this database has written: other managed Sids stay, as everything foreign
    does, value by value and in order. What is missing goes to the end. With nothing to do the same object
    comes back: rule (d). Raises AlteredStatement where a statement to keep or to drop was edited by hand;
    `repair`, which a person must have asked for, rewrites it in its place or drops it instead.
    """
    wanted = {statement.sid: statement for statement in sorted(desired, key=lambda each: each.order)}
    kept: list[Statement] = []
    for statement in policy.statements:
        sid = statement.sid
        if sid is None or not statement.is_managed or (sid not in wanted and sid not in removable):
            kept.append(statement)
            continue
        altered = is_altered(statement.raw)
        if altered and not repair:
            raise AlteredStatement(sid)
        if sid in wanted:
            kept.append(Statement.of(wanted[sid].to_json()) if altered else statement)
    present = {statement.sid for statement in kept}
    missing = [Statement.of(statement.to_json()) for sid, statement in wanted.items() if sid not in present]
    statements = (*kept, *missing)
    if statements == policy.statements:
        return policy
    if not statements:
        return EMPTY
    return replace(policy, statements=statements, single=policy.single and len(kept) == 1 and not missing)


def canonical(policy: Policy | str) -> str:
    """What two policies share if they say the same: rule (g). Raises PolicyUnreadable for a document."""
    if isinstance(policy, str):
        policy = parse(policy)
    return "\n".join(
        [*_canonical_head(policy), *sorted(_canonical_statement(each) for each in policy.statements)]
    )


def fingerprint(document: str) -> str:
    """sha256, hexadecimal, of the canonical form; of the text itself where that cannot be read."""
    try:
        return _sha256(canonical(document))
    except PolicyUnreadable:
        return _sha256("unreadable:" + document)


def foreign_fingerprint(document: str) -> str:
    """The fingerprint of all that is not managed, order included: the bot's own rounds never change it."""
    try:
        policy = parse(document)
    except PolicyUnreadable:
        return _sha256("unreadable:" + document)
    foreign = replace(policy, statements=tuple(each for each in policy.statements if not each.is_managed))
    return _sha256("\n".join([*_canonical_head(foreign), *map(_canonical_statement, foreign.statements)]))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _canonical_head(policy: Policy) -> list[str]:
    """Without statements there is no policy at all in AWS, so its head says nothing."""
    if not policy.statements:
        return []
    return sorted(f"{dump(name)}:{dump(load(text), sort_keys=True)}" for name, text in policy.head)


def _canonical_statement(statement: Statement) -> str:
    form: dict[str, object] = {}
    for name, value in statement.raw.items():
        match name:
            case "Sid" if value == "":
                continue
            case "Action" | "NotAction":
                form[name] = _listed(value, fold=True)
            case "Resource" | "NotResource":
                form[name] = _listed(value)
            case "Principal" | "NotPrincipal":
                form[name] = _listed_values(value)
            case "Condition" if isinstance(value, dict):
                form[name] = {operator: _listed_values(block) for operator, block in value.items()}
            case _:
                form[name] = value
    return dump(form, sort_keys=True)


def _listed_values(value: object) -> object:
    return {key: _listed(each) for key, each in value.items()} if isinstance(value, dict) else value


def _listed(value: object, *, fold: bool = False) -> list[object]:
    items = value if isinstance(value, list) else [value]
    if fold:
        # ASCII only: casefold would take the long s of "ſts:AssumeRole" for an s.
        items = [item.translate(_FOLD) if isinstance(item, str) else item for item in items]
    return sorted(items, key=lambda item: dump(item, sort_keys=True))
