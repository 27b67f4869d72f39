"""Which text each permission set had before its last change, when that was, and who made it."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from bot.sandbox.aws.organisation import AwsOrganisation

Author = Literal["bot", "console"]
OURS: Final = "WorkbenchAccess"
"""How the names of the bot's own statements begin; the sandbox knows it as everybody does who reads the policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The last change of one policy."""

    text: str
    before: str = ""
    at: float | None = None
    """On the organisation's clock."""
    by: Author | None = None


class Policies:
    """A listener of the organisation. What happens outside of `at_the_console` was the bot."""

    def __init__(self, org: AwsOrganisation) -> None:
        self._org = org
        self._author: Author = "bot"
        self.last = {one.arn: Change(text=one.inline_policy) for one in org.permission_sets.values()}
        org.on_change(self._look)

    @contextmanager
    def at_the_console(self) -> Iterator[None]:
        """What changes inside is the work of somebody at the AWS console."""
        self._author = "console"
        try:
            yield
        finally:
            self._author = "bot"

    def _look(self) -> None:
        for one in self._org.permission_sets.values():
            known = self.last.get(one.arn, Change(text=""))
            if known.text != one.inline_policy:
                self.last[one.arn] = Change(
                    text=one.inline_policy, before=known.text, at=self._org.clock(), by=self._author
                )


def pretty(text: str) -> str:
    """A policy as people read it; "" for none."""
    return json.dumps(json.loads(text), indent=2) if text else ""


def size(text: str) -> int:
    """Bytes as Identity Center counts them: without white space."""
    return len(re.sub(r"\s", "", text).encode())


def has_ours(text: str) -> bool:
    """Whether a statement of the bot stands in this policy."""
    statements = json.loads(text).get("Statement", []) if text else []
    return any(str(one.get("Sid", "")).startswith(OURS) for one in statements)
