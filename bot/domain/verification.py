"""From three-valued checks to a level that never claims more than was checked."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bot.domain.errors import Code
from bot.domain.evaluate import Answer
from bot.domain.request import Target

PROVEN_FOR: Final = timedelta(hours=1)
"""How long a proof stands as the level: as long as the session lasts that it showed (aws.md §0, fact 12)."""


class Link(StrEnum):
    """The links of the chain from a person to a role, in the order in which they are reported."""

    ASSIGNED = "assigned"
    PROVISIONED = "provisioned"
    ALLOWED = "allowed"
    NOT_DENIED = "not_denied"
    ROLE_EXISTS = "role_exists"
    TRUSTED = "trusted"
    HELD = "held"
    """The policies that IAM really holds for the set's role in the account allow it."""
    SIMULATED = "simulated"
    """IAM's simulator says yes: the boundary and the organisation's control policies leave room for it."""


VISIBLE: Final = (Link.ASSIGNED, Link.PROVISIONED, Link.ALLOWED, Link.NOT_DENIED)
"""What the management account shows by itself."""

WITHIN: Final = (Link.ROLE_EXISTS, Link.TRUSTED, Link.HELD, Link.SIMULATED)
"""What only the read-only role in the account itself can show."""


class Level(StrEnum):
    """How much was checked; stored, never rename a value."""

    NONE = "none"
    CONFIGURED = "configured"
    PREDICTED = "predicted"
    PROVEN = "proven"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One link: yes, no or unknown, with what was seen."""

    link: Link
    answer: Answer
    code: Code | None = None
    """Which link broke, when the answer is no; why it is not known, when AWS refused or was silent."""
    detail: str = ""
    """A name that belongs to `code`, or AWS's own words; data, never parsed."""
    names: tuple[str, ...] = ()
    """With NOT_TRUSTED: the permission sets that the role lets in now; with EXPLICIT_DENY: the attached policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Every check of one account × role for one person."""

    target: Target
    checks: tuple[Check, ...]
    checked_at: datetime
    until: datetime | None = None
    """When the access ends by itself; None where it does not, or where that is not known."""
    is_endless: bool = False
    """A statement without an end allows it. Without `until` and without this, the end is not known."""
    proven_at: datetime | None = None
    """When the person last showed that it works."""
    is_untried: bool = False
    """It hangs on an "Only me" condition, and nobody in the organisation has shown yet that AWS honours one."""

    @property
    def level(self) -> Level:
        """CONFIGURED needs every link that the management account shows; one "no" anywhere means no level.

        A recent proof shows more than all checks can; a "no" found since then stands against it.
        """
        answers = {check.link: check.answer for check in self.checks}
        if Answer.NO in answers.values():
            return Level.NONE
        if self.proven_at is not None and self.checked_at - self.proven_at <= PROVEN_FOR:
            return Level.PROVEN
        if any(answers.get(link) is not Answer.YES for link in VISIBLE):
            return Level.NONE
        if all(answers.get(link) is Answer.YES for link in WITHIN) and not self.is_untried:
            return Level.PREDICTED
        return Level.CONFIGURED

    @property
    def broken(self) -> Check | None:
        """The first link that says no; failing that, the first of the four visible links not known."""
        no = next((check for check in self.checks if check.answer is Answer.NO), None)
        if no is not None or self.level is not Level.NONE:
            return no
        visible = (check for check in self.checks if check.link in VISIBLE)
        return next((check for check in visible if check.answer is Answer.UNKNOWN), None)

    @property
    def was_looked_into(self) -> bool:
        """Whether the account itself was asked, with or without an answer; without a member role it is not."""
        within = [check for check in self.checks if check.link in WITHIN]
        return any(check.answer is not Answer.UNKNOWN or check.code or check.detail for check in within)

    @property
    def held_back(self) -> Check | None:
        """What keeps CONFIGURED from PREDICTED although the account was asked: the first link not known there."""
        if self.level is not Level.CONFIGURED or not self.was_looked_into:
            return None
        within = (check for check in self.checks if check.link in WITHIN)
        return next((check for check in within if check.answer is Answer.UNKNOWN), None)
