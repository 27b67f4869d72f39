"""One condition of an IAM policy, judged by what is known of the request: yes, no or unknown.

Follows "IAM JSON policy elements: Condition operators" as far as aws.md, section 2.2, needs it. A key or an
operator that is not listed here is unknown: never false, never true.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from bot.domain.three_valued import Answer, all_of, any_of, like, opposite


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The one value of a condition key, as far as it is known."""

    text: str
    hidden: int = 0
    """How many lower-case hexadecimal digits follow the text that are not known."""


Context = Mapping[str, Known]
"""Condition keys in lower case, since IAM's keys have no case; each of them is surely in the request."""


def holds(operator: str, key: str, value: object, context: Context, *, variables: bool) -> Answer:
    """Whether one key of one operator is fulfilled.

    `variables` says whether the policy's version gives `${…}` a meaning. All keys here have exactly one
    value, so `…IfExists`, `ForAnyValue` and `ForAllValues` change nothing.
    """
    modifier, _, name = operator.rpartition(":")
    base = name.removesuffix("IfExists")
    known = context.get(key.lower())
    if known is None or operator.startswith(":") or modifier not in _MODIFIERS:
        return Answer.UNKNOWN
    if operator == "Null":
        return _one_of(_flags(value), lambda text: answer_of(text == "false"))
    if base == "Bool":
        # None of the keys is a truth value, so none equals one.
        return _one_of(_flags(value), lambda _: Answer.NO)
    if base not in _OPERATORS:
        return Answer.UNKNOWN
    compare, negated = _OPERATORS[base]
    answer = _one_of(
        strings(value),
        lambda text: Answer.UNKNOWN if variables and "${" in text else compare(text, known),
    )
    return opposite(answer) if negated else answer


def strings(value: object) -> list[str]:
    """A string or a list of strings; empty where it is anything else."""
    items = value if isinstance(value, list) else [value]
    found = [item for item in items if isinstance(item, str)]
    return found if len(found) == len(items) else []


def answer_of(known: bool) -> Answer:
    """What is known, as an answer."""
    return Answer.YES if known else Answer.NO


def same_text(text: str, known: Known) -> Answer:
    """Whether the value is exactly this text."""
    if not known.hidden:
        return answer_of(text == known.text)
    tail = text.removeprefix(known.text)
    fits = text.startswith(known.text) and len(tail) == known.hidden and set(tail) <= set(_HEX)
    return Answer.UNKNOWN if fits else Answer.NO


def _flags(value: object) -> list[str]:
    """The texts of one or several truth values, which JSON may write with or without quotes."""
    items = value if isinstance(value, list) else [value]
    found = [str(item).lower() for item in items if isinstance(item, str | bool)]
    return found if len(found) == len(items) and set(found) <= {"true", "false"} else []


def _one_of(values: list[str], matches: Callable[[str], Answer]) -> Answer:
    return any_of(map(matches, values)) if values else Answer.UNKNOWN


def _same_in_any_case(text: str, known: Known) -> Answer:
    if not (text.isascii() and known.text.isascii()):
        return Answer.UNKNOWN
    return same_text(text.lower(), Known(text=known.text.lower(), hidden=known.hidden))


def _like(pattern: str, known: Known) -> Answer:
    if like(pattern, [*known.text, *[""] * known.hidden]):
        return Answer.YES
    # Only a pattern that names digits itself can match some suffixes and not others.
    possible = known.hidden and like(pattern, [*known.text, *[_HEX] * known.hidden])
    return Answer.UNKNOWN if possible else Answer.NO


def _arn_like(pattern: str, known: Known) -> Answer:
    """Each of the six fields on its own; `*` in the last one spans `:` and `/`. ArnEquals is the same."""
    wanted, actual = pattern.split(":", 5), known.text.split(":", 5)
    if len(wanted) < 6 or len(actual) < 6:
        return Answer.UNKNOWN
    fields = [Known(text=text) for text in actual[:5]] + [Known(text=actual[5], hidden=known.hidden)]
    return all_of(_like(one, two) for one, two in zip(wanted, fields, strict=True))


_HEX: Final = "0123456789abcdef"
_MODIFIERS: Final = ("", "ForAnyValue", "ForAllValues")
TEXT_OPERATORS: Final = ("StringEquals", "StringEqualsIgnoreCase", "StringLike")
TEXT_OPERATORS_NEGATED: Final = ("StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike")
_Compare = Callable[[str, Known], Answer]
_OPERATORS: Final[Mapping[str, tuple[_Compare, bool]]] = {
    "StringEquals": (same_text, False),
    "StringNotEquals": (same_text, True),
    "StringEqualsIgnoreCase": (_same_in_any_case, False),
    "StringNotEqualsIgnoreCase": (_same_in_any_case, True),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
    "ArnEquals": (_arn_like, False),
    "ArnNotEquals": (_arn_like, True),
    "ArnLike": (_arn_like, False),
    "ArnNotLike": (_arn_like, True),
}
"""How a text of the policy is compared with the value, and whether the opposite is asked for."""
