"""The scene of a run: people, accounts and rules, both doubles in this process, the bots in theirs."""

import json
import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.server import AwsDouble
from bot.sandbox.slack.server import SlackDouble
from bot.sandbox.slack.web_api import DEFAULT_SCOPES
from bot.sandbox.slack.workspace import Workspace
from tests.chaos.bot_process import AWS_RATE
from tests.chaos.clock import SharedClock
from tests.chaos.database import Database
from tests.chaos.fleet import Fleet
from tests.chaos.proxy import Door

AWS_LIMIT = AWS_RATE * 20 // 15
"""Calls a second above which AWS throttles, in the proportion of real life."""

HISTORY = frozenset({"channels:history", "groups:history", "im:history"})
SIGNING_SECRET = "c4" * 16

REQUESTERS = {"U0ANA": "ana", "U0BEA": "bea", "U0CEM": "cem", "U0DAN": "dan", "U0EVA": "eva"}
APPROVERS = {"U0BEN": "ben", "U0CHRIS": "chris", "U0DORA": "dora"}
CHANNEL, GROUP = "C0APPROVALS", "S0SSOADMINS"

SETS: dict[str, tuple[str, ...]] = {
    "DataScientist": ("111111111111", "222222222222", "333333333333"),
    "Analyst": ("333333333333", "444444444444", "555555555555", "666666666666", "777777777777"),
}
"""The second has enough accounts for a change of all of them by one call."""

READ_ONLY, BUILDER, EXECUTION = "Workbench-ReadOnlyRole", "Workbench-BuilderRole", "Workbench-ExecutionRole"
ROLES = (READ_ONLY, BUILDER, EXECUTION)
TWO_APPROVALS = ("Analyst", EXECUTION)

RULES = f"""\
channel = "{CHANNEL}"
support = "#workbench-support"

[admins]
usergroups = ["{GROUP}"]

[defaults]
roles = {json.dumps(list(ROLES))}
durations = ["15m", "45m", "permanent"]
request_ttl = "40m"

[permission_sets.DataScientist]
accounts = {json.dumps(list(SETS["DataScientist"]))}

[permission_sets.Analyst]
accounts = "*"

[permission_sets.Analyst.role."{EXECUTION}"]
approvals = 2
"""


def foreign(sid: str) -> dict[str, Any]:
    """A statement of somebody else's, which says nothing about Workbench."""
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": ["s3:ListBucket", "s3:GetObject"],
        "Resource": [f"arn:aws:s3:::{sid.lower()}/*", f"arn:aws:s3:::{sid.lower()}"],
    }


def workspace(clock: SharedClock) -> Workspace:
    made = Workspace(clock=clock.seconds)
    for user, name in {**REQUESTERS, **APPROVERS}.items():
        made.add_user(user, name, real_name=name.capitalize(), email=f"{name}@example.com")
    made.add_channel(CHANNEL, "access-approvals", list(APPROVERS))
    made.add_usergroup(GROUP, "sso-admins", list(APPROVERS))
    return made


def organisation(clock: SharedClock) -> AwsOrganisation:
    """Ana, Bea and Cem are data scientists; Cem, Dan and Eva are analysts."""
    made = AwsOrganisation(clock=clock.seconds)
    for account in sorted({account for accounts in SETS.values() for account in accounts}):
        made.add_account(account, f"Account {account[0]}")
    for name in (*REQUESTERS.values(), *APPROVERS.values()):
        made.add_user(f"{name}@example.com")
    holders = {"DataScientist": ("ana", "bea", "cem"), "Analyst": ("cem", "dan", "eva")}
    for name, accounts in SETS.items():
        document = {"Version": "2012-10-17", "Statement": [foreign(f"First{name}"), foreign(f"Second{name}")]}
        made.add_permission_set(name, inline=document)
        made.add_group(f"{name}s", [f"{person}@example.com" for person in holders[name]])
        for account in accounts:
            made.assign(f"{name}s", name, account)
    for account in made.accounts:
        sets = [name for name, accounts in SETS.items() if account in accounts]
        if sets:
            made.deploy_workbench(account, sso_groups=sets)
    # The bot must keep this limit by itself; here it is only measured.
    made.behaviour.provisioning_limit = 100
    made.behaviour.rate = AWS_LIMIT
    return made


@dataclass(slots=True, kw_only=True)
class World:
    """Everything of one run."""

    slack: SlackDouble
    aws: AwsDouble
    clock: SharedClock
    fleet: Fleet
    database: Database
    rng: random.Random
    seed: int
    folder: Path
    door: Door | None = None
    """Between the bots and the server of their database, where there is one."""
    foreign: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """What other people have written into each policy, in order: the truth that must survive."""
    found: list[str] = field(default_factory=list)
    """What was seen to be wrong while it happened."""

    @property
    def org(self) -> AwsOrganisation:
        return self.aws.org

    def foreign_of(self, name: str) -> list[dict[str, Any]]:
        """The statements of a policy that are not the bot's."""
        text = self.org.inline_policy(name)
        statements = json.loads(text)["Statement"] if text else []
        return [each for each in statements if not str(each.get("Sid", "")).startswith("WorkbenchAccess")]


@asynccontextmanager
async def a_world(
    folder: Path, *, url: str, replicas: int, seed: int, mutation: str = ""
) -> AsyncIterator[World]:
    """Doubles that outlive every bot, and a fleet that has not been started yet."""
    clock = SharedClock(folder / "clock")
    rng = random.Random(seed)  # noqa: S311 -- to be repeated, not to be secret
    async with (
        SlackDouble(
            workspace(clock), signing_secret=SIGNING_SECRET, scopes=DEFAULT_SCOPES | HISTORY
        ) as slack,
        AwsDouble(organisation(clock)) as aws,
        _a_door(url) as (door, bots_url),
    ):
        # A process that dies in the middle of a request is no news here.
        logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
        fleet = Fleet(
            environment=_environment(folder, slack, aws, bots_url),
            folder=folder,
            clock=clock.file,
            replicas=replicas,
            rng=rng,
            mutation=mutation,
        )
        async with fleet.open():
            database = Database(url, folder)
            world = World(
                slack=slack,
                aws=aws,
                clock=clock,
                fleet=fleet,
                database=database,
                rng=rng,
                seed=seed,
                folder=folder,
                door=door,
            )
            world.foreign = {name: world.foreign_of(name) for name in SETS}
            try:
                yield world
            finally:
                slack.faults.clear()
                aws.faults.clear()
                database.close()


@asynccontextmanager
async def _a_door(url: str) -> AsyncIterator[tuple[Door | None, str]]:
    """A door before a server, and the address at which bots find it; a file needs none."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        yield None, url
        return
    async with Door(host=parsed.host or "127.0.0.1", server_port=parsed.port or 5432).open() as door:
        behind = parsed.set(host="127.0.0.1", port=door.port)
        yield door, behind.render_as_string(hide_password=False)


def _environment(folder: Path, slack: SlackDouble, aws: AwsDouble, url: str) -> dict[str, str]:
    """The whole environment of a bot: nothing of this process's leaks into it."""
    rules = folder / "workbench-access.toml"
    rules.write_text(RULES, encoding="utf-8")
    return {
        **aws.bot_environment(),
        "AWS_CONFIG_FILE": str(folder / "no-aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "no-aws-credentials"),
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_SIGNING_SECRET": slack.signing_secret,
        "SLACK_API_URL": slack.api_url,
        "DATABASE_URL": url,
        "WORKBENCH_ACCESS_CONFIG": str(rules),
        "HOST": "127.0.0.1",
        "LOG_FORMAT": "json",
        "TZ": "UTC",
    }
