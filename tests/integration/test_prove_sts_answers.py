"""What is sent to STS, and answers that are not its own: they name nobody."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web

from bot.domain.errors import Code, Misconfigured, Unavailable
from bot.domain.proof import Flaw
from bot.sandbox.scene import SANDBOX
from tests.integration.desk import HOST, NONCE, ROLE, Desk, a_desk


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    async with a_desk(tmp_path, monkeypatch) as made:
        yield made


GOOD_ARN = f"arn:aws:sts::{SANDBOX}:assumed-role/{ROLE}/EKSGetTokenAuth"


def in_sts_words(**fields: object) -> str:
    result = {"Arn": GOOD_ARN, "Account": SANDBOX, "UserId": "AROAX:EKSGetTokenAuth", **fields}
    return json.dumps({"GetCallerIdentityResponse": {"GetCallerIdentityResult": result}})


ANSWERS = [
    (200, "<html>hello</html>", Flaw.STRANGE_ANSWER),
    (200, "", Flaw.STRANGE_ANSWER),
    (200, "[]", Flaw.STRANGE_ANSWER),
    (200, "{}", Flaw.STRANGE_ANSWER),
    (200, in_sts_words(Arn=[GOOD_ARN]), Flaw.STRANGE_ANSWER),
    (200, in_sts_words(Account=None), Flaw.STRANGE_ANSWER),
    (200, in_sts_words(Account="222222222222"), Flaw.NOT_SSO),
    (200, in_sts_words(Arn=GOOD_ARN + "/x"), Flaw.NOT_SSO),
    (200, in_sts_words(Arn=GOOD_ARN.replace(":aws:", ":aws-cn:")), Flaw.NOT_SSO),
    (200, in_sts_words().replace('"Account"', '"Account": "1", "Account"'), Flaw.STRANGE_ANSWER),
    (200, " " * 100_000 + in_sts_words(), Flaw.STRANGE_ANSWER),
    (302, in_sts_words(), Flaw.STRANGE_ANSWER),
    (204, "", Flaw.STRANGE_ANSWER),
    (404, in_sts_words(), Flaw.STRANGE_ANSWER),
    (403, "<html>", Flaw.NOT_BELIEVED),
    (403, "[" * 60_000, Flaw.NOT_BELIEVED),
    (429, "", Flaw.NO_ANSWER),
    (500, in_sts_words(), Flaw.NO_ANSWER),
]


@pytest.mark.parametrize(("status", "body", "flaw"), ANSWERS)
async def test_an_answer_that_is_not_stss_own_names_nobody(
    desk: Desk, status: int, body: str, flaw: Flaw
) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=status, text=body, headers={"Location": f"{desk.sts.url}/believe-me"})

    me, role = desk.me(), await desk.role()
    async with AsyncExitStack() as stack:
        desk.sts.url = await _served(stack, answer)
        flaws = await desk.flaws(me, role)

    assert flaws == [flaw]
    assert asked == ["/", "/"]


async def test_what_is_sent_is_rebuilt_and_carries_our_own_headers(desk: Desk) -> None:
    seen: list[tuple[str, dict[str, str]]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, dict(request.headers)))
        return web.Response(text=in_sts_words())

    role = await desk.role()
    async with AsyncExitStack() as stack:
        desk.sts.url = await _served(stack, answer)
        await desk.deliver(role)

    ((method, headers),) = seen
    assert method == "GET"
    assert headers == {"Host": HOST, "Accept": "application/json", "x-k8s-aws-id": f"wbv-{NONCE}"}


@pytest.mark.parametrize("scheme", ["http://", "//", ""])
async def test_sts_is_asked_through_the_proxy_that_boto3_would_use(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(str(request.url.host))
        return web.Response(text=in_sts_words())

    me, role = desk.me(), await desk.role()
    async with AsyncExitStack() as stack:
        proxy = await _served(stack, answer)
        monkeypatch.setenv("HTTP_PROXY", proxy.replace("http://", scheme))
        desk.sts.url = "http://sts.invalid"
        flaws = await desk.flaws(me, role)

    assert flaws == [Flaw.NO_IDENTITY]
    assert len(asked) == 2


@pytest.mark.parametrize("error", [Unavailable(Code.AWS_UNAVAILABLE), Misconfigured(["no such Region"])])
async def test_where_no_client_of_sts_can_be_made_it_did_not_answer(desk: Desk, error: Exception) -> None:
    me, role = desk.me(), await desk.role()
    desk.sts.error = error

    assert await desk.flaws(me, role) == [Flaw.NO_ANSWER]


async def _served(stack: AsyncExitStack, answer: Callable[[web.Request], Awaitable[web.Response]]) -> str:
    """A server that stands in STS's place."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return f"http://127.0.0.1:{runner.addresses[0][1]}"
