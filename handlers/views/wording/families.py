"""The codes by what they are about, so that each function of `sentences` answers for one family."""

from typing import Final, Literal, get_args

from bot.domain.errors import Code

PersonCode = Literal[
    Code.GUEST,
    Code.STRANGER,
    Code.NOT_HUMAN,
    Code.DEACTIVATED,
    Code.EMAIL_MISSING,
    Code.EMAIL_UNCONFIRMED,
    Code.NOT_IN_IDENTITY_CENTER,
    Code.AMBIGUOUS_IDENTITY,
]
RequestCode = Literal[
    Code.HOLDS_NO_SET,
    Code.SET_NOT_OFFERED,
    Code.ACCOUNT_NOT_OFFERED,
    Code.ROLE_NOT_OFFERED,
    Code.DURATION_NOT_OFFERED,
    Code.REASON_MISSING,
    Code.REASON_TOO_LONG,
    Code.NOTHING_CHOSEN,
    Code.TOO_MANY_TARGETS,
    Code.NOBODY_CAN_APPROVE,
]
LinkCode = Literal[
    Code.NOT_ASSIGNED,
    Code.NOT_PROVISIONED,
    Code.EXPLICIT_DENY,
    Code.NO_ROOM,
    Code.ALREADY_ALLOWED,
    Code.MANAGEMENT_ACCOUNT,
    Code.NOT_ALLOWED,
    Code.ROLE_NOT_FOUND,
    Code.NOT_TRUSTED,
    Code.BOUNDARY,
    Code.SCP,
]
DecisionCode = Literal[
    Code.NOT_AN_APPROVER,
    Code.OWN_REQUEST,
    Code.ALREADY_APPROVED_BY_YOU,
    Code.ALREADY_DECIDED,
    Code.EXPIRED,
    Code.NOT_YOURS,
    Code.NOT_FOUND,
    Code.NOTHING_TO_RETRY,
    Code.NOT_ACTIVE,
]
ProofCode = Literal[Code.PROOF_REFUSED, Code.PROOF_GONE, Code.NOTHING_TO_PROVE]
PolicyCode = Literal[Code.POLICY_UNREADABLE, Code.MANAGED_STATEMENT_ALTERED, Code.FOREIGN_WRITER]
WorldCode = Literal[
    Code.PROVISIONING_FAILED,
    Code.TIMED_OUT,
    Code.ACCESS_DENIED,
    Code.THROTTLED,
    Code.CONFLICT,
    Code.PERMISSION_SET_MISSING,
    Code.AWS_UNAVAILABLE,
    Code.SLACK_UNAVAILABLE,
    Code.STORE_UNAVAILABLE,
    Code.INTERRUPTED,
    Code.INCIDENT,
]

ABOUT_THE_REQUESTER: Final[frozenset[Code]] = frozenset(get_args(PersonCode) + get_args(RequestCode))
"""Their sentences speak to the requester; others read the name of the code."""

SELF_HELP: Final[frozenset[Code]] = frozenset(
    {
        Code.DURATION_NOT_OFFERED,
        Code.REASON_MISSING,
        Code.REASON_TOO_LONG,
        Code.NOTHING_CHOSEN,
        Code.TOO_MANY_TARGETS,
        Code.ALREADY_ALLOWED,
        Code.OWN_REQUEST,
        Code.ALREADY_APPROVED_BY_YOU,
        Code.ALREADY_DECIDED,
        Code.EXPIRED,
        Code.NOT_YOURS,
        Code.NOT_FOUND,
        Code.NOTHING_TO_RETRY,
        Code.NOT_ACTIVE,
        Code.PROOF_GONE,
        Code.NOTHING_TO_PROVE,
    }
)
"""What the person mends on the spot, or only needs to know: these sentences name no support contact."""
