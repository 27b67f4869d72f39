"""What may be posted to `/prove/{nonce}`, how much of it is read, and what comes back."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from bot import prove_route
from bot.domain.errors import Code, Refusal, Unavailable
from bot.domain.names import AccountId, IdentityUserId, PermissionSetName, RoleName
from bot.domain.proof import Challenge, ChallengeId, Finding, Report, body_limit
from bot.domain.request import Target
from bot.prove_route import ADDRESSES, PATH, PER_MINUTE, Pace
from bot.usecases.prove_access import ProveAccess
from tests.builders import ALICE, HOME
from tests.fakes.clock import NOON

TARGET = Target(account=AccountId("111111111111"), role=RoleName("Workbench-BuilderRole"))
CHALLENGE = Challenge(
    id=ChallengeId("c"),
    team=HOME,
    user=ALICE,
    identity=IdentityUserId("u-1"),
    sso_user="alice@example.com",
    partition="aws",
    permission_set=PermissionSetName("DataScientist"),
    targets=(TARGET,),
    request=None,
    issued_at=NOON,
)
LIMIT = body_limit(CHALLENGE)
OPEN, OTHER = "7e" * 20, "5a" * 20
"""The nonce of the challenge, and one that is none."""


@dataclass
class Proving:
    """Stands for the use case: knows one nonce, believes everything."""

    seen: list[str] = field(default_factory=list)
    error: Exception | None = None

    async def open(self, nonce: str) -> Challenge:
        if nonce != OPEN:
            raise Refusal(Code.PROOF_GONE)
        return CHALLENGE

    async def __call__(self, nonce: str, text: str) -> Report:
        if self.error is not None:
            raise self.error
        self.seen.append(text)
        return Report(challenge=CHALLENGE, findings=(Finding(target=TARGET),), at=NOON)


def listener(proving: Proving) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    return prove_route.prove_route(
        cast(ProveAccess, proving), lambda _: "Workbench Sandbox", support="#help", pace=Pace()
    )


@asynccontextmanager
async def served(proving: Proving) -> AsyncIterator[str]:
    app = web.Application(client_max_size=1024)
    app.router.add_post(PATH, listener(proving))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/prove/"
    finally:
        await runner.cleanup()


async def post(url: str, data: Any, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.post(url, data=data, headers=headers) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert answer.headers["Cache-Control"] == "no-store"
        return answer.status, await answer.text()


async def test_lines_come_back_for_the_terminal() -> None:
    proving = Proving()
    async with served(proving) as url:
        status, text = await post(url + OPEN, b"tokens")

    assert (status, proving.seen) == (200, ["tokens"])
    assert text == (
        "proved: alice@example.com as Workbench-BuilderRole in Workbench Sandbox (111111111111) at 12:00 UTC\n"
    )


async def test_what_is_not_ascii_is_no_token_and_no_error() -> None:
    proving = Proving()
    async with served(proving) as url:
        status, _ = await post(url + OPEN, b"\xff\xfe\x00")

    assert status == 200
    assert proving.seen == ["\ufffd\ufffd\x00"]


@pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_is_read_as_far_as_the_tokens_can_reach(size: int, *, announced: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, size, 1000):
            yield b"x" * min(1000, size - start)

    proving = Proving()
    async with served(proving) as url:
        status, text = await post(url + OPEN, b"x" * size if announced else chunks())

    assert (status, len(proving.seen)) == ((200, 1) if size == LIMIT else (413, 0))
    assert "x" * 20 not in text


async def test_an_endless_body_is_cut_off() -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 50_000_000:
            sent += 10_000
            yield b"x" * 10_000

    proving = Proving()
    async with served(proving) as url:
        try:
            status, _ = await post(url + OPEN, endless())
        except aiohttp.ClientError:
            status = 413  # the connection was cut before the answer was read

    assert status == 413
    assert sent < 20_000_000
    assert proving.seen == []


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prove_route, "BODY_SECONDS", 0.05)
    done = asyncio.Event()

    async def never() -> AsyncIterator[bytes]:
        yield b"x"
        await done.wait()

    proving = Proving()
    async with served(proving) as url:
        status, text = await post(url + OPEN, never())
        done.set()

    assert (status, text[:11]) == (503, "not proved:")
    assert proving.seen == []


async def test_an_unknown_nonce_is_answered_before_anything_is_read() -> None:
    async with served(Proving()) as url:
        status, text = await post(url + OTHER, io.BytesIO(b"x" * 10_000_000))

    assert status == 404
    assert text.startswith("not proved: These commands are not open")


@pytest.mark.parametrize(
    ("error", "status"),
    [(Refusal(Code.PROOF_GONE), 404), (Unavailable(Code.STORE_UNAVAILABLE), 503), (Refusal(Code.GUEST), 403)],
)
async def test_a_refusal_says_why(error: Exception, status: int) -> None:
    async with served(Proving(error=error)) as url:
        assert (await post(url + OPEN, b"x"))[0] == status


async def test_a_compressed_body_is_not_unpacked() -> None:
    proving = Proving()
    async with served(proving) as url:
        status, text = await post(url + OPEN, b"no gzip", headers={"Content-Encoding": "gzip"})

    assert (status, text[:11], proving.seen) == (415, "not proved:", [])


@pytest.mark.parametrize("error", [web.RequestPayloadError("broken"), ConnectionResetError("gone")])
async def test_whatever_breaks_a_body_is_a_plain_answer(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(_: aiohttp.StreamReader) -> None:
        raise error

    monkeypatch.setattr(aiohttp.StreamReader, "iter_any", broken)
    request = make_mocked_request("POST", f"/prove/{OPEN}", match_info={"nonce": OPEN})

    answer = await listener(Proving())(request)

    assert isinstance(answer, web.Response)
    assert (answer.status, (answer.text or "")[:11]) == (400, "not proved:")


# The pace of one address


async def test_nobody_keeps_others_from_proving_by_guessing() -> None:
    proving = Proving()
    async with served(proving) as url:
        missed = [(await post(url + OTHER, b"x"))[0] for _ in range(PER_MINUTE + 1)]
        status, _ = await post(url + OPEN, b"tokens")

    assert missed == [404] * PER_MINUTE + [429]
    assert (status, proving.seen) == (200, ["tokens"])


async def test_what_cannot_be_a_nonce_costs_nothing() -> None:
    proving = Proving()
    async with served(proving) as url:
        strange = {(await post(url + "wp-login.php", b"x")) for _ in range(PER_MINUTE + 1)}
        miss = await post(url + OTHER, b"x")

    assert strange == {miss}
    assert miss[0] == 404


def test_an_address_has_its_posts_back_after_a_minute() -> None:
    now = 0.0
    pace = Pace(now=lambda: now)

    first = [pace.allows("a") for _ in range(PER_MINUTE + 1)]
    others = pace.allows("b")
    now = 60.0
    later = pace.allows("a")

    assert first == [True] * PER_MINUTE + [False]
    assert others
    assert later


def test_many_addresses_do_not_fill_the_memory() -> None:
    pace = Pace(now=lambda: 0.0)

    for number in range(ADDRESSES + 100):
        pace.allows(str(number))

    assert len(pace._seen) == ADDRESSES
