"""AWS's part of the set-up: who the bot is there, where it runs, and every action that it needs."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.diagnosis import TAG, About, Area, Line, clock
from bot.domain.errors import AccessError, Code, NotFound, Provisioning
from bot.domain.names import PermissionSetArn
from bot.domain.rules import Rules
from bot.ports.clock import Clock
from bot.ports.diagnosis import AwsProbe, Caller, Simulated
from bot.ports.identity_center import Home, IdentityCenter
from bot.usecases.doctor.bounded import PATIENCE, each, looked, words

ACTIONS_AT_ONCE = 4
MOST_ACCOUNTS = 50
"""Asked about in one call of the simulator."""

POLICY_WRITES = ("sso:PutInlinePolicyToPermissionSet", "sso:DeleteInlinePolicyFromPermissionSet")
PROVISION = "sso:ProvisionPermissionSet"

_BESIDE_INLINE = "what a permission set allows or denies beside its inline policy stays unknown"
OPTIONAL_READS: Mapping[str, str] = {
    "organizations:DescribeOrganization": "the management account is taken from Identity Center instead",
    "identitystore:ListUsers": "two people with one e-mail address would not be noticed",
    "sso:ListTagsForResource": "the doctor cannot look at the tags of permission sets",
    "sso:ListManagedPoliciesInPermissionSet": _BESIDE_INLINE,
    "sso:ListCustomerManagedPolicyReferencesInPermissionSet": _BESIDE_INLINE,
    "sso:GetPermissionsBoundaryForPermissionSet": _BESIDE_INLINE,
}
"""What is lost without each of these; without any other the bot does not work."""

ROLE_FILE = "deploy/bot-role.yaml"
_ASSUMED = re.compile(r"arn:(aws[a-z-]*):sts::([0-9]{12}):assumed-role/([^/]+)/.+")


def about(check: str, subject: str = "") -> About:
    return About(area=Area.AWS, check=check, subject=subject)


def allow(action: str) -> str:
    """The line to add to the role's policy."""
    return f'"{action}" in an Allow statement of the bot\'s role ({ROLE_FILE} has all of them)'


@dataclass(slots=True, kw_only=True)
class Seen:
    """What the first looks found; later ones build on it."""

    caller: Caller | None = None
    home: Home | None = None
    sets: dict[str, PermissionSetArn] = field(default_factory=dict)
    """By name, those that exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamineAws:
    """Looks at the account, the Region, the clock and the role."""

    probe: AwsProbe
    identity_center: IdentityCenter
    rules: Rules
    clock: Clock

    async def place(self, seen: Seen) -> list[Line]:
        """Who we are, and whether permission sets can be changed from here."""
        caller, home = await asyncio.gather(
            looked(
                about("caller"),
                self._caller(seen),
                remedy="credentials of a role made from deploy/bot-role.yaml; see `aws sts get-caller-identity`",
                vital=True,
            ),
            looked(
                about("home"),
                self._home(seen),
                remedy="run the bot in the management account or in Identity Center's delegated administrator",
                vital=True,
            ),
        )
        times = await looked(about("clock"), self._clock(), remedy="timedatectl set-ntp true")
        return caller + home + times

    async def actions(self, seen: Seen) -> list[Line]:
        """Reads are really made, writes simulated."""
        some_set = next(iter(seen.sets.values()), None)

        async def read(action: str) -> Sequence[Line]:
            return await looked(about("action", action), self._read(action, some_set), remedy=allow(action))

        reads = await each(sorted(self.probe.reads), read, at_once=ACTIONS_AT_ONCE)
        return reads + await self._writes(seen)

    async def _caller(self, seen: Seen) -> Sequence[Line]:
        me = about("caller")
        seen.caller = await self.probe.caller()
        if seen.caller.arn.endswith(":root"):
            found = f"the root user of account {seen.caller.account}"
            return [me.warning(found, f"run the bot with the role of {ROLE_FILE}, never as root")]
        return [me.ok(seen.caller.arn)]

    async def _home(self, seen: Seen) -> Sequence[Line]:
        home = seen.home = await self.identity_center.home()
        kind = "Identity Center's delegated administrator" if home.is_delegated else "management account"
        instance = home.instance_arn.rsplit("/", 1)[-1]
        return [
            about("account").ok(f"{home.caller_account}, the {kind.removeprefix('the ')}"),
            about("region").ok(f"{home.region}, the primary Region of Identity Center ({instance})"),
        ]

    async def _clock(self) -> Sequence[Line]:
        said_at = await self.probe.said_at()
        return [clock(about("clock"), here=self.clock.now(), there=said_at, whose="AWS")]

    async def _read(self, action: str, some_set: PermissionSetArn | None) -> Sequence[Line]:
        me = about("action", action)
        try:
            tried = await self.probe.try_read(action, some_set)
        except NotFound:
            return [me.ok("allowed")]  # who may not ask is not told what there is
        except Provisioning as error:
            lost = OPTIONAL_READS.get(action)
            if error.code is not Code.ACCESS_DENIED:
                return [me.unknown(words(error), allow(action))]
            if lost is None:
                return [me.failure(words(error), allow(action))]
            return [me.warning(f"{words(error)}. Without it {lost}", allow(action))]
        if not tried:
            return [me.unknown("there is no permission set to try it on", "configure one that exists")]
        return [me.ok("allowed")]

    # Writes

    async def _writes(self, seen: Seen) -> list[Line]:
        """What IAM's simulator says: nothing is written, so nothing is proved before the first use."""
        caller, home = seen.caller, seen.home
        principal = principal_of(caller.arn) if caller is not None else None
        unknown = [
            about("action", action).unknown(
                "until its first use, since a write is not tried and IAM's simulator may not be asked",
                "allow iam:SimulatePrincipalPolicy on the bot's own role, then run the doctor again",
            )
            for action in (*POLICY_WRITES, PROVISION)
        ]
        if principal is None or home is None:
            return unknown
        sets = [home.instance_arn, *seen.sets.values()]
        wanted = dict.fromkeys(POLICY_WRITES, sets)
        wanted[PROVISION] = [*sets, *self._accounts(home)]
        try:
            async with asyncio.timeout(PATIENCE):
                policies, pushes = await asyncio.gather(
                    self.probe.simulate(principal, POLICY_WRITES, sets, dict([TAG])),
                    self.probe.simulate(principal, (PROVISION,), wanted[PROVISION], dict([TAG])),
                )
        except (AccessError, TimeoutError):
            return unknown
        simulated = {**policies, **pushes}
        return [self._write(action, simulated, resources) for action, resources in wanted.items()]

    def _accounts(self, home: Home) -> list[str]:
        """The role may be allowed to push into some accounts only; those that are named must be among them."""
        named = sorted(
            frozenset().union(*(each.accounts or frozenset() for each in self.rules.sets.values()))
        )
        return [f"arn:{home.partition}:sso:::account/{account}" for account in named[:MOST_ACCOUNTS]]

    @staticmethod
    def _write(action: str, simulated: Mapping[tuple[str, str], Simulated], resources: Sequence[str]) -> Line:
        me = about("action", action)
        verdicts = {each: simulated.get((action, each), Simulated.UNKNOWN) for each in resources}
        denied = [each for each, verdict in verdicts.items() if verdict is Simulated.DENIED]
        if denied:
            return me.failure(f"IAM's simulator denies it on {denied[0]}", allow(action))
        if Simulated.UNKNOWN in verdicts.values():
            why = "until its first use: IAM's simulator cannot decide it"
            return me.unknown(why, f"compare the bot's role with {ROLE_FILE}")
        return me.ok("IAM's simulator allows it; only a real write proves it")


def principal_of(arn: str) -> str | None:
    """The IAM principal behind a caller, as the simulator wants it; None for root and federated users.

    An assumed role's ARN drops the role's path, so a role with a path is looked for in vain: unknown then.
    """
    if match := _ASSUMED.fullmatch(arn):
        partition, account, role = match.groups()
        return f"arn:{partition}:iam::{account}:role/{role}"
    return arn if ":user/" in arn and ":iam:" in arn else None
