"""Each offered account, looked into with the optional read-only role there."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.domain.diagnosis import About, Area, Line
from bot.domain.member_view import Question
from bot.domain.names import AccountId, IdentityUserId, PermissionSetName, RoleName
from bot.domain.rules import Rules
from bot.domain.three_valued import Answer
from bot.ports.clock import Clock
from bot.ports.identity_center import IdentityCenter
from bot.ports.member_account import MemberAccounts
from bot.usecases.doctor.aws import Seen
from bot.usecases.doctor.bounded import each, looked
from bot.usecases.doctor.permission_sets import listed

ACCOUNTS_AT_ONCE = 8
MOST_ACCOUNTS = 100
"""In a larger organisation the first ones speak for the StackSet."""
PATIENCE = 10.0
READING = 6.0
"""Seconds for the reads in one account, of the ten for all of it."""

NOBODY = IdentityUserId("00000000-0000-4000-8000-000000000000")
"""The looks are about the role's own rights, not about a person's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamineMembers:
    """Enters each account and reads what a verification would read."""

    accounts: MemberAccounts | None
    """None where no member role is configured."""
    identity_center: IdentityCenter
    rules: Rules
    clock: Clock

    async def __call__(self, seen: Seen) -> list[Line]:
        me = About(area=Area.MEMBER_ACCOUNTS, check="member_role")
        role = self.rules.member_role
        if role is None or self.accounts is None:
            return [me.ok("not configured, so results stop at CONFIGURED")]
        if seen.home is None:
            return [me.unknown("AWS could not be asked", "mend the failures of AWS first")]
        offered: dict[AccountId, PermissionSetName] = {}
        lines = await looked(me, self._offered(seen, offered), remedy="mend the failures of AWS first")

        async def look(account: AccountId) -> Sequence[Line]:
            mend = (
                f"deploy the role {role} in account {account}, its trust policy naming the bot's role; "
                f'"sts:AssumeRole" on arn:aws:iam::*:role/{role} in the bot\'s own'
            )
            looking = self._into(account, offered[account], role)
            return await looked(self._of(account), looking, remedy=mend, patience=PATIENCE)

        chosen = sorted(offered)[:MOST_ACCOUNTS]
        lines += await each(chosen, look, at_once=ACCOUNTS_AT_ONCE)
        if len(offered) > len(chosen):
            why = f"{len(offered) - len(chosen)} more accounts were not looked into"
            lines.append(me.unknown(why, "/workbench-access verify in Slack, with the account's id"))
        return lines

    @staticmethod
    def _of(account: AccountId) -> About:
        return About(area=Area.MEMBER_ACCOUNTS, check="member_role", subject=account)

    async def _offered(self, seen: Seen, offered: dict[AccountId, PermissionSetName]) -> Sequence[Line]:
        """Every account that can be asked for, with the first set that is offered there."""
        for name, arn in sorted(seen.sets.items()):
            rules = self.rules.sets[PermissionSetName(name)]
            provisioned = await self.identity_center.provisioned_accounts(arn)
            for account in provisioned if rules.accounts is None else rules.accounts & provisioned:
                offered.setdefault(account, rules.name)
        return []

    async def _into(
        self, account: AccountId, permission_set: PermissionSetName, role: RoleName
    ) -> Sequence[Line]:
        assert self.accounts is not None  # who has none does not come here
        me = self._of(account)
        await self.accounts.enter(account)
        question = Question(
            account=account,
            permission_set=permission_set,
            roles=self.rules.sets[permission_set].roles,
            person=NOBODY,
            at=self.clock.now(),
        )
        view = await self.accounts.look(question, within=READING)
        if view.trouble is not None:
            found = f"{role} can be assumed, but does not read all: {view.trouble.detail or view.trouble.code.value}"
            return [
                me.warning(found, f"deploy the role {role} in account {account} anew, with all of its reads")
            ]
        missing = [name for name, seen in view.roles.items() if seen.exists is Answer.NO]
        if missing:
            mend = (
                f"deploy the Workbench stack in {account}, or take the roles out of roles in the rules file"
            )
            lacks = f"{role} reads; the account lacks {listed(missing)}"
            return [me.warning(lacks, mend)]
        return [me.ok(f"{role} can be assumed and reads")]
