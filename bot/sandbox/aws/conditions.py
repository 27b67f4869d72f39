"""Condition blocks of IAM policies: operators, modifiers, missing keys.

Follows "IAM JSON policy elements: Condition operators". Written for the simulator alone: the
product has an evaluator of its own, and neither may borrow from the other.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Context = Mapping[str, str | list[str]]

_NEGATED = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnlike",
    "arnnotlike": "arnlike",
    "datenotequals": "dateequals",
    "numericnotequals": "numericequals",
}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@lru_cache(maxsize=4096)
def _glob(pattern: str) -> re.Pattern[str]:
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.compile("".join(parts), re.DOTALL)


def like(pattern: str, value: str) -> bool:
    """`*` and `?` as IAM reads them."""
    return _glob(pattern).fullmatch(value) is not None


def arn_like(pattern: str, value: str) -> bool:
    """Each of the six colon-separated fields on its own; `*` in the last one spans slashes."""
    want, have = pattern.split(":", 5), value.split(":", 5)
    return len(want) == len(have) == 6 and all(like(one, two) for one, two in zip(want, have, strict=True))


def _instant(text: str) -> float:
    """Epoch seconds of an ISO 8601 instant or of a number; raises ValueError."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    found = datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _ordered(
    convert: Callable[[str], float], test: Callable[[float, float], bool]
) -> Callable[[str, str], bool]:
    def compare(wanted: str, actual: str) -> bool:
        try:
            return test(convert(actual), convert(wanted))
        except ValueError:
            return False

    return compare


_ORDER: dict[str, Callable[[float, float], bool]] = {
    "equals": lambda actual, wanted: actual == wanted,
    "lessthan": lambda actual, wanted: actual < wanted,
    "lessthanequals": lambda actual, wanted: actual <= wanted,
    "greaterthan": lambda actual, wanted: actual > wanted,
    "greaterthanequals": lambda actual, wanted: actual >= wanted,
}

_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "stringequals": lambda wanted, actual: wanted == actual,
    "stringequalsignorecase": lambda wanted, actual: wanted.lower() == actual.lower(),
    "stringlike": like,
    "arnlike": arn_like,
    # AWS: ArnEquals and ArnLike behave identically.
    "arnequals": arn_like,
    "bool": lambda wanted, actual: wanted.lower() == actual.lower(),
    **{f"date{name}": _ordered(_instant, test) for name, test in _ORDER.items()},
    **{f"numeric{name}": _ordered(float, test) for name, test in _ORDER.items()},
}


def lookup(context: Context, key: str) -> list[str] | None:
    """The values of a condition key; its name is not case-sensitive."""
    for name, value in context.items():
        if name.lower() == key.lower():
            return value if isinstance(value, list) else [value]
    return None


def expand(text: str, context: Context) -> str:
    """Policy variables `${key}` and `${key, 'default'}`; an unknown one stays and so matches nothing."""

    def replace(match: re.Match[str]) -> str:
        name, _, default = match.group(1).partition(",")
        if name in {"*", "?", "$"}:
            return name
        values = lookup(context, name.strip())
        if values is not None and len(values) == 1:
            return values[0]
        default = default.strip()
        return default[1:-1] if len(default) >= 2 and default[0] == default[-1] == "'" else match.group(0)

    return re.sub(r"\$\{([^}]*)\}", replace, text)


def conditions_hold(
    block: Mapping[str, Mapping[str, Any]], context: Context, *, variables: bool = True
) -> bool | None:
    """All operators and all keys must hold. None where an operator is not known to IAM or to us."""
    outcome: bool | None = True
    for operator, keys in block.items():
        for key, wanted in keys.items():
            values = [_text(one) for one in as_list(wanted)]
            if variables:
                values = [expand(one, context) for one in values]
            held = _holds(operator.lower(), values, lookup(context, key))
            if held is False:
                return False
            if held is None:
                outcome = None
    return outcome


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _holds(operator: str, wanted: list[str], actual: list[str] | None) -> bool | None:
    if operator == "null":
        return any((actual is None) == (one.lower() == "true") for one in wanted)
    modifier, _, rest = operator.rpartition(":")
    base, if_exists = rest.removesuffix("ifexists"), rest.endswith("ifexists")
    negated = base in _NEGATED
    test = _OPERATORS.get(_NEGATED.get(base, base))
    if test is None or modifier not in {"", "foranyvalue", "forallvalues"}:
        return None
    if not actual:
        # A negated operator holds for a key that is not there.
        return if_exists or modifier == "forallvalues" or (negated and modifier == "")

    def one(value: str) -> bool:
        return any(test(candidate, value) for candidate in wanted) != negated

    return (
        all(map(one, actual))
        if modifier == "forallvalues" or (not modifier and negated)
        else any(map(one, actual))
    )
