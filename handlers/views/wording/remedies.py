"""The links of the chain by the names that people know, and who can mend a broken one."""

from typing import Final

from bot.domain.errors import Code
from bot.domain.verification import WITHIN, Check, Link
from handlers.views.wording.pen import FactValues, Pen
from handlers.views.wording.sentences import explained

_NAMES: Final[dict[Code, str]] = {
    Code.NOT_ALLOWED: "Permission denied",
    Code.NOT_IN_IDENTITY_CENTER: "Not in Identity Center",
    Code.NO_ROOM: "No room in the policy",
    Code.AWS_UNAVAILABLE: "AWS does not answer",
    Code.SLACK_UNAVAILABLE: "Slack does not answer",
    Code.STORE_UNAVAILABLE: "Database does not answer",
    Code.ACCESS_DENIED: "AWS refused the bot",
    Code.MANAGED_STATEMENT_ALTERED: "Changed by hand",
    Code.FOREIGN_WRITER: "Overwritten by others",
    Code.POLICY_UNREADABLE: "Policy not readable",
    Code.SCP: "SCP",
}
"""Every other code's value is the name that people know."""

_BRIEFS: Final[dict[Code, str]] = {
    Code.NOT_ASSIGNED: "the requester does not hold this permission set here",
    Code.NOT_PROVISIONED: "the permission set is not provisioned here",
    Code.EXPLICIT_DENY: "a statement of its policies denies it",
    Code.NO_ROOM: "it does not fit into the inline policy",
    Code.MANAGEMENT_ACCOUNT: "AWS lets only the management account change this permission set",
    Code.ROLE_NOT_FOUND: "the Workbench stack is not deployed here, or lacks this role",
    Code.NOT_TRUSTED: "the role does not admit this permission set",
    Code.BOUNDARY: "the permissions boundary leaves no room for it",
    Code.SCP: "a service control policy of the organisation forbids it",
    Code.NOT_IN_IDENTITY_CENTER: "no user there has the requester's e-mail address",
    Code.AMBIGUOUS_IDENTITY: "several users there have the requester's e-mail address",
    Code.EMAIL_MISSING: "the requester's Slack profile shows no address",
    Code.EMAIL_UNCONFIRMED: "the address in the requester's Slack profile is not confirmed",
    Code.NOBODY_CAN_APPROVE: "no approver is configured who could decide this",
    Code.ACCESS_DENIED: "AWS does not let the bot look",
    Code.THROTTLED: "AWS is asked too much at the moment",
    Code.AWS_UNAVAILABLE: "it could not be asked",
}

_LINKS: Final[dict[Link, str]] = {
    Link.ASSIGNED: "Assigned",
    Link.PROVISIONED: "Provisioned",
    Link.ALLOWED: "Allowed by the policy",
    Link.NOT_DENIED: "Free of a deny",
    Link.ROLE_EXISTS: "Role exists",
    Link.TRUSTED: "Role trusts the set",
    Link.HELD: "Held by IAM",
    Link.SIMULATED: "Boundary and SCPs",
}

_SILENT: Final = frozenset(
    {
        Code.ACCESS_DENIED,
        Code.THROTTLED,
        Code.CONFLICT,
        Code.AWS_UNAVAILABLE,
        Code.STORE_UNAVAILABLE,
        Code.PERMISSION_SET_MISSING,
        Code.POLICY_UNREADABLE,
        Code.TIMED_OUT,
    }
)
"""Codes that say why there is no answer, rather than which answer it is."""

_UNCLEAR: Final = "It depends on a condition that cannot be judged from here."
_OLDER: Final = (
    "The account holds an older version of the permission set, and somebody else has changed the policy since. "
    "An SSO admin can provision the set there."
)

_CLOSED: Final = (
    "Its read-only role may be missing there, or does not admit the bot. Whoever operates the bot can deploy it: "
    "see its README, under “Look into the accounts”."
)
_AGAIN: Final = "Run `/workbench-access verify` to look again."
_SILENT_ACCOUNT: Final = "AWS gave no usable answer about it."

_BROKEN: Final[dict[Link, Code]] = {
    Link.ASSIGNED: Code.NOT_ASSIGNED,
    Link.PROVISIONED: Code.NOT_PROVISIONED,
    Link.ALLOWED: Code.NOT_ALLOWED,
    Link.NOT_DENIED: Code.EXPLICIT_DENY,
    Link.ROLE_EXISTS: Code.ROLE_NOT_FOUND,
    Link.TRUSTED: Code.NOT_TRUSTED,
    Link.HELD: Code.NOT_PROVISIONED,
    Link.SIMULATED: Code.NOT_ALLOWED,
}


def name(code: Code) -> str:
    """A code in two or three words, e.g. "Role not found"."""
    return _NAMES.get(code, code.value.replace("_", " ").capitalize())


def brief(code: Code) -> str:
    """ "Not assigned: the requester does not hold this permission set here", for a line in a list."""
    return f"{name(code)}: {_BRIEFS[code]}" if code in _BRIEFS else name(code)


def link_name(link: Link) -> str:
    """A link of the chain, for checks whose answer is not known."""
    return _LINKS[link]


def code_of(check: Check) -> Code:
    """Why a link says no; the link's own name where the check gives no code."""
    return check.code or _BROKEN[check.link]


def remedy(code: Code, facts: FactValues, *, support: str) -> str:
    """What is broken and who can mend it, as mrkdwn; the support contact closes the message, not this."""
    return explained(code, Pen(facts, support, markup=True))


def unknown(check: Check, facts: FactValues, *, support: str) -> str:
    """What it means that a link could not be checked, as mrkdwn.

    Only a code that says why AWS was silent is explained: "explicit deny" with the answer unknown must not
    read as if there were one.
    """
    pen = Pen(facts, support, markup=True)
    if check.link in WITHIN:
        return f"{_not_looked_into(check, pen)} {_AGAIN}"
    if check.code in _SILENT:
        why = remedy(check.code, facts, support=support)
    elif check.link is Link.ALLOWED and check.code is None and pen.has("detail"):
        why = f"The attached policy{pen.quoted('detail')} may allow it, and cannot be read from here."
    else:
        why = _OLDER if check.link is Link.PROVISIONED else _UNCLEAR
    return f"“{link_name(check.link)}” is not known. {why} {_AGAIN}"


def _not_looked_into(check: Check, pen: Pen) -> str:
    """What keeps the bot from seeing more than the management account shows."""
    match check.code:
        case None | Code.POLICY_UNREADABLE:
            named = pen.quoted("detail", ": ")
            return f"“{link_name(check.link)}” is not known in {pen.account}{named}. {_UNCLEAR}"
        case Code.ACCESS_DENIED:
            return f"{_start(pen.account)} could not be looked into. {_CLOSED}"
        case _:
            return f"{_start(pen.account)} could not be looked into. {_SILENT_ACCOUNT}"


def _start(words: str) -> str:
    """For the beginning of a sentence; the name of an account keeps its spelling."""
    return words[:1].upper() + words[1:] if words.startswith(("account ", "this ", "these ")) else words


def not_known(code: Code | None) -> str:
    """Why something was left open before the change, for a line in a list."""
    match code:
        case Code.EXPLICIT_DENY:
            return "a statement of the policy may deny it; its conditions cannot be judged from here"
        case None:
            return "AWS could not be asked"
        case _:
            return f"AWS could not be asked ({name(code)})" if code in _SILENT else name(code)
