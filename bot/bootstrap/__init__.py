"""The composition root: the only place where adapters meet use cases. One exit stack opens and closes them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from math import nan

from aiohttp import web

import handlers
from bot.adapters.aws.client import AwsClient
from bot.adapters.aws.directory import AwsDirectory
from bot.adapters.aws.identity_center import AwsIdentityCenter
from bot.adapters.aws.sts import StsTokenVerifier, proof_session
from bot.adapters.clock import SystemClock
from bot.adapters.storage.store import SqlStore
from bot.bootstrap.conversations import conversations
from bot.bootstrap.doctor import in_the_bot
from bot.bootstrap.members import open_members
from bot.bootstrap.parts import Ports, use_cases
from bot.bootstrap.patience import open_store
from bot.bootstrap.work import background, make_engine
from bot.config import Settings
from bot.domain.errors import Unavailable
from bot.domain.names import AccountId
from bot.metrics import Metrics
from bot.ports.clock import Clock
from bot.usecases.prove_access import ProveAccess
from bot.worker import tidy
from bot.worker.replicas import Replicas
from handlers.app import make_app, meet_slack, slack_session, web_client, who_are_we
from handlers.jobs import Jobs
from handlers.notifier import SlackNotifier
from handlers.people import SlackPeople
from handlers.respond import ResponseUrls
from handlers.transport import http_route, socket_mode

JOBS_DRAIN = 4.0
"""Seconds for forms and answers under way. With the server's own five, a stop stays below twenty."""

MEASURED_WITHIN = timedelta(seconds=1)
"""A scrape waits no longer for its turn at the database."""

Probe = Callable[[], Awaitable[None]]
Route = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """The running bot, as the server needs it."""

    receive: Route
    """What `POST /slack/events` does."""
    probes: Mapping[str, Probe]
    """By name: each raises when its part is not ready."""
    metrics: Metrics
    measure: Probe
    """Brings those metrics up to date that only the database knows; never raises because it is away."""
    prove_access: ProveAccess
    """What `POST /prove/{nonce}` asks."""
    account_name: Callable[[AccountId], str]
    support: str


@asynccontextmanager
async def running(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Bot]:
    """Open everything, work, and on the way out finish or hand over. Raises `Misconfigured`."""
    time = clock if clock is not None else SystemClock()
    metrics = Metrics()
    wake = asyncio.Event()
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(slack_session())
        token = settings.slack_bot_token.get_secret_value()
        client = web_client(session, base_url=settings.slack_api_url, token=token)
        aws = await stack.enter_async_context(AwsClient(region=settings.aws_region, observe=metrics.aws_call))
        store = SqlStore(settings.database_url.get_secret_value(), clock=time, on_poke=wake.set)
        us, _ = await asyncio.gather(meet_slack(client), open_store(store))
        stack.push_async_callback(store.close)

        async def set_clock() -> None:
            if isinstance(time, SystemClock):
                time.follow(await store.clock_behind())

        identity_center = AwsIdentityCenter(aws, time)
        stack.push_async_callback(identity_center.close)
        directory = AwsDirectory(identity_center, settings.rules.sets, time)
        stack.push_async_callback(directory.close)
        ports = Ports(
            settings=settings,
            team=us.team,
            store=store,
            clock=time,
            identity_center=identity_center,
            directory=directory,
            members=await open_members(
                stack, settings, identity_center=identity_center, clock=time, observe=metrics.aws_call
            ),
            people=SlackPeople(client, time),
            notifier=SlackNotifier(client, support=settings.rules.support),
            verifier=StsTokenVerifier(
                await stack.enter_async_context(proof_session()),
                endpoint=partial(aws.endpoint, "sts"),
                clock=time,
            ),
        )
        do = use_cases(ports)
        jobs = Jobs()
        app = make_app(session, base_url=settings.slack_api_url, token=token, us=us)
        talks = conversations(
            ports,
            do,
            client=client,
            jobs=jobs,
            respond=ResponseUrls(session),
            diagnose=in_the_bot(ports, client=client, aws=aws),
        )
        handlers.route(app, talks)
        replicas = Replicas(store=store, share=aws.share, set_clock=set_clock, alone=store.serves_alone)
        await replicas.join()
        stack.push_async_callback(replicas.leave)
        await tidy.begin(store)
        engine = make_engine(ports, do, wake)
        await stack.enter_async_context(background(engine, directory.run, replicas))
        stack.push_async_callback(jobs.drain, JOBS_DRAIN)
        if settings.slack_app_token is not None:
            app_token = settings.slack_app_token.get_secret_value()
            await stack.enter_async_context(socket_mode(app, app_token))

        async def slack_answers() -> None:
            await who_are_we(client)

        async def aws_answers() -> None:
            await identity_center.ping()

        secret = settings.slack_signing_secret

        async def measure() -> None:
            try:
                backlog = await store.backlog(within=MEASURED_WITHIN)
            except Unavailable:
                metrics.backlog(nan, nan)
            else:
                metrics.backlog(backlog.due, backlog.oldest.total_seconds())

        yield Bot(
            receive=http_route(app, secret.get_secret_value()) if secret is not None else _nothing_by_http,
            probes={"slack": slack_answers, "aws": aws_answers, "database": store.ping},
            metrics=metrics,
            measure=measure,
            prove_access=do.prove_access,
            account_name=directory.account_name,
            support=settings.rules.support,
        )


async def _nothing_by_http(_: web.Request) -> web.StreamResponse:
    """In Socket Mode without a signing secret no post can be believed."""
    return web.Response(status=404)
