"""IAM of every account: moto's backends, one per account and organisation, never moto's global ones.

moto keeps the roles, so tests may also change them with boto3 (drift, foreign edits). Whether a
role may be assumed is decided in `access`, because moto's own enforcement is wrong for Workbench.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moto.iam.models import IAMBackend

    from bot.sandbox.aws.records import Document

ADMINISTRATOR: Document = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role as IAM holds it at this moment."""

    account: str
    name: str
    arn: str
    id: str
    trust: Document
    inline: dict[str, Document]
    attached: dict[str, Document]
    """ARN to document of the managed policies."""
    boundary: Document | None

    @property
    def policies(self) -> list[Document]:
        return [*self.inline.values(), *self.attached.values()]


@cache
def _aws_managed(name: str) -> Document:
    """The genuine document of an AWS managed policy, from the list that moto ships."""
    if name == "AdministratorAccess":
        return ADMINISTRATOR
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    known: dict[str, Any] = json.loads(aws_managed_policies_data)
    if name not in known:
        raise KeyError(f"AWS has no managed policy {name!r}")
    document: Document = known[name]["Document"]
    return document


class Roles:
    def __init__(self, partition: str, region: str) -> None:
        self.partition = partition
        self._region = region
        self._backends: dict[str, IAMBackend] = {}

    def backend(self, account: str) -> IAMBackend:
        """moto's IAM of this account, made on first use: most accounts never need one."""
        if account not in self._backends:
            from moto.iam.models import IAMBackend

            self._backends[account] = IAMBackend(self._region, account)
        return self._backends[account]

    def put(self, account: str, name: str, trust: Document, *, path: str = "/") -> Role:
        """Create the role, or give it this trust policy if it exists."""
        backend = self.backend(account)
        found = next((role for role in backend.roles.values() if role.name == name), None)
        if found is None:
            backend.create_role(name, json.dumps(trust), path, None, "", [], None)
        else:
            found.assume_role_policy_document = json.dumps(trust)
        return self.get(account, name)

    def set_policies(
        self,
        account: str,
        name: str,
        *,
        inline: dict[str, str],
        attached: list[str] | None = None,
        boundary: str | None = None,
    ) -> None:
        """Replace everything that the role may do. `inline` texts are kept exactly as they came."""
        backend = self.backend(account)
        role = backend.get_role(name)
        role.policies = dict(inline)
        role.managed_policies = {}
        for arn in attached or []:
            self.ensure_policy(account, arn)
            backend.attach_role_policy(arn, name)
        role.permissions_boundary_arn = boundary

    def ensure_policy(self, account: str, arn: str) -> None:
        """Make an AWS managed policy known to the account's IAM; moto starts without any."""
        backend = self.backend(account)
        prefix = f"arn:{self.partition}:iam::aws:policy/"
        if arn in backend.managed_policies or not arn.startswith(prefix):
            return
        from moto.iam.models import AWSManagedPolicy

        path, _, name = arn.removeprefix(prefix.removesuffix("/")).rpartition("/")
        data = {"Path": f"{path}/", "Document": _aws_managed(name)}
        data |= dict.fromkeys(("CreateDate", "UpdateDate"), "2020-01-01T00:00:00+00:00")
        backend.managed_policies[arn] = AWSManagedPolicy.from_data(name, account, self._region, data)

    def has_policy(self, account: str, name: str, path: str) -> bool:
        arn = f"arn:{self.partition}:iam::{account}:policy{path}{name}"
        return arn in self.backend(account).managed_policies

    def delete(self, account: str, name: str) -> None:
        backend = self.backend(account)
        role = backend.get_role(name)
        del backend.roles[role.id]

    def find(self, account: str, name: str) -> Role | None:
        return next((self._role(account, role) for role in self._all(account) if role.name == name), None)

    def get(self, account: str, name: str) -> Role:
        found = self.find(account, name)
        if found is None:
            raise KeyError(f"account {account} has no role {name!r}")
        return found

    def by_arn(self, arn: str) -> Role | None:
        account = arn.split(":")[4] if arn.count(":") >= 5 else ""
        if account not in self._backends:
            return None
        return next((self._role(account, role) for role in self._all(account) if role.arn == arn), None)

    def by_id(self, account: str, role_id: str) -> Role | None:
        role = self.backend(account).roles.get(role_id)
        return None if role is None else self._role(account, role)

    def names(self, account: str) -> list[str]:
        return [role.name for role in self._all(account)]

    def _all(self, account: str) -> list[Any]:
        return list(self.backend(account).roles.values()) if account in self._backends else []

    def _role(self, account: str, role: Any) -> Role:
        boundary = role.permissions_boundary_arn
        return Role(
            account=account,
            name=role.name,
            arn=role.arn,
            id=role.id,
            trust=json.loads(role.assume_role_policy_document),
            inline={name: json.loads(text) for name, text in role.policies.items()},
            attached={arn: json.loads(_document(policy)) for arn, policy in role.managed_policies.items()},
            boundary=None if boundary is None else self._boundary(account, boundary),
        )

    def _boundary(self, account: str, arn: str) -> Document:
        self.ensure_policy(account, arn)
        policy = self.backend(account).managed_policies.get(arn)
        # A boundary that no longer exists allows nothing.
        return {"Statement": []} if policy is None else json.loads(_document(policy))


def _document(policy: Any) -> str:
    """The text of a managed policy's default version."""
    return str(next(version.document for version in policy.versions if version.is_default))
