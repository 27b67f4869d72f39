"""What the doctor says: one line per thing that was looked at, and the rules by which facts become lines."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class Area(StrEnum):
    """Whose part of the set-up a line is about, in the order in which they are shown."""

    CONFIGURATION = "configuration"
    SLACK = "slack"
    AWS = "aws"
    PERMISSION_SETS = "permission_sets"
    MEMBER_ACCOUNTS = "member_accounts"
    DATABASE = "database"


class Health(StrEnum):
    """How bad it is; part of the JSON that `doctor --json` prints, never rename a value."""

    OK = "ok"
    WARNING = "warning"
    """The bot works, or may work; something is lost, or could not be looked at."""
    FAILURE = "failure"
    """Something that people ask for will not work until this is mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One finding. Raises ValueError where something is wrong and no remedy is told."""

    area: Area
    check: str
    """Which check: stable, for scripts."""
    subject: str = ""
    """What it looked at, where the same check looks at several: a scope, an account, a permission set."""
    health: Health
    found: str
    """One sentence or less, without secrets."""
    remedy: str = ""
    """The exact line to add or command to run."""
    known: bool = True
    """False: nobody could look. Such a line is never ok."""

    def __post_init__(self) -> None:
        if self.health is Health.OK:
            if not self.known:
                raise ValueError("what nobody could look at is not ok")
        elif not self.remedy:
            raise ValueError(f"{self.check} {self.subject} says what is wrong, but not what to do")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a check looks at; makes its lines."""

    area: Area
    check: str
    subject: str = ""

    def ok(self, found: str) -> Line:
        return self._line(Health.OK, found, "")

    def warning(self, found: str, remedy: str) -> Line:
        return self._line(Health.WARNING, found, remedy)

    def failure(self, found: str, remedy: str) -> Line:
        return self._line(Health.FAILURE, found, remedy)

    def unknown(self, why: str, remedy: str) -> Line:
        """A warning that claims nothing: it could not be looked at."""
        return self._line(Health.WARNING, f"Unknown: {why}", remedy, known=False)

    def _line(self, health: Health, found: str, remedy: str, *, known: bool = True) -> Line:
        return Line(
            area=self.area,
            check=self.check,
            subject=self.subject,
            health=health,
            found=found,
            remedy=remedy,
            known=known,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Everything that was found."""

    examined_at: datetime
    lines: tuple[Line, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether there is no failure; warnings may be there."""
        return not self.of(Health.FAILURE)

    def of(self, health: Health) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.health is health)

    def counts(self) -> Mapping[Health, int]:
        counted = Counter(line.health for line in self.lines)
        return {health: counted[health] for health in Health}


def diagnosis(lines: Iterable[Line], at: datetime) -> Diagnosis:
    """The lines by area; within an area they keep their order."""
    order = list(Area)
    return Diagnosis(examined_at=at, lines=tuple(sorted(lines, key=lambda line: order.index(line.area))))


# Clocks

SIGNATURE_VALID_FOR: Final = timedelta(minutes=5)
"""Slack's requests and SigV4 signatures are refused beyond it (docs.slack.dev, verifying requests; AWS: signing)."""
WORTH_SAYING: Final = timedelta(seconds=30)


def clock(about: About, *, here: datetime, there: datetime | None, whose: str) -> Line:
    """This machine's clock against the Date of an answer, which is exact to a second."""
    remedy = "timedatectl set-ntp true"
    if there is None:
        return about.unknown(f"the answer of {whose} carries no date", remedy)
    seconds = round((here - there).total_seconds())
    if abs(seconds) <= WORTH_SAYING.total_seconds():
        return about.ok(f"agrees with the clock of {whose}")
    direction = "ahead of" if seconds > 0 else "behind"
    found = f"this machine's clock is {abs(seconds)} seconds {direction} the clock of {whose}"
    if abs(seconds) < SIGNATURE_VALID_FOR.total_seconds():
        return about.warning(f"{found}; from 5 minutes on signatures are refused", remedy)
    return about.failure(f"{found}; from 5 minutes on signatures are refused", remedy)


# Who else writes a permission set

TAG: Final = ("workbench-access", "managed")
"""What opts a permission set in, where the shipped role is used."""

_TOOLS: Final = (
    ("Terraform", ("terraform", "opentofu", "tofu", "spacelift", "atlantis")),
    ("CloudFormation", ("cloudformation", "stackset", "aws-cdk", "cdk")),
    ("another tool", ("pulumi", "crossplane", "ansible")),
)
_SEPARATORS: Final = re.compile(r"[=/:]")
_PUNCTUATION: Final = ".,;()[]\"'"
_OWNER_KEYS: Final = frozenset({"managedby", "createdby", "provisionedby", "provisioner", "owner", "iac"})


def owner(tags: Mapping[str, str], description: str) -> str | None:
    """The tool that seems to own the set, by its tags and description: "Terraform", "CloudFormation", …

    A hint, no more: tools leave no mark that can be relied on. But each of them writes the inline policy as
    a whole at its next apply (aws.md, fact 10).
    """
    if any(key.casefold().startswith("aws:cloudformation:") for key in tags):
        return "CloudFormation"
    told = [description.casefold()]
    for key, value in tags.items():
        plain = "".join(char for char in key.casefold() if char.isalnum())
        # The value of any other tag may name a tool for another reason: `project = terraform-modules`.
        told.append(f"{key} {value}".casefold() if plain in _OWNER_KEYS else key.casefold())
    words = {word.strip(_PUNCTUATION) for text in told for word in _SEPARATORS.sub(" ", text).split()}
    for tool, hints in _TOOLS:
        if any(word == hint or word.startswith((f"{hint}-", f"{hint}_")) for word in words for hint in hints):
            return tool
    return None


# What the app needs of Slack


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A scope of the app, and what is lost without it."""

    name: str
    needed: bool
    lost: str


SCOPES: Final = (
    Scope(name="commands", needed=True, lost="nobody can type /workbench-access"),
    Scope(name="chat:write", needed=True, lost="no card, no answer and no direct message can be sent"),
    Scope(name="users:read", needed=True, lost="nobody can be told from a guest, so everybody is refused"),
    Scope(name="users:read.email", needed=True, lost="nobody can be found in Identity Center"),
    Scope(name="usergroups:read", needed=True, lost="approvers in user groups are not recognised"),
    Scope(name="im:write", needed=True, lost="no direct message can be opened"),
    Scope(
        name="channels:history",
        needed=False,
        lost="a message whose fate a crash left open is sent again, marked as a possible repetition",
    ),
    Scope(name="groups:history", needed=False, lost="the same in a private approvals channel"),
    Scope(name="im:history", needed=False, lost="the same in direct messages"),
    Scope(
        name="channels:read",
        needed=False,
        lost="nobody can tell whether the approvals channel is archived or shared with other companies",
    ),
    Scope(name="groups:read", needed=False, lost="the same for a private approvals channel"),
)
"""Those of manifest.yml, which a test compares."""


def scope(about: About, wanted: Scope, granted: frozenset[str] | None) -> Line:
    """Whether the token has it."""
    mend = (
        f"add {wanted.name} under oauth_config.scopes.bot of the app's manifest (see manifest.yml), "
        "then reinstall the app"
    )
    if granted is None:
        return about.unknown("Slack's answer does not list the scopes of the token", mend)
    if wanted.name in granted:
        return about.ok("granted")
    if wanted.needed:
        return about.failure(f"missing: {wanted.lost}", mend)
    return about.warning(f"not granted (it is optional): {wanted.lost}", mend)
