"""Puts facts into a sentence: once as plain text (field errors), once as mrkdwn (messages)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from handlers.views.escape import mrkdwn, one_line
from handlers.views.parts import person, utc, when

FactValues = Mapping[str, str | int]
"""Facts by name. A missing one makes a sentence less exact, never wrong:

`permission_set`, `account`, `account_name`, `accounts` (several), `role`, `you` (1: the requester reads it),
`names` (other permission sets, or a policy),
`by` (a Slack user id), `at` / `until` (unix seconds), `status`, `detail` and `sid` (a statement's Sid or
another name), `reason` and `operation` (AWS's words), `id` / `label` (`WA-17`), `email`, `limit`, `asked`,
`have`, `need`, `targets` (how many).
"""


@dataclass(frozen=True, slots=True)
class Pen:
    """Writes the facts of one sentence: foreign words cleaned, and escaped where Slack would parse them."""

    facts: FactValues
    support: str
    markup: bool

    def literal(self, text: str, limit: int = 300) -> str:
        return mrkdwn(one_line(text), limit) if self.markup else one_line(text, limit)

    def has(self, key: str) -> bool:
        return self.facts.get(key, "") != ""

    def name(self, key: str, otherwise: str) -> str:
        """A name as it is, or other words where it is not known."""
        return self.literal(str(self.facts[key]), 128) if self.has(key) else otherwise

    def quoted(self, key: str, before: str = " ", after: str = "") -> str:
        """Foreign words between quotation marks, with what leads to them; nothing where there are none."""
        if not self.has(key):
            return ""
        return f"{before}“{self.literal(str(self.facts[key]))}”{after}"

    def someone(self, key: str, otherwise: str = "somebody else") -> str:
        if not self.has(key) or not self.markup:
            return otherwise
        return person(str(self.facts[key]))

    def instant(self, key: str, before: str = ", ") -> str:
        """A point in time with the words before it; nothing where it is not known."""
        seconds = self.facts.get(key)
        if not isinstance(seconds, int):
            return ""
        at = datetime.fromtimestamp(seconds, UTC)
        return before + (when(at) if self.markup else utc(at))

    def number(self, key: str, otherwise: int) -> str:
        value = self.facts.get(key)
        return f"{value if isinstance(value, int) else otherwise:,}"

    def integer(self, key: str) -> int:
        """A count; 0 where it is not known."""
        value = self.facts.get(key)
        return value if isinstance(value, int) else 0

    @property
    def permission_set(self) -> str:
        """The set by name where it is known."""
        return self.name("permission_set", "the permission set")

    @property
    def account(self) -> str:
        """ "prod (111111111111)", "account 111111111111", or "this account"."""
        if not self.has("account"):
            return "these accounts" if self.has("accounts") else "this account"
        number = self.literal(str(self.facts["account"]), 64)
        return (
            f"{self.name('account_name', '')} ({number})" if self.has("account_name") else f"account {number}"
        )

    @property
    def requester(self) -> str:
        """Whom a missing assignment concerns; `you` says that the requester is the reader."""
        return "you" if self.facts.get("you") else "the requester"

    @property
    def role(self) -> str:
        return self.name("role", "the role")

    @property
    def request(self) -> str:
        """ "WA-17", or "This request"."""
        return self.name("label", self.name("id", "This request"))

    @property
    def contact(self) -> str:
        """Whom to ask; the configuration requires one."""
        return self.literal(self.support, 100)

    @property
    def ask(self) -> str:
        """Closes every failure."""
        return f" If you need help, ask {self.contact}."
