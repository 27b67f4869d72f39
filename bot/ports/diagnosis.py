"""What the doctor asks of each part of the set-up: reads only, each harmless wherever it is run.

All methods raise as the ports of the running bot do: `Unavailable` where nobody answers,
`Provisioning(ACCESS_DENIED)` or `Refusal(ACCESS_DENIED)` where this role or token may not ask, `NotFound`, and
`Misconfigured` with everything that the operator has to mend.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bot.domain.names import AccountId, ChannelId, PermissionSetArn, PermissionSetName, SlackUserId


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What the configuration says about itself, without a secret in it."""

    rules_file: str
    socket_mode: bool
    signing_secret_digits: int | None
    """How many hexadecimal digits the signing secret has; None without one."""


# Slack


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackIdentity:
    """Whose token this is."""

    team_name: str
    team_id: str
    bot_user: str
    scopes: frozenset[str] | None
    """None where the answer did not say."""
    said_at: datetime | None
    """The Date of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """A channel as the bot sees it."""

    name: str
    has_bot: bool
    is_archived: bool | None
    """None: this token may not ask."""
    is_shared_outside: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserGroup:
    id: str
    name: str
    is_enabled: bool
    members: frozenset[SlackUserId]


class SlackProbe(Protocol):
    """Slack, asked with the bot's own token. The port `People` answers who somebody is."""

    async def identity(self) -> SlackIdentity: ...

    async def channel(self, channel: ChannelId) -> ChannelState:
        """Raises `NotFound` for a channel that the bot cannot see."""
        ...

    async def user_groups(self) -> Sequence[UserGroup]:
        """All of them, disabled ones included."""
        ...


# AWS


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who the bot is to AWS."""

    arn: str
    account: AccountId


class Simulated(StrEnum):
    """What IAM's simulator says of one action on one resource."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFacts:
    """A permission set beside its policy."""

    tags: Mapping[str, str]
    description: str


class AwsProbe(Protocol):
    """AWS, asked with the bot's own credentials. The port `IdentityCenter` answers what is not here."""

    @property
    def reads(self) -> Collection[str]:
        """The read actions that the bot needs, as IAM names them."""
        ...

    async def caller(self) -> Caller: ...

    async def said_at(self) -> datetime | None:
        """The Date of an answer of AWS's, also of one that refuses; None if none came."""
        ...

    async def try_read(self, action: str, permission_set: PermissionSetArn | None) -> bool:
        """A real, harmless call of this action; raises what AWS raises for one that may not be called.

        False: there is nothing to try it on.
        """
        ...

    async def simulate(
        self, principal: str, actions: Collection[str], resources: Collection[str], tags: Mapping[str, str]
    ) -> Mapping[tuple[str, str], Simulated]:
        """By action and resource, as if the resources had these tags."""
        ...

    async def set_facts(self, permission_set: PermissionSetArn) -> SetFacts: ...


# The database


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseState:
    """Seen without changing anything: `write` was undone."""

    kind: str
    exists: bool
    """False: an SQLite file that the first start will create."""
    unwritable: str
    """Why it cannot be written; "" where it can, or does not exist yet and can be created."""
    revision: str
    """The schema's revision, "" for none."""
    newest: str
    """The revision that this version writes."""
    is_newer: bool
    """Whether a newer version has migrated it."""
    network_file_system: str
    """The kind of network file system that an SQLite file lies on, "" for none."""

    @property
    def is_current(self) -> bool:
        return self.exists and self.revision == self.newest


class DatabaseProbe(Protocol):
    async def state(self) -> DatabaseState: ...

    async def known_sids(self, permission_set: PermissionSetName) -> frozenset[str]:
        """The Sids that this database has written into the set's policy, as far as it still wants them."""
        ...
