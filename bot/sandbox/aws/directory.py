"""The identity store: people, groups, memberships."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.aws.records import Email, Group, User

if TYPE_CHECKING:
    from bot.sandbox.aws.identifiers import Identifiers


class Directory:
    """One identity store. Duplicate e-mail addresses are allowed here, so that ambiguity can be
    simulated; user names are unique, as in the real store.
    """

    def __init__(self, store_id: str, identifiers: Identifiers) -> None:
        self.store_id = store_id
        self.users: dict[str, User] = {}
        self.groups: dict[str, Group] = {}
        self._ids = identifiers

    def _resource_id(self, kind: str) -> str:
        return f"{self.store_id.removeprefix('d-')}-{self._ids.uuid(kind)}"

    def add_user(
        self, user_name: str, *, emails: list[Email], display_name: str = "", status: str = "ENABLED"
    ) -> User:
        if any(user.user_name.casefold() == user_name.casefold() for user in self.users.values()):
            raise ValueError(f"the identity store already has a user {user_name!r}")
        user = User(
            id=self._resource_id(f"user:{user_name}"),
            user_name=user_name,
            display_name=display_name or user_name,
            emails=emails,
            status=status,
        )
        self.users[user.id] = user
        return user

    def add_group(self, display_name: str) -> Group:
        group = Group(id=self._resource_id(f"group:{display_name}"), display_name=display_name)
        self.groups[group.id] = group
        return group

    def join(self, user: User, group: Group) -> None:
        group.members.setdefault(user.id, self._resource_id("membership"))

    def leave(self, user: User, group: Group) -> None:
        group.members.pop(user.id, None)

    def user(self, name_or_id: str) -> User:
        """By id or user name; raises KeyError."""
        for user in self.users.values():
            if name_or_id in {user.id, user.user_name}:
                return user
        raise KeyError(f"no user {name_or_id!r} in the identity store")

    def group(self, name_or_id: str) -> Group:
        """By id or display name; raises KeyError."""
        for group in self.groups.values():
            if name_or_id in {group.id, group.display_name}:
                return group
        raise KeyError(f"no group {name_or_id!r} in the identity store")

    def groups_of(self, user_id: str) -> list[Group]:
        return [group for group in self.groups.values() if user_id in group.members]
