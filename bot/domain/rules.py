"""The rules of the house as values: per permission set and role, who decides, how many, for how long."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from bot.domain.errors import Code, Refusal
from bot.domain.names import AccountId, ChannelId, PermissionSetName, RoleName, SlackUserId


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproverSource:
    """One place where approvers are named: people by name, or members of Slack user groups."""

    users: frozenset[SlackUserId]
    groups: frozenset[str]

    def people(self, members: Mapping[str, frozenset[SlackUserId]]) -> frozenset[SlackUserId]:
        """Everyone this source names. A group that `members` does not know counts as empty."""
        return self.users.union(*(members.get(group, frozenset()) for group in self.groups))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What holds for one request, with everything inherited already resolved."""

    approver_sources: tuple[ApproverSource, ...]
    """An approver is in every one of these. They can only be intersected once the groups have been read."""

    approvals: int
    self_approval: bool

    durations: tuple[timedelta | None, ...]
    """What may be asked for, in the configured order; None is permanent."""

    request_ttl: timedelta
    """An undecided request expires after this long."""

    @property
    def groups(self) -> frozenset[str]:
        """Every user group that must be read before `approvers` can answer."""
        return frozenset().union(*(source.groups for source in self.approver_sources))


def approvers(rule: Rule, members: Mapping[str, frozenset[SlackUserId]]) -> frozenset[SlackUserId]:
    """Who may decide under `rule`, given the members of each of `rule.groups`.

    A group missing from `members` counts as empty: whoever cannot be shown to be an approver is none.
    """
    if not rule.approver_sources:
        return frozenset()
    return frozenset.intersection(*(source.people(members) for source in rule.approver_sources))


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRules:
    """One permission set that can be asked for."""

    name: PermissionSetName

    accounts: frozenset[AccountId] | None
    """None is "*": wherever the permission set is assigned."""

    roles: tuple[RoleName, ...]
    by_role: Mapping[RoleName, Rule]

    def offers(self, account: AccountId) -> bool:
        """Whether the configuration lets people ask for this account."""
        return self.accounts is None or account in self.accounts

    def combined(self, roles: Iterable[RoleName]) -> Rule:
        """The strictest rule of all `roles`: asking for several roles is no way around any of their rules.

        Most approvals, approvers who may decide each role, durations that every role offers (in the order of
        the first role), the shortest time to decide. The order in which roles are named does not matter.
        Raises Refusal: NOTHING_CHOSEN without roles, ROLE_NOT_OFFERED for a role that is not configured here.
        """
        chosen = frozenset(roles)
        if not chosen:
            raise Refusal(Code.NOTHING_CHOSEN)
        for unknown in sorted(chosen.difference(self.roles)):
            raise Refusal(Code.ROLE_NOT_OFFERED, role=unknown, permission_set=self.name)
        rules = [self.by_role[role] for role in self.roles if role in chosen]
        first, *others = rules
        return Rule(
            approver_sources=tuple(
                dict.fromkeys(source for rule in rules for source in rule.approver_sources)
            ),
            approvals=max(rule.approvals for rule in rules),
            self_approval=all(rule.self_approval for rule in rules),
            durations=tuple(
                duration for duration in first.durations if all(duration in rule.durations for rule in others)
            ),
            request_ttl=min(rule.request_ttl for rule in rules),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Everything that the rules file says."""

    channel: ChannelId
    """Approval cards are posted here."""

    support: str
    """Whom to ask; closes every failure message."""

    member_role: RoleName | None
    """The optional read-only role in each account."""

    public_url: str | None
    """Where people's machines reach the bot; no slash at the end, only characters safe in a shell."""

    sets: Mapping[PermissionSetName, SetRules]

    people: Mapping[SlackUserId, str]
    """E-mail in Identity Center of those whose Slack e-mail differs."""
