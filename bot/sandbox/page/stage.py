"""Everything that runs: the two doubles, the bot in its own process, the clock of all three, and what watches them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from bot.sandbox.aws.server import AwsDouble
from bot.sandbox.clock import SharedClock
from bot.sandbox.page.aws_state import MEMBER_ROLE, AwsPanel
from bot.sandbox.page.calls import Calls
from bot.sandbox.page.events import Hub, Soon
from bot.sandbox.page.inspector import Inspector
from bot.sandbox.page.news import WorkspaceNews
from bot.sandbox.page.policies import Policies
from bot.sandbox.page.supervisor import BotProcess
from bot.sandbox.page.switches import Switches
from bot.sandbox.page.tour import Tour
from bot.sandbox.play import LOG, PROVISIONING_SECONDS, SCOPES, bot_variables
from bot.sandbox.scene import (
    PRODUCTION,
    RESEARCH,
    RULES,
    SANDBOX,
    SIGNING_SECRET,
    organisation,
    workspace,
    write_rules,
)
from bot.sandbox.slack.server import SlackDouble
from bot.sandbox.slack.workspace import Workspace

SETTLE_SECONDS: Final = 0.1
LOOK_SECONDS: Final = 2.0
"""So often it is asked whether time alone has changed who can assume what."""

PANEL_SECONDS: Final = 0.2
TOUR_SECONDS: Final = 0.1

RULES_HERE: Final = f'member_role = "{MEMBER_ROLE}"\n' + RULES
"""With the read-only role in each account the bot sees what a visitor breaks there; a switch takes it away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What is shown from one reset to the next."""

    slack: SlackDouble
    aws: AwsDouble
    bot: BotProcess
    clock: SharedClock
    news: WorkspaceNews
    inspector: Inspector
    policies: Policies
    panel: AwsPanel
    switches: Switches
    tour: Tour

    @property
    def workspace(self) -> Workspace:
        return self.slack.workspace

    async def move_clock(self, by: timedelta) -> None:
        """Time passes while the bot is down: it is stopped, and started again if it was running."""
        was_running = self.bot.state in {"running", "starting"}
        await self.bot.stop("Stopped, because the clock is being moved.")
        self.clock.advance(by)
        self.aws.settle()
        self.aws.org.changed()
        self.tour.clock_moved()
        if was_running:
            await self.bot.start("Started again, because the clock was moved.")


@asynccontextmanager
async def stage(
    folder: Path, hub: Hub, *, provisioning_seconds: float = PROVISIONING_SECONDS
) -> AsyncIterator[Stage]:
    """Both doubles listen when this returns; the bot is not started yet."""
    clock = SharedClock(folder / "clock")
    org = organisation(clock=clock.seconds)
    org.provisioning.delay = provisioning_seconds
    for account in (SANDBOX, PRODUCTION, RESEARCH):
        org.deploy_member_role(account, MEMBER_ROLE)
    people = workspace(clock=clock.seconds)
    for person in list(people.users.values()):
        # The app stands in everybody's sidebar, but for people of another workspace, where it is not installed.
        if not person.is_bot and not person.is_stranger:
            people.open_dm(person.id)
    async with AsyncExitStack() as stack:
        stack.callback(clock.close)
        slack = await stack.enter_async_context(
            SlackDouble(people, signing_secret=SIGNING_SECRET, scopes=SCOPES)
        )
        aws = await stack.enter_async_context(AwsDouble(org))
        made = _assembled(folder, hub, slack, aws, clock)
        slack.bot_url = f"{made.bot.url}/slack/events"
        # What it might still finish would be thrown away with the database.
        stack.push_async_callback(made.bot.kill)
        _watch(stack, made, hub)
        pulse = asyncio.create_task(_pulse(made, hub), name="sandbox pulse")
        try:
            yield made
        finally:
            pulse.cancel()
            with suppress(asyncio.CancelledError):
                await pulse


def _assembled(folder: Path, hub: Hub, slack: SlackDouble, aws: AwsDouble, clock: SharedClock) -> Stage:
    calls = Calls(slack, aws, hub)
    inspector = Inspector(slack.delivery, hub)
    policies = Policies(aws.org)
    panel = AwsPanel(aws.org, policies, calls)
    switches = Switches(slack, aws, panel, policies)
    tour = Tour(slack, aws, policies=policies, switches=switches, inspector=inspector, hub=hub)
    bot = BotProcess(
        _environment(folder, slack, aws),
        folder=folder,
        log=folder / LOG,
        clock=folder / "clock",
        told=lambda: hub.publish("bot", lambda _: ("bot", made.bot.describe())),
    )
    made = Stage(
        slack=slack,
        aws=aws,
        bot=bot,
        clock=clock,
        news=WorkspaceNews(slack.workspace, hub),
        inspector=inspector,
        policies=policies,
        panel=panel,
        switches=switches,
        tour=tour,
    )
    return made


def _environment(folder: Path, slack: SlackDouble, aws: AwsDouble) -> Mapping[str, str]:
    rules = write_rules(folder, RULES_HERE)
    return {**bot_variables(folder, slack, aws, rules), "LOG_FORMAT": "text", "LOG_LEVEL": "INFO"}


def _watch(stack: AsyncExitStack, made: Stage, hub: Hub) -> None:
    """The panel and the tour look again after each change, but not after each of a hundred in a second."""

    def panel(_: str) -> tuple[str, dict[str, Any]]:
        return "aws", {"seq": hub.seq, **made.panel.state()}

    news = Soon(lambda: hub.publish("aws", panel), every=PANEL_SECONDS)
    look = Soon(made.tour.look, every=TOUR_SECONDS)
    stack.callback(news.cancel)
    stack.callback(look.cancel)
    stack.callback(made.aws.org.on_change(news.ask))
    stack.callback(made.aws.org.on_change(look.ask))
    made.aws.calls.watchers.append(lambda _: news.ask())
    made.workspace.listeners.append(look.ask)


async def _pulse(made: Stage, hub: Hub) -> None:
    """What happens because time goes by: provisioning gets on, and access ends."""
    could: list[bool] = []
    looked = 0.0
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SETTLE_SECONDS)
        made.aws.settle()
        if hub.has_readers and loop.time() - looked >= LOOK_SECONDS:
            looked = loop.time()
            can = [row["can"] for row in made.panel.matrix()]
            if can != could:
                could = can
                made.aws.org.changed()
