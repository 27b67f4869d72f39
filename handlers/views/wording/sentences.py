"""Every code as a sentence: what happened, why, and what to do next."""

from typing import Final, assert_never

from bot.domain.errors import Code
from bot.domain.request import REASON_LIMIT, TARGET_LIMIT
from handlers.views.wording.families import (
    SELF_HELP,
    DecisionCode,
    LinkCode,
    PersonCode,
    PolicyCode,
    RequestCode,
    WorldCode,
)
from handlers.views.wording.pen import FactValues, Pen
from handlers.views.wording.proofs import about_a_proof

TAG: Final = "workbench-access=managed"
"""Marks the permission sets that the shipped IAM policy lets the bot change."""


def sentence(code: Code, facts: FactValues, *, support: str) -> str:
    """What a person reads about `code`, as plain text: for field errors and plain_text elements."""
    return _sentence(code, Pen({"you": 1, **facts}, support, markup=False))


def sentence_mrkdwn(code: Code, facts: FactValues, *, support: str) -> str:
    """The same for messages: people are mentioned, times stand in the reader's zone, the rest is escaped."""
    return _sentence(code, Pen({"you": 1, **facts}, support, markup=True))


def _sentence(code: Code, pen: Pen) -> str:
    return explained(code, pen) + ("" if code in SELF_HELP else pen.ask)


def explained(code: Code, pen: Pen) -> str:
    """The sentence without the support contact."""
    match code:
        case (
            Code.GUEST | Code.STRANGER | Code.NOT_HUMAN | Code.DEACTIVATED | Code.EMAIL_MISSING
            | Code.EMAIL_UNCONFIRMED | Code.NOT_IN_IDENTITY_CENTER | Code.AMBIGUOUS_IDENTITY
        ):  # fmt: skip
            return _about_the_person(code, pen)
        case (
            Code.HOLDS_NO_SET | Code.SET_NOT_OFFERED | Code.ACCOUNT_NOT_OFFERED | Code.ROLE_NOT_OFFERED
            | Code.DURATION_NOT_OFFERED | Code.REASON_MISSING | Code.REASON_TOO_LONG | Code.NOTHING_CHOSEN
            | Code.TOO_MANY_TARGETS | Code.NOBODY_CAN_APPROVE
        ):  # fmt: skip
            return _about_the_request(code, pen)
        case (
            Code.NOT_ASSIGNED | Code.NOT_PROVISIONED | Code.EXPLICIT_DENY | Code.NO_ROOM
            | Code.ALREADY_ALLOWED | Code.MANAGEMENT_ACCOUNT | Code.NOT_ALLOWED | Code.ROLE_NOT_FOUND
            | Code.NOT_TRUSTED | Code.BOUNDARY | Code.SCP
        ):  # fmt: skip
            return _about_a_link(code, pen)
        case (
            Code.NOT_AN_APPROVER | Code.OWN_REQUEST | Code.ALREADY_APPROVED_BY_YOU | Code.ALREADY_DECIDED
            | Code.EXPIRED | Code.NOT_YOURS | Code.NOT_FOUND | Code.NOTHING_TO_RETRY | Code.NOT_ACTIVE
        ):  # fmt: skip
            return _about_the_decision(code, pen)
        case Code.PROOF_REFUSED | Code.PROOF_GONE | Code.NOTHING_TO_PROVE:
            return about_a_proof(code, pen)
        case (
            Code.POLICY_UNREADABLE | Code.MANAGED_STATEMENT_ALTERED
            | Code.FOREIGN_WRITER
        ):  # fmt: skip
            return _about_the_policy(code, pen)
        case (
            Code.PROVISIONING_FAILED | Code.TIMED_OUT | Code.ACCESS_DENIED | Code.THROTTLED | Code.CONFLICT
            | Code.PERMISSION_SET_MISSING | Code.AWS_UNAVAILABLE | Code.SLACK_UNAVAILABLE
            | Code.STORE_UNAVAILABLE | Code.INTERRUPTED | Code.INCIDENT
        ):  # fmt: skip
            return _about_the_world(code, pen)
        case _:
            assert_never(code)


def _about_the_person(code: PersonCode, pen: Pen) -> str:
    match code:
        case Code.GUEST:
            return (
                "Guests of this Slack workspace cannot use Workbench Access. Please ask a full member of your team "
                "to do this."
            )
        case Code.STRANGER:
            return (
                "Your Slack account belongs to another workspace, and Workbench Access only serves its own. "
                "Nothing was done."
            )
        case Code.NOT_HUMAN:
            return "Only people can use Workbench Access, and this came from an app. Nothing was done."
        case Code.DEACTIVATED:
            return "This Slack account is deactivated, so nothing was done."
        case Code.EMAIL_MISSING:
            return (
                "Your Slack profile shows no e-mail address, so you cannot be matched with a user of AWS IAM "
                "Identity Center. Add the address of your AWS sign-in to your profile and try again."
            )
        case Code.EMAIL_UNCONFIRMED:
            return (
                "The e-mail address in your Slack profile is not confirmed, so it cannot show who you are in AWS. "
                "Confirm it with the link that Slack has sent you and try again."
            )
        case Code.NOT_IN_IDENTITY_CENTER:
            return (
                f"No user of AWS IAM Identity Center has your e-mail address{pen.quoted('email')}. If you sign in "
                "to AWS with another address, an SSO admin can note it in the configuration of Workbench Access; "
                "otherwise an SSO admin has to add you."
            )
        case Code.AMBIGUOUS_IDENTITY:
            return (
                f"More than one user of AWS IAM Identity Center has your e-mail address{pen.quoted('email')}, so it "
                "is not clear which one is you. An SSO admin can note the right one in the configuration."
            )
        case _:
            assert_never(code)


def _about_the_request(code: RequestCode, pen: Pen) -> str:
    match code:
        case Code.HOLDS_NO_SET:
            return (
                "You hold no permission set that can be asked for here. An SSO admin has to assign you one in AWS "
                "IAM Identity Center first."
            )
        case Code.SET_NOT_OFFERED:
            return (
                f"{_capitalised(pen.permission_set)} cannot be asked for here: it is not in the configuration of "
                "Workbench Access, or it is not assigned to you. Leave the name out to see what you can ask for."
            )
        case Code.ACCOUNT_NOT_OFFERED:
            where = f"with {pen.permission_set}" if pen.has("permission_set") else "here"
            return (
                f"Access to {pen.account} cannot be asked for {where}. Please check its 12-digit id, or choose "
                "another account."
            )
        case Code.ROLE_NOT_OFFERED:
            return f"{_capitalised(pen.role)} cannot be asked for with {pen.permission_set}. Please choose another."
        case Code.DURATION_NOT_OFFERED:
            return "These roles cannot be asked for that long. Please choose one of the offered durations."
        case Code.REASON_MISSING:
            return "Please say why you need it: the approvers decide by your reason."
        case Code.REASON_TOO_LONG:
            return (
                f"Please shorten this to {pen.number('limit', REASON_LIMIT)} characters; a link to a ticket can "
                "carry the rest."
            )
        case Code.NOTHING_CHOSEN:
            return "Please choose at least one account and one role."
        case Code.TOO_MANY_TARGETS:
            return (
                f"One request holds at most {pen.number('limit', TARGET_LIMIT)} pairs of account and "
                f"role{_this_many(pen)}. Please choose fewer and send a second request for the rest."
            )
        case Code.NOBODY_CAN_APPROVE:
            return (
                "Nobody could approve this: there are not enough approvers for all of these roles together. Try "
                "fewer roles, or have the list of approvers extended."
            )
        case _:
            assert_never(code)


def _about_a_link(code: LinkCode, pen: Pen) -> str:
    match code:
        case Code.NOT_ASSIGNED:
            return (
                f"Not assigned: {pen.permission_set} is not assigned to {pen.requester} in {pen.account}, so access "
                "could not be used there. An SSO admin assigns it in IAM Identity Center, directly or by a group."
            )
        case Code.NOT_PROVISIONED:
            return (
                f"Not provisioned: AWS has not provisioned {pen.permission_set} in {pen.account}, or holds an older "
                "copy there. An SSO admin provisions it again in IAM Identity Center; where a card offers Retry, "
                "an approver can press that instead."
            )
        case Code.EXPLICIT_DENY:
            return (
                f"Explicit deny: a statement{pen.quoted('detail')} in the {_policy(pen)} of {pen.permission_set} "
                f"denies this in {pen.account}, and a deny always wins. An SSO admin has to change that statement."
            )
        case Code.NO_ROOM:
            return (
                f"No room: the inline policy of {pen.permission_set} would grow beyond the 10,240 bytes that AWS "
                "allows. Ask for fewer accounts or roles, or an SSO admin shortens the policy."
            )
        case Code.ALREADY_ALLOWED:
            return (
                f"Already allowed: AWS allows this in {pen.account} already{pen.instant('until', ' until ')}, so "
                "there is nothing to ask for."
            )
        case Code.MANAGEMENT_ACCOUNT:
            return (
                f"Management account: {pen.permission_set} is provisioned in the management account, and AWS lets "
                "nobody but that account change such a permission set. An SSO admin has to remove that assignment, "
                "or change the policy by hand."
            )
        case Code.NOT_ALLOWED:
            return (
                f"Permission denied: the inline policy of {pen.permission_set} does not allow this in "
                f"{pen.account}. Access counts only for those who are signed in with {pen.permission_set}; where it "
                "is missing, it can be asked for with “/workbench-access request”."
            )
        case Code.ROLE_NOT_FOUND:
            return (
                f"Role not found: {pen.role} does not exist in {pen.account}. The Workbench stack is not deployed "
                "there, or it lacks this role; whoever looks after Workbench in that account can deploy it."
            )
        case Code.NOT_TRUSTED:
            return (
                f"Not trusted: {pen.role} in {pen.account} does not admit {pen.permission_set}{_admits(pen)}. "
                f"Whoever deploys Workbench there has to name {pen.permission_set} in WORKBENCH_SSO_GROUPS and "
                "deploy it again."
            )
        case Code.BOUNDARY:
            return (
                f"Boundary: the permissions boundary{pen.quoted('detail')} of {pen.permission_set} leaves no room "
                f"for this in {pen.account}. An SSO admin has to let it allow sts:AssumeRole, or to take it off the "
                "permission set."
            )
        case Code.SCP:
            return (
                f"SCP: a service control policy of the organisation does not let {pen.permission_set} do this in "
                f"{pen.account}. Whoever looks after AWS Organizations has to change that policy."
            )
        case _:
            assert_never(code)


def _about_the_decision(code: DecisionCode, pen: Pen) -> str:
    match code:
        case Code.NOT_AN_APPROVER:
            return f"You are not an approver of {pen.request}, so your click changed nothing."
        case Code.OWN_REQUEST:
            return f"{_capitalised(pen.request)} is your own request: somebody else has to decide it."
        case Code.ALREADY_APPROVED_BY_YOU:
            return (
                f"You have approved {pen.request} already{pen.instant('at')}. Another approver has to agree before "
                "anything happens."
            )
        case Code.ALREADY_DECIDED:
            return (
                f"{_capitalised(pen.request)} has been decided already: {_decision(pen)}. Your click changed "
                "nothing."
            )
        case Code.EXPIRED:
            return (
                f"{_capitalised(pen.request)} expired{pen.instant('at', ' ')} before it was decided. Whoever still "
                "needs the access can send a new request."
            )
        case Code.NOT_YOURS:
            return f"Only the person who sent {pen.request} can do this here."
        case Code.NOT_FOUND:
            return f"{_not_found(pen)} Ids look like WA-17; “/workbench-access status” lists yours."
        case Code.NOTHING_TO_RETRY:
            return f"Nothing of {pen.request} has failed, so there is nothing to retry."
        case Code.NOT_ACTIVE:
            return (
                f"Nothing of {pen.request} can be ended: it has opened no access, or that has ended or is being "
                "ended already. “/workbench-access status” shows how it stands."
            )
        case _:
            assert_never(code)


def _about_the_policy(code: PolicyCode, pen: Pen) -> str:
    match code:
        case Code.POLICY_UNREADABLE:
            return (
                f"The inline policy of {pen.permission_set} cannot be read safely{pen.quoted('detail', ': ')}, so "
                "it was left as it is. An SSO admin has to repair it."
            )
        case Code.MANAGED_STATEMENT_ALTERED:
            named = pen.quoted("sid") or pen.quoted("detail")
            return (
                f"Somebody has changed a statement{named} of Workbench Access in the inline policy of "
                f"{pen.permission_set} by hand, so nothing more is written to that policy. An SSO admin has to "
                "remove that statement first; after that, an approver can press Retry for what failed."
            )
        case Code.FOREIGN_WRITER:
            return (
                f"Something else keeps overwriting the inline policy of {pen.permission_set}, probably "
                "infrastructure as code such as Terraform. Whoever owns it has to stop managing that policy, or to "
                "include the statements of Workbench Access."
            )
        case _:
            assert_never(code)


def _about_the_world(code: WorldCode, pen: Pen) -> str:  # noqa: C901 -- one arm per code
    match code:
        case Code.PROVISIONING_FAILED:
            return (
                f"AWS could not provision {pen.permission_set} in {pen.account}{pen.quoted('reason', ': ')}. An "
                "approver can press Retry on the card."
            )
        case Code.TIMED_OUT:
            return (
                f"AWS has not finished provisioning {pen.permission_set} in {pen.account} in time. It may still do "
                "so; an approver can press Retry on the card."
            )
        case Code.ACCESS_DENIED:
            who, why = ("Slack", "error") if pen.has("error") else ("AWS", "reason")
            return (
                f"{who} does not allow Workbench Access to do this{pen.quoted(why, ': ')}. {_tag(pen)}Whoever "
                "operates the bot finds what it needs in its README, under “Set it up”."
            )
        case Code.THROTTLED:
            return "AWS answers slowly because it is asked too much at the moment. Please try again in a few minutes."
        case Code.CONFLICT:
            return (
                f"Another change of {pen.permission_set} is still under way in AWS, so this one could not be made. "
                "Please try again in a few minutes."
            )
        case Code.PERMISSION_SET_MISSING:
            return (
                f"AWS IAM Identity Center does not know {pen.permission_set}: it was deleted or renamed. An SSO "
                "admin can restore it, or change the configuration of Workbench Access."
            )
        case Code.AWS_UNAVAILABLE:
            return "AWS does not answer at the moment. Please try again in a few minutes."
        case Code.SLACK_UNAVAILABLE if pen.has("error"):
            return f"Slack refused to do this: “{pen.name('error', '')}”. Nothing was changed."
        case Code.SLACK_UNAVAILABLE:
            return (
                "Slack does not answer at the moment, so this could not be checked. Please try again in a few "
                "minutes."
            )
        case Code.STORE_UNAVAILABLE:
            return (
                "The database of Workbench Access does not answer, so nothing was changed. Please try again "
                "shortly."
            )
        case Code.INTERRUPTED:
            return "This was interrupted before it was finished. Please try again."
        case Code.INCIDENT:
            return (
                f"Something went wrong inside Workbench Access (incident {pen.facts.get('incident', 'unknown')}). "
                "What you see on cards and in status is still true. Please try again, or pass the number on."
            )
        case _:
            assert_never(code)


def _decision(pen: Pen) -> str:
    """ "approved by @Bob, today at 10:00", from `status`, `by` and `at`."""
    status = str(pen.facts.get("status", ""))
    verb = status if status in {"approved", "denied", "cancelled", "expired"} else "decided"
    by = f" by {pen.someone('by')}" if pen.has("by") and verb != "expired" else ""
    return f"{verb}{by}{pen.instant('at')}"


def _not_found(pen: Pen) -> str:
    """What others may not see does not exist for them, and what nobody named cannot be looked for."""
    if pen.has("id"):
        return f"There is no request{pen.quoted('id')} that you may see."
    return "Please name a request." if "id" in pen.facts else "There is no such request."


def _policy(pen: Pen) -> str:
    return f"attached policy {pen.name('names', '')}" if pen.has("names") else "inline policy"


def _admits(pen: Pen) -> str:
    """Which permission sets the role lets in instead, or the statement that keeps this one out."""
    if pen.has("names"):
        return f"; now it admits {pen.name('names', '')}"
    return pen.quoted("detail", ": its statement ", " denies it")


def _this_many(pen: Pen) -> str:
    return f", and this one has {pen.number('asked', 0)}" if pen.has("asked") else ""


def _tag(pen: Pen) -> str:
    """The shipped IAM policy lets the bot write only to tagged permission sets."""
    where = f"{pen.facts.get('operation', '')} {pen.facts.get('reason', '')}"
    if not any(verb in where for verb in ("PutInlinePolicy", "DeleteInlinePolicy", "ProvisionPermissionSet")):
        return ""
    return (
        f"It may write only to permission sets with the tag {TAG}: check that {pen.permission_set} has it. "
    )


def _capitalised(words: str) -> str:
    """For the beginning of a sentence; names keep their spelling."""
    return words[:1].upper() + words[1:] if words.startswith(("the ", "this ", "account ")) else words
