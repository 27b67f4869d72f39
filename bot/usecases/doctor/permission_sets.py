"""Each configured permission set: is it there, is it ours to write, is it well, and where can it be asked for."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bot.domain.diagnosis import TAG, About, Area, Line, owner
from bot.domain.errors import AccessError, Code, NotFound, Refusal
from bot.domain.names import AccountId, PermissionSetArn, PermissionSetName
from bot.domain.policy import LIMIT_BYTES, WARN_BYTES, parse, size_bytes, unexplained
from bot.domain.rules import Rules, SetRules
from bot.domain.statements import is_altered
from bot.ports.diagnosis import AwsProbe, DatabaseProbe, SetFacts, Simulated
from bot.ports.identity_center import Home, IdentityCenter
from bot.usecases.doctor.aws import POLICY_WRITES, Seen, allow, principal_of
from bot.usecases.doctor.bounded import each, looked, words

SETS_AT_ONCE = 4
SEARCH = 60.0
"""Seconds for finding the sets by their names: AWS offers no call for it, and there may be 3,500."""
NAMED = 5

OWNER_REMEDIES = {
    "Terraform": "lifecycle { ignore_changes = [inline_policy] } in its aws_ssoadmin_permission_set_inline_policy",
    "CloudFormation": "take the InlinePolicy property out of its AWS::SSO::PermissionSet",
}


def about(check: str, subject: str) -> About:
    return About(area=Area.PERMISSION_SETS, check=check, subject=subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamineSets:
    """Looks at the sets that the configuration offers."""

    probe: AwsProbe
    identity_center: IdentityCenter
    database: DatabaseProbe
    rules: Rules

    async def find(self, seen: Seen) -> list[Line]:
        """Which of the configured names exist."""

        async def look(name: PermissionSetName) -> Sequence[Line]:
            me = about("exists", name)
            mend = f"take [permission_sets.{name}] out of the rules file, or create the permission set"
            return await looked(me, self._find(name, seen), remedy=mend, patience=SEARCH)

        return await each(sorted(self.rules.sets), look, at_once=len(self.rules.sets) or 1)

    async def __call__(self, seen: Seen) -> list[Line]:
        """Everything about those that were found."""
        home = seen.home
        if home is None:
            return []
        ids: set[AccountId] = set()
        lines = await looked(
            About(area=Area.PERMISSION_SETS, check="organisation"),
            self._organisation(ids),
            remedy=allow("organizations:ListAccounts"),
        )

        async def look(name: PermissionSetName) -> Sequence[Line]:
            return await self._examine(self.rules.sets[name], seen.sets[name], home, seen, ids)

        found = [name for name in sorted(self.rules.sets) if name in seen.sets]
        return lines + await each(found, look, at_once=SETS_AT_ONCE)

    async def _find(self, name: PermissionSetName, seen: Seen) -> Sequence[Line]:
        me = about("exists", name)
        try:
            seen.sets[name] = await self.identity_center.permission_set(name)
        except NotFound:
            mend = f"take [permission_sets.{name}] out of the rules file, or create the permission set"
            return [me.failure("there is no permission set of this name (capitals count)", mend)]
        return [me.ok("exists")]

    async def _organisation(self, ids: set[AccountId]) -> Sequence[Line]:
        """All active accounts; no line where they could be read, the sets have their own."""
        ids |= {account.id for account in await self.identity_center.accounts()}
        return []

    async def _examine(
        self, rules: SetRules, arn: PermissionSetArn, home: Home, seen: Seen, ids: Collection[AccountId]
    ) -> list[Line]:
        name = rules.name
        return [
            *await looked(
                about("tags", name),
                self._tags(name, arn, home, seen),
                remedy=allow("sso:ListTagsForResource"),
            ),
            *await looked(
                about("accounts", name),
                self._accounts(rules, arn, home, ids),
                remedy=allow("sso:ListAccountsForProvisionedPermissionSet"),
            ),
            *await looked(
                about("policy", name),
                self._policy(name, arn),
                remedy=allow("sso:GetInlinePolicyForPermissionSet"),
            ),
        ]

    # Tags

    async def _tags(
        self, name: PermissionSetName, arn: PermissionSetArn, home: Home, seen: Seen
    ) -> Sequence[Line]:
        try:
            facts = await self.probe.set_facts(arn)
        except AccessError as error:
            if error.code is not Code.ACCESS_DENIED:
                raise
            why = f"AWS refused to show the tags: {words(error)}"
            return [about("tag", name).unknown(why, allow("sso:ListTagsForResource"))]
        return [await self._tag(name, arn, home, seen, facts), self._owner(name, facts)]

    async def _tag(
        self, name: PermissionSetName, arn: PermissionSetArn, home: Home, seen: Seen, facts: SetFacts
    ) -> Line:
        me, (key, value) = about("tag", name), TAG
        if facts.tags.get(key) == value:
            return me.ok(f"{key}={value}")
        command = (
            f"aws sso-admin tag-resource --instance-arn {home.instance_arn} --resource-arn {arn} "
            f"--tags Key={key},Value={value}"
        )
        found = f"has no tag {key}={value}"
        match await self._may_write(arn, home, seen, facts):
            case Simulated.DENIED:
                return me.failure(f"{found}, so this role may not write it", command)
            case Simulated.ALLOWED:
                return me.warning(
                    f"{found}; this role may write it all the same, the shipped one may not", command
                )
            case Simulated.UNKNOWN:
                return me.warning(f"{found}; the shipped role may not write it", command)

    async def _may_write(self, arn: PermissionSetArn, home: Home, seen: Seen, facts: SetFacts) -> Simulated:
        """With the tags that the set really has."""
        principal = principal_of(seen.caller.arn) if seen.caller is not None else None
        if principal is None:
            return Simulated.UNKNOWN
        try:
            verdicts = await self.probe.simulate(principal, POLICY_WRITES[:1], [arn], facts.tags)
        except AccessError:
            return Simulated.UNKNOWN
        return verdicts.get((POLICY_WRITES[0], arn), Simulated.UNKNOWN)

    @staticmethod
    def _owner(name: PermissionSetName, facts: SetFacts) -> Line:
        me, tool = about("owner", name), owner(facts.tags, facts.description)
        if tool is None:
            return me.ok("no sign of a tool that would write over it")
        remedy = OWNER_REMEDIES.get(tool, "leave the inline policy out of what that tool manages")
        found = (
            f"{tool} seems to own it: the next apply writes over the inline policy, our statements included"
        )
        return me.warning(found, remedy)

    # Accounts

    async def _accounts(
        self, rules: SetRules, arn: PermissionSetArn, home: Home, ids: Collection[AccountId]
    ) -> Sequence[Line]:
        me, name = about("accounts", rules.name), rules.name
        provisioned = await self.identity_center.provisioned_accounts(arn)
        lines: list[Line] = []
        if home.is_delegated and home.management_account in provisioned:
            found = "is provisioned in the management account, so a delegated administrator cannot change it at all"
            mend = (
                f"remove the assignments of {name} in account {home.management_account}, "
                "or run the bot in the management account"
            )
            lines.append(about("management_account", name).failure(found, mend))
        offered = provisioned if rules.accounts is None else rules.accounts
        strangers = sorted(offered - set(ids)) if ids else []
        if strangers:
            mend = f"take {listed(strangers)} out of accounts under [permission_sets.{name}]"
            lines.append(me.failure(f"no active accounts of the organisation: {listed(strangers)}", mend))
        idle = sorted(offered - provisioned - set(strangers))
        if idle:
            found = f"not assigned to anybody in {listed(idle)}, so nobody can ask for it there"
            lines.append(me.warning(found, f"assign {name} in Identity Center, or take the accounts out"))
        if not offered:
            lines.append(
                me.warning("not assigned anywhere, so nobody can ask for it", f"assign {name} somewhere")
            )
        if not lines:
            number = len(offered)
            where = "account" if number == 1 else "accounts"
            lines.append(me.ok(f"assigned in {number} {where} that the rules offer"))
        return lines

    # The policy

    async def _policy(self, name: PermissionSetName, arn: PermissionSetArn) -> Sequence[Line]:
        me = about("policy", name)
        document = await self.identity_center.read_policy(arn)
        size = size_bytes(document)
        used = f"{size:,} of {LIMIT_BYTES:,} bytes used"
        try:
            policy = parse(document)
        except Refusal as refusal:
            found = f"cannot be read without doubt ({refusal.facts.get('detail', '')}), so the bot never writes it"
            return [
                me.failure(found, "mend the inline policy in the console: valid JSON, each key and Sid once")
            ]
        lines = [
            me.ok(used)
            if size < WARN_BYTES
            else me.warning(
                f"{used}; requests that do not fit are refused", "end old grants, or fold statements"
            )
        ]
        altered = [str(one.sid) for one in policy.statements if one.is_managed and is_altered(one.raw)]
        if altered:
            found = f"somebody edited {listed(altered)} by hand, so changes of this set stop"
            mend = "put the statement back or remove it in the console, then press Retry on the card"
            lines.append(about("statements", name).failure(found, mend))
        return [
            *lines,
            *await self._unexplained(name, frozenset(unexplained(policy, frozenset())) - set(altered)),
        ]

    async def _unexplained(self, name: PermissionSetName, present: Collection[str]) -> Sequence[Line]:
        me = about("statements", name)
        try:
            strange = sorted(set(present) - await self.database.known_sids(name)) if present else []
        except AccessError as error:
            why = f"whether this database explains {len(present)} managed statements: {words(error)}"
            return [me.unknown(why, "workbench-access migrate, or the right DATABASE_URL")]
        if strange:
            found = f"no grant in this database explains {listed(strange)}; left alone"
            mend = "the right DATABASE_URL; or remove by hand what nobody needs, and provision the permission set"
            return [me.warning(found, mend)]
        return [me.ok("every managed statement is explained by this database")]


def listed(items: Sequence[str]) -> str:
    shown = ", ".join(items[:NAMED])
    return f"{shown} and {len(items) - NAMED} more" if len(items) > NAMED else shown
