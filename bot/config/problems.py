"""The list of problems that the operator reads, and the shape of each kind of value in it."""

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from bot.log import redact

LONGEST_SHOWN = 60
"""Characters of a wrong value that a problem repeats."""


class Problems:
    """Collects every problem, each once, as "KEY: what is wrong. Example: …"."""

    def __init__(self) -> None:
        self._texts: dict[str, None] = {}

    def add(self, key: str, wrong: str, example: str = "") -> None:
        """Note that `key` is not as it must be. A value of the operator's goes through `shown` first."""
        text = f"{key}: {wrong}."
        if example:
            text += f" Example: {example}"
        self._texts[text] = None

    def __len__(self) -> int:
        return len(self._texts)

    def texts(self) -> list[str]:
        """All problems, in the order in which they were found."""
        return list(self._texts)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a text must look like, in words, as a pattern for all of it, and by example."""

    words: str
    pattern: re.Pattern[str]
    example: str

    def fits(self, text: str) -> bool:
        """Whether all of `text` has this shape."""
        return self.pattern.fullmatch(text) is not None


def shape(words: str, pattern: str, example: str) -> Shape:
    """A Shape; the pattern is ASCII only, since AWS's and Slack's ids are."""
    return Shape(words, re.compile(pattern, re.ASCII), example)


# Slack documents no length for ids; the upper bound only keeps pasted text out.
CHANNEL = shape(
    "a channel id (C… or G…; channel details in Slack show it at the bottom)",
    r"[CG][A-Z0-9]{2,30}",
    "C0APPROVALS",
)
USER = shape(
    "a Slack user id (U… or W…; a profile's menu has Copy member ID)", r"[UW][A-Z0-9]{2,30}", "U0ADMIN1"
)
GROUP = shape("a Slack user group id (S…)", r"S[A-Z0-9]{2,30}", "S0SSOADMINS")
ACCOUNT = shape("a 12-digit account id", r"[0-9]{12}", "111111111111")
# https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_CreatePermissionSet.html
PERMISSION_SET = shape(
    "a permission set name (1 to 32 letters, digits or any of +=,.@_-)", r"[\w+=,.@-]{1,32}", "DataScientist"
)
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
ROLE = shape(
    "an IAM role name (1 to 64 letters, digits or any of +=,.@_-, no path)",
    r"[\w+=,.@-]{1,64}",
    "Workbench-ReadOnlyRole",
)
EMAIL = shape("an e-mail address", r"[^@\s<>\"]{1,64}@[^@\s<>\"]+\.[^@\s<>\".]+", "alice.smith@example.com")


def shown(value: object) -> str:
    """A wrong value as a problem repeats it: quoted, on one line, clipped, and without secrets."""
    try:
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
    except (ValueError, RecursionError):
        # Python writes no number of more than 4,300 digits, and no table nested a thousand times.
        text = f"a {type(value).__name__} that is too large to show"
    text = redact(text)
    text = "".join(char if char.isprintable() else "?" for char in text)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """ " (did you mean X?)" for the nearest known word, or nothing."""
    by_folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold()[:100], by_folded, n=1)
    return f" (did you mean {by_folded[near[0]]}?)" if near else ""
