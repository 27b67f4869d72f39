"""The composition root: the only file where adapters meet use cases. One exit stack opens and closes them."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import aiohttp
from aiohttp import web

import handlers
from bot.adapters.aws.client import AwsClient
from bot.adapters.aws.directory import AwsDirectory
from bot.adapters.aws.identity_center import AwsIdentityCenter
from bot.adapters.clock import SystemClock
from bot.adapters.storage.store import SqlStore
from bot.config import Settings
from bot.domain.names import PermissionSetName
from bot.domain.request import RequestId
from bot.log import get_logger
from bot.metrics import Metrics
from bot.ports.clock import Clock
from bot.ports.store import Work, WorkKind
from bot.usecases.admission import Admission
from bot.usecases.decide_request import HandleClick, TellIncident
from bot.usecases.precheck import Precheck
from bot.usecases.read_status import ReadStatus
from bot.usecases.record_click import RecordClick
from bot.usecases.remind import Remind
from bot.usecases.request_access import ExpireRequest, PrepareRequest, RequestAccess
from bot.usecases.self_check import SelfCheck, VerifyChange
from bot.worker.engine import Engine
from bot.worker.outbox import Outbox
from bot.worker.provisioning import Pushes
from bot.worker.reconcile import Reconcile
from bot.worker.replicas import Replicas
from handlers.app import make_app, meet_slack, web_client, who_are_we
from handlers.command import CommandConversation
from handlers.grants import GrantsConversation
from handlers.jobs import Jobs
from handlers.middleware import Door
from handlers.notifier import SlackNotifier
from handlers.people import SlackPeople
from handlers.request import RequestConversation
from handlers.respond import ResponseUrls
from handlers.review import ReviewConversation
from handlers.transport import http_route, socket_mode
from handlers.verify import VerifyConversation

log = get_logger(__name__)

DRAIN = 8.0
"""Seconds for the work that runs at a stop; the rest is handed over by its lease."""

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

        rules = settings.rules
        identity_center = AwsIdentityCenter(aws, time)
        stack.push_async_callback(identity_center.close)
        directory = AwsDirectory(identity_center, rules.sets, time)
        stack.push_async_callback(directory.close)
        people = SlackPeople(client, time)
        admission = Admission(people=people, rules=rules, team=us.team)
        precheck = Precheck(
            identity_center=identity_center,
            directory=directory,
            people=people,
            store=store,
            clock=time,
            rules=rules,
            admission=admission,
        )
        self_check = SelfCheck(
            identity_center=identity_center, store=store, clock=time, rules=rules, admission=admission
        )
        handle_click = HandleClick(
            store=store, rules=rules, admission=admission, people=people, identity_center=identity_center
        )
        notifier = SlackNotifier(client, support=rules.support)

        tell_incident = TellIncident(store=store)

        async def on_bug(work: Work, incident: str) -> None:
            if work.kind is WorkKind.CLICK:
                await tell_incident(int(work.key), incident)

        engine = Engine(
            store=store,
            on_bug=on_bug,
            clock=time,
            wake=wake,
            handlers=_work(
                clicks=handle_click,
                prepare=PrepareRequest(
                    store=store,
                    rules=rules,
                    admission=admission,
                    identity_center=identity_center,
                    precheck=precheck,
                ),
                expire=ExpireRequest(store=store, rules=rules),
                reconcile=Reconcile(
                    store=store,
                    identity_center=identity_center,
                    clock=time,
                    rules=rules,
                    pushes=Pushes(store=store, identity_center=identity_center, clock=time, rules=rules),
                ),
                verify=VerifyChange(store=store, clock=time, rules=rules, self_check=self_check),
                remind=Remind(store=store),
                outbox=Outbox(store=store, notifier=notifier, clock=time),
            ),
        )
        jobs = Jobs()
        respond = ResponseUrls(session)
        secret = settings.slack_signing_secret
        app = make_app(
            session,
            base_url=settings.slack_api_url,
            token=token,
            us=us,
        )
        request = RequestConversation(
            admission=admission,
            directory=directory,
            precheck=precheck,
            request_access=RequestAccess(store=store, rules=rules),
            rules=rules,
            client=client,
            jobs=jobs,
            store=store,
        )
        record_click = RecordClick(store=store)
        grants = GrantsConversation(
            store=store,
            read_status=ReadStatus(store=store, rules=rules, admission=admission, people=people),
            record_click=record_click,
            client=client,
            jobs=jobs,
            respond=respond,
            support=rules.support,
        )
        handlers.route(
            app,
            handlers.Conversations(
                door=Door(
                    admission=admission, jobs=jobs, respond=respond, client=client, support=rules.support
                ),
                command=CommandConversation(
                    admission=admission,
                    jobs=jobs,
                    respond=respond,
                    request=request,
                    verify=VerifyConversation(
                        self_check=self_check,
                        directory=directory,
                        jobs=jobs,
                        respond=respond,
                        support=rules.support,
                    ),
                    grants=grants,
                    support=rules.support,
                ),
                request=request,
                grants=grants,
                review=ReviewConversation(
                    store=store,
                    rules=rules,
                    admission=admission,
                    handle_click=handle_click,
                    record_click=record_click,
                    client=client,
                    jobs=jobs,
                    respond=respond,
                    support=rules.support,
                ),
            ),
        )
        replicas = Replicas(store=store, share=aws.share, set_clock=set_clock, alone=store.serves_alone)
        await replicas.join()
        stack.push_async_callback(replicas.leave)
        await stack.enter_async_context(_background(engine, directory, replicas))
        stack.push_async_callback(jobs.drain, JOBS_DRAIN)
        if settings.slack_app_token is not None:
            token = settings.slack_app_token.get_secret_value()
            await stack.enter_async_context(socket_mode(app, token))

        async def slack_answers() -> None:
            await who_are_we(client)

        async def aws_answers() -> None:
            await identity_center.ping()

        yield Bot(
            receive=http_route(app, secret.get_secret_value()) if secret is not None else _nothing_by_http,
            probes={"slack": slack_answers, "aws": aws_answers, "database": store.ping},
            metrics=metrics,
        )


async def _nothing_by_http(_: web.Request) -> web.StreamResponse:
    """In Socket Mode without a signing secret no post can be believed."""
    return web.Response(status=404)


@asynccontextmanager
async def _background(engine: Engine, directory: AwsDirectory, replicas: Replicas) -> AsyncIterator[None]:
    """The worker, the directory's refresh and the check-in, as long as the context lasts."""
    checking_in = asyncio.create_task(replicas.run(), name="replicas")
    working = asyncio.create_task(engine.run(), name="engine")
    refreshing = asyncio.create_task(directory.run(), name="directory")
    try:
        yield
    finally:
        refreshing.cancel()
        engine.stop()
        await engine.drain(DRAIN)
        checking_in.cancel()
        await asyncio.gather(working, refreshing, checking_in, return_exceptions=True)
        for task in (working, refreshing, checking_in):
            if not task.cancelled() and (error := task.exception()) is not None:
                log.bug("background_failed", error, task=task.get_name())
        if sys.exc_info()[0] is None:
            log.info("worker_stopped")


def _work(
    *,
    clicks: HandleClick,
    prepare: PrepareRequest,
    expire: ExpireRequest,
    reconcile: Reconcile,
    verify: VerifyChange,
    remind: Remind,
    outbox: Outbox,
) -> dict[WorkKind, Callable[[Work], Awaitable[datetime | None]]]:
    """Which use case looks after which kind of work; keys are what the poke said."""

    async def click(work: Work) -> None:
        await clicks(int(work.key))

    async def preparing(work: Work) -> None:
        await prepare(RequestId(int(work.key)))

    async def deadline(work: Work) -> None:
        await expire(RequestId(int(work.key)))

    async def round_of(work: Work) -> datetime | None:
        return await reconcile(PermissionSetName(work.key))

    async def verifying(work: Work) -> None:
        await verify(RequestId(int(work.key)))

    async def reminding(work: Work) -> datetime | None:
        return await remind(RequestId(int(work.key)))

    async def show(work: Work) -> datetime | None:
        return await outbox(work.key)

    return {
        WorkKind.CLICK: click,
        WorkKind.PREPARE: preparing,
        WorkKind.DEADLINE: deadline,
        WorkKind.PERMISSION_SET: round_of,
        WorkKind.VERIFY: verifying,
        WorkKind.REMINDER: reminding,
        WorkKind.MESSAGE: show,
    }
