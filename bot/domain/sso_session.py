"""The role session of a permission set, as IAM sees it when its holder assumes a further role."""

from dataclasses import dataclass

from bot.domain.conditions import Context, Known
from bot.domain.names import AccountId, PermissionSetName

PREFIX = "AWSReservedSSO_"
"""How the names of all roles begin that Identity Center makes; the set's name and `_<16 hex>` follow."""
SUFFIX_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SsoSession:
    """Who calls: the role that Identity Center made of a set in an account, and who uses it."""

    partition: str
    account: AccountId
    permission_set: PermissionSetName
    region: str
    """Of Identity Center; part of the role's path unless it is us-east-1 (aws.md, section 1.4)."""
    role_arn: str | None = None
    """With its path and its suffix, from ListRoles; None where it is not known, or not there yet."""
    role_id: str | None = None
    """`AROA…`, from ListRoles."""
    user_name: str | None = None
    """The person's user name in Identity Center, which is the session's name."""
    organisation: str | None = None
    """`o-…`, the organisation of the account."""

    @property
    def principal_arn(self) -> Known:
        """`aws:PrincipalArn`: for a session it is the ARN of the role, path included."""
        if self.role_arn is not None:
            return Known(text=self.role_arn)
        segment = "" if self.region == "us-east-1" else f"{self.region}/"
        path = f"aws-reserved/sso.amazonaws.com/{segment}"
        role = f"arn:{self.partition}:iam::{self.account}:role/{path}{PREFIX}{self.permission_set}_"
        return Known(text=role, hidden=SUFFIX_DIGITS)

    @property
    def context(self) -> Context:
        """The condition keys that AWS fills for this session, whatever the call."""
        keys = {
            "aws:principalarn": self.principal_arn,
            "aws:principalaccount": Known(text=self.account),
            "aws:principaltype": Known(text="AssumedRole"),
        }
        if self.organisation is not None:
            keys["aws:principalorgid"] = Known(text=self.organisation)
        return keys
