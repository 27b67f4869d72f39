"""The six families of things that go wrong; each carries facts and a stable code, never a sentence for people.

`handlers/views/wording.py` turns a code and its facts into what a person reads. Anything that is not one of
these is a bug: the person reads an incident id, the log keeps the traceback.
"""

from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256


class Code(StrEnum):
    """Why something was refused or failed. Stored with requests and grants: never rename a value."""

    # The person
    GUEST = "guest"
    STRANGER = "stranger"
    NOT_HUMAN = "not_human"
    DEACTIVATED = "deactivated"
    EMAIL_MISSING = "email_missing"
    EMAIL_UNCONFIRMED = "email_unconfirmed"
    NOT_IN_IDENTITY_CENTER = "not_in_identity_center"
    AMBIGUOUS_IDENTITY = "ambiguous_identity"
    # The request
    HOLDS_NO_SET = "holds_no_set"
    SET_NOT_OFFERED = "set_not_offered"
    ACCOUNT_NOT_OFFERED = "account_not_offered"
    ROLE_NOT_OFFERED = "role_not_offered"
    DURATION_NOT_OFFERED = "duration_not_offered"
    REASON_MISSING = "reason_missing"
    REASON_TOO_LONG = "reason_too_long"
    NOTHING_CHOSEN = "nothing_chosen"
    TOO_MANY_TARGETS = "too_many_targets"
    NOBODY_CAN_APPROVE = "nobody_can_approve"
    # Links of the chain, named as people meet them
    NOT_ASSIGNED = "not_assigned"
    NOT_PROVISIONED = "not_provisioned"
    EXPLICIT_DENY = "explicit_deny"
    NO_ROOM = "no_room"
    ALREADY_ALLOWED = "already_allowed"
    MANAGEMENT_ACCOUNT = "management_account"
    NOT_ALLOWED = "not_allowed"
    ROLE_NOT_FOUND = "role_not_found"
    NOT_TRUSTED = "not_trusted"
    BOUNDARY = "boundary"
    SCP = "scp"
    # The decision
    NOT_AN_APPROVER = "not_an_approver"
    OWN_REQUEST = "own_request"
    ALREADY_APPROVED_BY_YOU = "already_approved_by_you"
    ALREADY_DECIDED = "already_decided"
    EXPIRED = "expired"
    NOT_YOURS = "not_yours"
    NOT_FOUND = "not_found"
    NOTHING_TO_RETRY = "nothing_to_retry"
    NOT_ACTIVE = "not_active"
    # The proof
    PROOF_REFUSED = "proof_refused"
    """A token that shows nothing; the fact `flaw` says why."""
    PROOF_GONE = "proof_gone"
    NOTHING_TO_PROVE = "nothing_to_prove"
    # The policy
    POLICY_UNREADABLE = "policy_unreadable"
    MANAGED_STATEMENT_ALTERED = "managed_statement_altered"
    FOREIGN_WRITER = "foreign_writer"
    # AWS and the rest of the world
    PROVISIONING_FAILED = "provisioning_failed"
    TIMED_OUT = "timed_out"
    ACCESS_DENIED = "access_denied"
    THROTTLED = "throttled"
    CONFLICT = "conflict"
    PERMISSION_SET_MISSING = "permission_set_missing"
    AWS_UNAVAILABLE = "aws_unavailable"
    SLACK_UNAVAILABLE = "slack_unavailable"
    STORE_UNAVAILABLE = "store_unavailable"
    INTERRUPTED = "interrupted"
    INCIDENT = "incident"
    """A bug: the fact `incident` is what the log carries too."""


class AccessError(Exception):
    """A known way to fail: a code, and the facts that a sentence about it needs."""

    def __init__(self, code: Code, **facts: str | int) -> None:
        super().__init__(code.value)
        self.code = code
        self.facts: Mapping[str, str | int] = facts

    def __str__(self) -> str:
        facts = ", ".join(f"{key}={value}" for key, value in self.facts.items())
        return f"{self.code.value} ({facts})" if facts else self.code.value


class Refusal(AccessError):
    """Told to the person, kindly, with the reason."""


class NotFound(AccessError):
    """What was named does not exist, or not any more."""


class Conflict(AccessError):
    """A conditional write was lost: reread, decide again."""


class Unavailable(AccessError):
    """Somebody else's machine does not answer now; trying again later makes sense."""


class Provisioning(AccessError):
    """AWS refused or failed a change; `reason` carries AWS's own words."""


class CorruptRow(Exception):
    """A stored row that this program cannot read: edited by hand, damaged, or written by a newer version."""

    def __init__(self, table: str, key: object) -> None:
        super().__init__(f"{table} {key}")
        self.table = table
        self.key = key

    @property
    def incident(self) -> str:
        """The same whenever the row is met: every pass and every reader meets it until somebody mends it."""
        return sha256(str(self).encode()).hexdigest()[:8]


class Misconfigured(Exception):
    """The operator has to mend the set-up; all problems at once."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
