"""Slack's part of the set-up: the token and its scopes, the channel, and whether anybody could approve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.domain.diagnosis import SCOPES, About, Area, Health, Line, clock, scope
from bot.domain.errors import Code, NotFound, Refusal
from bot.domain.names import SlackTeamId, SlackUserId
from bot.domain.people import admit
from bot.domain.rules import Rule, Rules, SetRules, approvers
from bot.ports.clock import Clock
from bot.ports.diagnosis import Setup, SlackIdentity, SlackProbe, UserGroup
from bot.ports.people import People
from bot.usecases.doctor.bounded import each, looked

PEOPLE_AT_ONCE = 4
MOST_PEOPLE = 60
"""Profiles that are read: users.info allows about 100 a minute, and the running bot needs it too."""

SIGNING_SECRET_DIGITS = 32

_REINSTALL = "add the scope to the app's manifest (see manifest.yml), then reinstall the app"
_COPY_IT = "SLACK_BOT_TOKEN=xoxb-… (from OAuth & Permissions of the app)"


def about(check: str, subject: str = "") -> About:
    return About(area=Area.SLACK, check=check, subject=subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamineSlack:
    """Looks at everything that the bot needs of Slack."""

    probe: SlackProbe
    people: People
    rules: Rules
    setup: Setup
    clock: Clock

    async def __call__(self) -> list[Line]:
        """The token first: without it nothing else can be asked."""
        seen: list[SlackIdentity] = []
        lines = await looked(about("token"), self._identity(seen), remedy=_COPY_IT, vital=True)
        lines += _shapes(self.setup)
        if not seen:
            return [*lines, about("rest").unknown("nothing else can be asked without the token", _COPY_IT)]
        me = seen[0]
        lines.append(clock(about("clock"), here=self.clock.now(), there=me.said_at, whose="Slack"))
        lines += self._scopes(me.scopes)
        lines += await looked(
            about("channel", self.rules.channel), self._channel(), remedy=_invite(self.rules.channel)
        )
        return lines + await self._approvers(SlackTeamId(me.team_id))

    async def _identity(self, seen: list[SlackIdentity]) -> Sequence[Line]:
        me = await self.probe.identity()
        seen.append(me)
        return [about("token").ok(f"valid, workspace {me.team_name} ({me.team_id}), bot user {me.bot_user}")]

    def _scopes(self, granted: frozenset[str] | None) -> list[Line]:
        lines = [scope(about("scope", each.name), each, granted) for each in SCOPES]
        if self._groups():
            return lines
        # Nobody is named by a group: nothing is lost without it today.
        unneeded = about("scope", "usergroups:read").ok("missing, but no user group is configured")
        return [
            unneeded if line.subject == "usergroups:read" and line.health is Health.FAILURE else line
            for line in lines
        ]

    async def _channel(self) -> Sequence[Line]:
        me, wanted = about("channel", self.rules.channel), self.rules.channel
        try:
            channel = await self.probe.channel(wanted)
        except NotFound:
            found = "there is no such channel, or it is private and the bot is not in it"
            return [me.failure(found, _invite(wanted))]
        except Refusal:
            found = "the token may not look at channels; the first card will tell"
            return [me.unknown(found, "add channels:history and channels:read to the app's scopes")]
        name = f"#{channel.name}" if channel.name else wanted
        if not channel.has_bot:
            return [
                me.failure(f"the bot is not a member of {name}, so no card can be posted", _invite(wanted))
            ]
        if channel.is_archived:
            return [me.failure(f"{name} is archived", f"unarchive {name} in Slack, or set another channel")]
        lines = [me.ok(f"{name}, the bot is a member")]
        if channel.is_shared_outside:
            found = f"{name} is shared with another company, which reads every request and reason"
            lines = [me.warning(found, 'channel = "C…" of a channel that only your workspace can see')]
        elif channel.is_archived is None:
            why = f"whether {name} is archived or shared with another company; the bot is a member"
            lines = [me.unknown(why, "add channels:read (groups:read if it is private) to the app's scopes")]
        return lines

    # Who approves

    def _groups(self) -> frozenset[str]:
        rules = [rule for each in self.rules.sets.values() for rule in each.by_role.values()]
        return frozenset().union(*(rule.groups for rule in rules))

    def _users(self) -> frozenset[SlackUserId]:
        sources = [
            source
            for each in self.rules.sets.values()
            for rule in each.by_role.values()
            for source in rule.approver_sources
        ]
        return frozenset().union(*(source.users for source in sources))

    async def _approvers(self, team: SlackTeamId) -> list[Line]:
        members: dict[str, frozenset[SlackUserId]] = {}
        lines: list[Line] = []
        if self._groups():
            lines = await looked(
                about("usergroup"), self._read_groups(members), remedy=f"usergroups:read: {_REINSTALL}"
            )
        named = self._users()
        everybody = sorted(named) + sorted(frozenset().union(*members.values()) - named)
        refused: dict[SlackUserId, str] = {}

        async def profile(user: SlackUserId) -> Sequence[Line]:
            return await looked(
                about("admin", user),
                self._person(user, team, refused, is_named=user in named),
                remedy=f"users:read: {_REINSTALL}",
            )

        lines += await each(everybody[:MOST_PEOPLE], profile, at_once=PEOPLE_AT_ONCE)
        if self._groups() <= members.keys():
            for offered in self.rules.sets.values():
                lines += _enough(offered, members, refused)
        else:
            unread = about("approvals").unknown(
                "how many could approve, since a user group could not be read", _REINSTALL
            )
            lines.append(unread)
        return lines

    async def _read_groups(self, members: dict[str, frozenset[SlackUserId]]) -> Sequence[Line]:
        known = {group.id: group for group in await self.probe.user_groups()}
        lines = []
        for wanted in sorted(self._groups()):
            group = known.get(wanted)
            members[wanted] = group.members if group is not None and group.is_enabled else frozenset()
            lines.append(_group(wanted, group))
        return lines

    async def _person(
        self, user: SlackUserId, team: SlackTeamId, refused: dict[SlackUserId, str], *, is_named: bool
    ) -> Sequence[Line]:
        """A line for those whom the configuration names, read afresh; members of groups are only counted."""
        me = about("admin", user)
        try:
            person = await self.people.person(user, not_before=self.clock.now() if is_named else None)
            admit(person, team)
        except NotFound:
            refused[user] = "is not known to Slack"
        except Refusal as refusal:
            if refusal.code is Code.ACCESS_DENIED:
                raise
            refused[user] = _KINDS.get(refusal.code, "is not let in")
        else:
            return [me.ok(person.name)] if is_named else []
        mend = f'take "{user}" out of users in the rules file, or name a member of this workspace'
        return [me.failure(f"{user} {refused[user]} and cannot approve", mend)] if is_named else []


_KINDS: Mapping[Code, str] = {
    Code.GUEST: "is a guest",
    Code.STRANGER: "belongs to another workspace",
    Code.NOT_HUMAN: "is a bot",
    Code.DEACTIVATED: "is deactivated",
}


def _invite(channel: str) -> str:
    return f"type /invite @workbench-access in the channel {channel}"


def _shapes(setup: Setup) -> list[Line]:
    """The two secrets that no call can try without effect, by their shape alone."""
    lines = []
    if setup.socket_mode:
        lines.append(about("transport").ok("Socket Mode; the app-level token has the right shape"))
    else:
        lines.append(about("transport").ok("HTTP, POST /slack/events"))
    digits = setup.signing_secret_digits
    if digits is not None:
        me = about("signing_secret")
        if digits == SIGNING_SECRET_DIGITS:
            lines.append(
                me.ok("has the right shape; only a real payload can tell whether it is the right one")
            )
        else:
            found = f"has {digits} hexadecimal digits, Slack's have {SIGNING_SECRET_DIGITS}"
            mend = "SLACK_SIGNING_SECRET=<32 hexadecimal digits> (Basic Information of the app)"
            lines.append(me.warning(found, mend))
    return lines


def _group(wanted: str, group: UserGroup | None) -> Line:
    me = about("usergroup", wanted)
    if group is None:
        return me.failure(
            "Slack knows no such user group", f'take "{wanted}" out of usergroups in the rules file'
        )
    if not group.is_enabled:
        return me.failure(
            f"@{group.name} is disabled", f"enable @{group.name} in Slack (People › User groups)"
        )
    if not group.members:
        return me.failure(f"@{group.name} has no members", f"add approvers to @{group.name} in Slack")
    number = len(group.members)
    return me.ok(f"@{group.name}, {number} {'member' if number == 1 else 'members'}")


def _enough(
    offered: SetRules, members: Mapping[str, frozenset[SlackUserId]], refused: Mapping[SlackUserId, str]
) -> list[Line]:
    """Whether as many people as a set's rules ask for could approve; a line for each different rule."""
    by_rule: dict[Rule, list[str]] = {}
    for role, rule in offered.by_role.items():
        by_rule.setdefault(rule, []).append(role)
    lines = []
    for rule, roles in by_rule.items():
        me = about("approvals", offered.name if len(by_rule) == 1 else f"{offered.name}: {', '.join(roles)}")
        able = len(approvers(rule, members) - refused.keys())
        mend = f"approvals = {max(able, 1)} under [permission_sets.{offered.name}], or name more approvers"
        if able < rule.approvals:
            lines.append(me.failure(f"asks for {rule.approvals} approvals, but {able} could approve", mend))
        elif able == rule.approvals and not rule.self_approval:
            found = (
                f"all {able} approvers are needed, so none of them can ask for access"
                if able > 1
                else ("there is one approver, who cannot ask for access")
            )
            lines.append(me.warning(found, f"name one more approver for [permission_sets.{offered.name}]"))
        else:
            lines.append(me.ok(f"{rule.approvals} needed, {able} could approve"))
    return lines
