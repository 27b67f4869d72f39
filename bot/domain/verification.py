"""From three-valued checks to a level that never claims more than was checked."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.errors import Code
from bot.domain.evaluate import Answer
from bot.domain.request import Target


class Link(StrEnum):
    """The links of the chain from a person to a role, in the order in which they are reported."""

    ASSIGNED = "assigned"
    PROVISIONED = "provisioned"
    ALLOWED = "allowed"
    NOT_DENIED = "not_denied"
    ROLE_EXISTS = "role_exists"
    TRUSTED = "trusted"
    SIMULATED = "simulated"


VISIBLE = (Link.ASSIGNED, Link.PROVISIONED, Link.ALLOWED, Link.NOT_DENIED)
"""What the management account shows by itself."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """Every check of one account × role for one person."""

    target: Target
    checks: tuple[Check, ...]
    checked_at: datetime
    until: datetime | None = None
    """When the access ends by itself; None for no end, or where nothing is allowed."""

    @property
    def level(self) -> Level:
        """CONFIGURED needs every link that the management account shows; one "no" anywhere means no level."""
        answers = {check.link: check.answer for check in self.checks}
        if Answer.NO in answers.values():
            return Level.NONE
        if any(answers.get(link) is not Answer.YES for link in VISIBLE):
            return Level.NONE
        further = (Link.ROLE_EXISTS, Link.TRUSTED, Link.SIMULATED)
        if all(answers.get(link) is Answer.YES for link in further):
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
