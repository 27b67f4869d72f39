"""Access keys: who is behind a call, and sessions of people and roles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from bot.sandbox.aws.evaluator import Principal

if TYPE_CHECKING:
    from bot.sandbox.aws.organisation import AwsOrganisation
    from bot.sandbox.aws.records import User
    from bot.sandbox.aws.roles import Role

BOT_KEY = "AKIASANDBOXBOT000000"
BOT_SECRET = "sandbox-bot-no-secret"
SESSION_SECONDS = 3600.0


class Credentials(TypedDict):
    """Keywords that `boto3.client` and `boto3.Session` take."""

    aws_access_key_id: str
    aws_secret_access_key: str
    aws_session_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who makes a call. `role_id` is None for a user with a long-term key."""

    account: str
    arn: str
    user_id: str
    role_arn: str | None = None
    role_id: str | None = None
    session_name: str = ""
    context: dict[str, str] = field(default_factory=dict)
    """Condition keys that belong to the session itself."""

    @property
    def principal(self) -> Principal:
        return Principal(account=self.account, arn=self.arn, role_arn=self.role_arn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    caller: Caller
    secret: str
    token: str | None
    expires_at: float | None


class Sessions:
    def __init__(self, org: AwsOrganisation) -> None:
        self._org = org
        self._by_key: dict[str, Session] = {}
        bot = Caller(account=org.bot_account, arn=org.bot_arn, user_id="AIDASANDBOXBOT000000")
        self._by_key[BOT_KEY] = Session(caller=bot, secret=BOT_SECRET, token=None, expires_at=None)

    def find(self, access_key: str) -> Session | None:
        return self._by_key.get(access_key)

    def expired(self, session: Session) -> bool:
        return session.expires_at is not None and session.expires_at <= self._org.clock()

    def add_account_key(self, account: str, name: str = "admin") -> Credentials:
        """A session with a user's identity in any account, allowed whatever IAM users may do there."""
        arn = f"arn:{self._org.partition}:iam::{account}:user/{name}"
        caller = Caller(account=account, arn=arn, user_id=f"AIDA{self._org.identifiers.hex16(name).upper()}")
        return self._open(caller, None)

    def role_caller(self, role: Role, session_name: str, **context: str) -> Caller:
        """A session of a role; its ARN drops the role's path."""
        return Caller(
            account=role.account,
            arn=f"arn:{self._org.partition}:sts::{role.account}:assumed-role/{role.name}/{session_name}",
            user_id=f"{role.id}:{session_name}",
            role_arn=role.arn,
            role_id=role.id,
            session_name=session_name,
            context=context,
        )

    def open_role(self, role: Role, session_name: str, seconds: float) -> tuple[Credentials, Caller, float]:
        """What AssumeRole hands out once it has been allowed."""
        caller = self.role_caller(role, session_name)
        expires_at = self._org.clock() + seconds
        return self._open(caller, expires_at), caller, expires_at

    def portal_caller(self, user: str, permission_set: str, account: str) -> Caller:
        """The person's session as it would be now. Raises PermissionError if the portal refuses."""
        org = self._org
        person = org.directory.user(user)
        found = org.permission_set(permission_set)
        if person.status != "ENABLED":
            raise PermissionError(f"{person.user_name} is disabled in the identity store")
        if not self._assigned(person, found.arn, account):
            raise PermissionError(f"{person.user_name} is not assigned {found.name} in {account}")
        copy = org.copies.get((found.arn, account))
        role = None if copy is None else org.roles.find(account, copy.role_name)
        if role is None:
            raise PermissionError(f"{found.name} is not provisioned in {account}")
        keys = {"identitystore:UserId": person.id} if org.behaviour.only_me_key else {}
        return self.role_caller(role, person.user_name, **keys)

    def _assigned(self, person: User, arn: str, account: str) -> bool:
        principals = {person.id, *(group.id for group in self._org.directory.groups_of(person.id))}
        return any(
            (one.permission_set, one.account) == (arn, account) and one.principal_id in principals
            for one in self._org.assignments
        )

    def sign_in(self, user: str, permission_set: str, account: str) -> Credentials:
        caller = self.portal_caller(user, permission_set, account)
        # A permission set's session outlives the hour of chained roles: eight hours by default.
        return self._open(caller, self._org.clock() + 8 * SESSION_SECONDS)

    def _open(self, caller: Caller, expires_at: float | None) -> Credentials:
        key = self._org.identifiers.access_key()
        secret, token = f"sandbox-secret-of-{key}", f"sandbox-session-of-{key}"
        self._by_key[key] = Session(caller=caller, secret=secret, token=token, expires_at=expires_at)
        return Credentials(aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token)
