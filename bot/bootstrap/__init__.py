"""The composition root: the only place where adapters meet use cases. One exit stack opens and closes them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp
from aiohttp import web

import handlers
from bot.adapters.aws.client import AwsClient
from bot.adapters.aws.directory import AwsDirectory
from bot.adapters.aws.identity_center import AwsIdentityCenter
from bot.adapters.clock import SystemClock
from bot.adapters.storage.store import SqlStore
from bot.bootstrap.conversations import conversations
from bot.bootstrap.parts import Ports, use_cases
from bot.bootstrap.work import background, make_engine
from bot.config import Settings
from bot.metrics import Metrics
from bot.ports.clock import Clock
from bot.worker.replicas import Replicas
from handlers.app import make_app, meet_slack, web_client, who_are_we
from handlers.jobs import Jobs
from handlers.notifier import SlackNotifier
from handlers.people import SlackPeople
from handlers.respond import ResponseUrls
from handlers.transport import http_route, socket_mode

JOBS_DRAIN = 4.0
"""Seconds for forms and answers under way. With the server's own five, a stop stays below twenty."""

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


@asynccontextmanager
async def running(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Bot]:
    """Open everything, work, and on the way out finish or hand over. Raises `Misconfigured`."""
    time = clock if clock is not None else SystemClock()
    metrics = Metrics()
    wake = asyncio.Event()
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())
        token = settings.slack_bot_token.get_secret_value()
        client = web_client(session, base_url=settings.slack_api_url, token=token)
        aws = await stack.enter_async_context(AwsClient(region=settings.aws_region, observe=metrics.aws_call))
        store = SqlStore(settings.database_url.get_secret_value(), clock=time, on_poke=wake.set)
        us, _ = await asyncio.gather(meet_slack(client), store.open(serving=True))
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
            people=SlackPeople(client, time),
            notifier=SlackNotifier(client, support=settings.rules.support),
        )
        do = use_cases(ports)
        jobs = Jobs()
        app = make_app(session, base_url=settings.slack_api_url, token=token, us=us)
        handlers.route(app, conversations(ports, do, client=client, jobs=jobs, respond=ResponseUrls(session)))
        replicas = Replicas(store=store, share=aws.share, set_clock=set_clock, alone=store.serves_alone)
        await replicas.join()
        stack.push_async_callback(replicas.leave)
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
        yield Bot(
            receive=http_route(app, secret.get_secret_value()) if secret is not None else _nothing_by_http,
            probes={"slack": slack_answers, "aws": aws_answers, "database": store.ping},
            metrics=metrics,
        )


async def _nothing_by_http(_: web.Request) -> web.StreamResponse:
    """In Socket Mode without a signing secret no post can be believed."""
    return web.Response(status=404)
