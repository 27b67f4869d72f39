"""Yes, no and unknown: how answers combine, and how IAM's patterns match."""

from collections.abc import Iterable, Sequence
from enum import Enum


class Answer(Enum):
    """What a check knows."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def all_of(answers: Iterable[Answer]) -> Answer:
    """Whether all are YES: one NO decides, whatever else is unknown."""
    given = set(answers)
    return next((answer for answer in (Answer.NO, Answer.UNKNOWN) if answer in given), Answer.YES)


def any_of(answers: Iterable[Answer]) -> Answer:
    """Whether at least one is YES: one YES decides, whatever else is unknown."""
    given = set(answers)
    return next((answer for answer in (Answer.YES, Answer.UNKNOWN) if answer in given), Answer.NO)


def opposite(answer: Answer) -> Answer:
    """YES for NO and NO for YES; what is unknown stays so."""
    return {Answer.YES: Answer.NO, Answer.NO: Answer.YES}.get(answer, answer)


def like(pattern: str, text: Sequence[str]) -> bool:
    """Whether an IAM pattern matches: `*` is any run of characters, `:` and `/` included, `?` exactly one.

    Instead of a text, what may stand at each of its places: several characters, or none that has a name.
    Walks along both, since a regular expression made of many stars takes exponential time.
    """
    at = here = 0
    star, resume = -1, 0
    while here < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, here
            at += 1
        elif at < len(pattern) and (pattern[at] == "?" or pattern[at] in text[here]):
            at, here = at + 1, here + 1
        elif star >= 0:
            resume += 1
            at, here = star + 1, resume
        else:
            return False
    return pattern[at:].strip("*") == ""
