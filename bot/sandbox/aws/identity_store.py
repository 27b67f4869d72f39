"""The identitystore service: people and groups, read-only.

GetUserId answers with one user even where the state holds a duplicate address (the one that was
created first): the API has no way to say "two". Only ListUsers shows that, by reading all people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.sandbox.aws.access import permitted
from bot.sandbox.aws.errors import ServiceError, denied, invalid, not_found
from bot.sandbox.aws.paging import page

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.sandbox.aws.organisation import AwsOrganisation
    from bot.sandbox.aws.records import Group, User
    from bot.sandbox.aws.sessions import Caller

Parameters = dict[str, Any]
Answer = dict[str, Any]


class IdentityStore:
    def __init__(self, org: AwsOrganisation) -> None:
        self._org = org
        self.operations: dict[str, Callable[[Parameters], Answer]] = {
            "GetUserId": self.get_user_id,
            "DescribeUser": self.describe_user,
            "ListUsers": self.list_users,
            "GetGroupId": self.get_group_id,
            "DescribeGroup": self.describe_group,
            "ListGroups": self.list_groups,
            "ListGroupMemberships": self.list_memberships,
            "ListGroupMembershipsForMember": self.list_memberships_of,
            "IsMemberInGroups": self.is_member,
        }

    def answer(self, operation: str, caller: Caller, region: str, parameters: Parameters) -> Answer:
        """Raises ServiceError where the service would refuse."""
        org = self._org
        handler = self.operations.get(operation)
        if handler is None:
            raise ServiceError("UnknownOperationException", f"{operation} is not simulated.")
        store = str(parameters.get("IdentityStoreId", "")).rsplit("/", 1)[-1]
        arn = f"arn:{org.partition}:identitystore::{org.management_account}:identitystore/{store}"
        # Every action takes the store and, authorised separately, users, groups or memberships.
        outsider = caller.account not in {org.management_account, org.delegated_admin}
        if outsider or permitted(org, caller, f"identitystore:{operation}", [arn]) is not None:
            raise denied(
                f"User: {caller.arn} is not authorized to perform: identitystore:{operation} "
                f"on resource: {arn}"
            )
        if store != org.directory.store_id or region not in {org.region, *org.behaviour.replica_regions}:
            raise not_found("Identity store not found.", ResourceType="IDENTITY_STORE", ResourceId=store)
        return handler(parameters)

    # Lookups.

    def _user(self, user_id: Any) -> User:
        found = self._org.directory.users.get(str(user_id))
        if found is None:
            raise not_found("USER not found.", ResourceType="USER", ResourceId=user_id)
        return found

    def _group(self, group_id: Any) -> Group:
        found = self._org.directory.groups.get(str(group_id))
        if found is None:
            raise not_found("GROUP not found.", ResourceType="GROUP", ResourceId=group_id)
        return found

    def _unique(self, parameters: Parameters) -> tuple[str, str]:
        """Path and value of the alternate identifier; external ids are never known here."""
        identifier = parameters.get("AlternateIdentifier") or {}
        if "ExternalId" in identifier:
            return "", ""
        unique = identifier.get("UniqueAttribute") or {}
        path, value = unique.get("AttributePath"), unique.get("AttributeValue")
        if not isinstance(path, str) or not isinstance(value, str):
            raise invalid("AlternateIdentifier must name one unique attribute.")
        return path, value

    def _same(self, path: str, one: str, two: str) -> bool:
        exact = path.casefold() in {known.casefold() for known in self._org.behaviour.case_sensitive}
        return one == two if exact else one.casefold() == two.casefold()

    def get_user_id(self, parameters: Parameters) -> Answer:
        path, value = self._unique(parameters)
        if path.casefold() not in {"", "username", "emails.value"}:
            raise invalid("The provided attribute path is not supported.")
        for user in self._org.directory.users.values():
            names = [user.user_name] if path.casefold() == "username" else [one.value for one in user.emails]
            if path and any(self._same(path, name, value) for name in names):
                return {**self._store, "UserId": user.id}
        raise not_found("USER not found.", ResourceType="USER", ResourceId=None)

    def get_group_id(self, parameters: Parameters) -> Answer:
        path, value = self._unique(parameters)
        if path.casefold() not in {"", "displayname"}:
            raise invalid("The provided attribute path is not supported.")
        for group in self._org.directory.groups.values():
            if path and self._same(path, group.display_name, value):
                return {**self._store, "GroupId": group.id}
        raise not_found("GROUP not found.", ResourceType="GROUP", ResourceId=None)

    # People and groups.

    @property
    def _store(self) -> Answer:
        return {"IdentityStoreId": self._org.directory.store_id}

    def _describe_user(self, user: User) -> Answer:
        emails = [{"Value": one.value, "Type": "work", "Primary": one.primary} for one in user.emails]
        return {
            **self._store,
            "UserId": user.id,
            "UserName": user.user_name,
            "DisplayName": user.display_name,
            "UserStatus": user.status,
            **({"Emails": emails} if emails else {}),
        }

    def _describe_group(self, group: Group) -> Answer:
        return {**self._store, "GroupId": group.id, "DisplayName": group.display_name}

    def describe_user(self, parameters: Parameters) -> Answer:
        return self._describe_user(self._user(parameters.get("UserId")))

    def describe_group(self, parameters: Parameters) -> Answer:
        return self._describe_group(self._group(parameters.get("GroupId")))

    def list_users(self, parameters: Parameters) -> Answer:
        users = [
            user
            for user in self._org.directory.users.values()
            if self._passes(parameters, "UserName", user.user_name)
        ]
        answer = self._page(users, parameters, "Users")
        return answer | {"Users": [self._describe_user(user) for user in answer["Users"]]}

    def list_groups(self, parameters: Parameters) -> Answer:
        groups = [
            self._describe_group(group)
            for group in self._org.directory.groups.values()
            if self._passes(parameters, "DisplayName", group.display_name)
        ]
        return self._page(groups, parameters, "Groups")

    def _passes(self, parameters: Parameters, attribute: str, value: str) -> bool:
        """The only filters that the API documents: UserName for people, DisplayName for groups."""
        for one in parameters.get("Filters") or []:
            if one.get("AttributePath") != attribute:
                raise invalid(f"The filter must be on {attribute}.")
            if not self._same(attribute, str(one.get("AttributeValue")), value):
                return False
        return True

    def _page(self, items: list[Any], parameters: Parameters, name: str) -> Answer:
        some, more = page(items, parameters, size=self._org.behaviour.page_size)
        return {name: some, **more}

    # Memberships.

    def _membership(self, group: Group, user_id: str) -> Answer:
        return {
            **self._store,
            "MembershipId": group.members[user_id],
            "GroupId": group.id,
            "MemberId": {"UserId": user_id},
        }

    def list_memberships(self, parameters: Parameters) -> Answer:
        group = self._group(parameters.get("GroupId"))
        rows = [self._membership(group, user_id) for user_id in group.members]
        return self._page(rows, parameters, "GroupMemberships")

    def list_memberships_of(self, parameters: Parameters) -> Answer:
        user = self._user((parameters.get("MemberId") or {}).get("UserId"))
        rows = [self._membership(group, user.id) for group in self._org.directory.groups_of(user.id)]
        return self._page(rows, parameters, "GroupMemberships")

    def is_member(self, parameters: Parameters) -> Answer:
        user = self._user((parameters.get("MemberId") or {}).get("UserId"))
        groups = parameters.get("GroupIds") or []
        if not 1 <= len(groups) <= 100:
            raise invalid("Value at 'groupIds' failed to satisfy constraint: 1 to 100 groups")
        results = [
            {
                "GroupId": group.id,
                "MemberId": {"UserId": user.id},
                "MembershipExists": user.id in group.members,
            }
            for group in map(self._group, groups)
        ]
        return {"Results": results}
