"""The organizations service, as far as names of accounts and the delegated admin are concerned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.sandbox.aws.access import permitted
from bot.sandbox.aws.errors import ServiceError, denied
from bot.sandbox.aws.paging import page

if TYPE_CHECKING:
    from bot.sandbox.aws.organisation import AwsOrganisation
    from bot.sandbox.aws.records import Account
    from bot.sandbox.aws.sessions import Caller

Parameters = dict[str, Any]
Answer = dict[str, Any]


class Organizations:
    def __init__(self, org: AwsOrganisation) -> None:
        self._org = org
        self.operations = {
            "ListAccounts": self.list_accounts,
            "DescribeAccount": self.describe_account,
            "DescribeOrganization": self.describe_organization,
            "ListDelegatedAdministrators": self.list_delegated,
        }

    def answer(self, operation: str, caller: Caller, _region: str, parameters: Parameters) -> Answer:
        """Raises ServiceError. Member accounts may ask about the organisation, not about accounts."""
        org = self._org
        handler = self.operations.get(operation)
        if handler is None:
            raise ServiceError("UnknownOperationException", f"{operation} is not simulated.")
        inside = caller.account in {org.management_account, org.delegated_admin}
        allowed = permitted(org, caller, f"organizations:{operation}", ["*"]) is None
        if not allowed or not (inside or operation == "DescribeOrganization"):
            raise denied("You don't have permissions to access this resource.")
        return handler(parameters)

    def _arn(self, kind: str, tail: str) -> str:
        org = self._org
        return f"arn:{org.partition}:organizations::{org.management_account}:{kind}/{org.id}{tail}"

    def _account(self, account: Account) -> Answer:
        return {
            "Id": account.id,
            "Arn": self._arn("account", f"/{account.id}"),
            "Email": f"aws+{account.id}@example.com",
            "Name": account.name,
            "Status": account.status,
            "State": account.status,
            "JoinedMethod": "CREATED",
            "JoinedTimestamp": self._org.created_at,
        }

    def list_accounts(self, parameters: Parameters) -> Answer:
        some, more = page(
            list(self._org.accounts.values()),
            parameters,
            # Organizations gives at most 20 accounts a page.
            size=min(20, self._org.behaviour.page_size),
            refuse=lambda message: ServiceError("InvalidInputException", message),
        )
        return {"Accounts": [self._account(account) for account in some], **more}

    def describe_account(self, parameters: Parameters) -> Answer:
        account = self._org.accounts.get(str(parameters.get("AccountId")))
        if account is None:
            raise ServiceError("AccountNotFoundException", "You specified an account that doesn't exist.")
        return {"Account": self._account(account)}

    def describe_organization(self, _parameters: Parameters) -> Answer:
        org = self._org
        return {
            "Organization": {
                "Id": org.id,
                "Arn": self._arn("organization", ""),
                "FeatureSet": "ALL",
                "MasterAccountId": org.management_account,
                "MasterAccountArn": self._arn("account", f"/{org.management_account}"),
                "MasterAccountEmail": f"aws+{org.management_account}@example.com",
            }
        }

    def list_delegated(self, parameters: Parameters) -> Answer:
        """The only delegation here is that of Identity Center."""
        admin = self._org.delegated_admin
        service = parameters.get("ServicePrincipal", "sso.amazonaws.com")
        if admin is None or service != "sso.amazonaws.com":
            return {"DelegatedAdministrators": []}
        since = {"DelegationEnabledDate": self._org.created_at}
        return {"DelegatedAdministrators": [self._account(self._org.accounts[admin]) | since]}
