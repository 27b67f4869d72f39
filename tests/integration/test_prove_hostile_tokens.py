"""Tokens that must prove nothing, each refused for its own reason; real signatures, checked by the STS double."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest

from bot.adapters.storage import tables
from bot.adapters.storage.tx import SqlTx
from bot.domain.names import AccountId, RoleName, SlackUserId
from bot.domain.proof import Challenge, Flaw
from bot.domain.request import Target
from bot.ports.store import Tx
from bot.sandbox.aws.sessions import Credentials
from bot.sandbox.scene import PRODUCTION, SANDBOX
from tests.integration.desk import ARN, HOST, NONCE, OTHER_NONCE, ROLE, Desk, a_challenge, a_desk
from tests.integration.tokens import assumed, get_token, presigned, role_token, token_of, url_of


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    async with a_desk(tmp_path, monkeypatch) as made:
        yield made


async def test_the_genuine_pair_is_believed(desk: Desk) -> None:
    assert await desk.flaws(desk.me(), await desk.role()) == [None]


@pytest.mark.parametrize(
    "options",
    [
        {"region": "us-east-1"},
        {"region": "eu-west-1", "use_dualstack_endpoint": True},
        {"region": "us-west-2", "use_fips_endpoint": True},
        {"region": "aws-global"},
    ],
)
async def test_a_token_may_come_from_any_address_of_sts(desk: Desk, options: dict[str, Any]) -> None:
    assert await desk.flaws(desk.me(**options), await desk.role(**options)) == [None]


async def other_nonce(desk: Desk) -> str:
    return await role_token(desk.aws, desk.session(), OTHER_NONCE, ARN)


async def no_nonce_signed(desk: Desk) -> str:
    return token_of(presigned(await assumed(desk.aws, desk.session(), ARN), None))


async def other_account(desk: Desk) -> str:
    """The role of the same name elsewhere: an assumed-role ARN differs in the account alone."""
    elsewhere = f"arn:aws:iam::{PRODUCTION}:role/{ROLE}"
    return await role_token(desk.aws, desk.session(account=PRODUCTION), NONCE, elsewhere)


async def other_role(desk: Desk) -> str:
    read_only = f"arn:aws:iam::{SANDBOX}:role/Workbench-ReadOnlyRole"
    return await role_token(desk.aws, desk.session(), NONCE, read_only)


async def other_session_name(desk: Desk) -> str:
    """The role, but not by `aws eks get-token`."""
    return get_token(await assumed(desk.aws, desk.session(), ARN, "somebody"), NONCE)


async def an_iam_user(desk: Desk) -> str:
    return get_token(desk.aws.org.sessions.add_account_key(SANDBOX), NONCE)


def changed(change: Callable[[str], str]) -> Callable[[Desk], Awaitable[str]]:
    """The right token with something done to its URL."""

    async def make(desk: Desk) -> str:
        before = url_of(await desk.role())
        after = change(before)
        assert after != before
        return token_of(after)

    return make


def parameter(name: str, value: str) -> Callable[[Desk], Awaitable[str]]:
    """The right token with another value of one parameter."""

    def change(url: str) -> str:
        query = dict(parse_qsl(urlsplit(url).query)) | {name: value}
        return url.split("?")[0] + "?" + urlencode(query, quote_via=quote)

    return changed(change)


async def another_header_signed(desk: Desk) -> str:
    keys = await assumed(desk.aws, desk.session(), ARN)
    url = presigned(keys, f"wbv-{NONCE}")
    return token_of(url.replace("host%3Bx-k8s-aws-id", "host%3Bx-forwarded-for%3Bx-k8s-aws-id"))


def instead(tx: Tx, challenge: Challenge) -> None:
    """Put another challenge in the place of the one under the same nonce."""
    assert isinstance(tx, SqlTx)
    tx.connection.execute(tables.challenges.delete())
    tx.add_challenge(challenge)


async def signed_long_ago(desk: Desk) -> str:
    token = await desk.role()
    later = replace(a_challenge(desk.clock), issued_at=desk.clock.now() + timedelta(minutes=9))

    await desk.store.run(lambda tx: instead(tx, later))
    desk.clock.advance(timedelta(minutes=9))
    return token


async def signed_in_the_future(desk: Desk) -> str:
    token = await desk.role()
    query = dict(parse_qsl(urlsplit(url_of(token)).query))
    day, rest = query["X-Amz-Date"].split("T")
    ahead = f"{int(day[:4]) + 1}{day[4:]}"
    url = url_of(token).replace(f"{day}T{rest}", f"{ahead}T{rest}").replace(f"%2F{day}%2F", f"%2F{ahead}%2F")
    return token_of(url)


async def expired_session(desk: Desk) -> str:
    keys = await assumed(desk.aws, desk.session(), ARN)
    sessions = desk.aws.org.sessions
    found = sessions.find(keys["aws_access_key_id"])
    assert found is not None
    sessions._by_key[keys["aws_access_key_id"]] = replace(found, expires_at=0.0)
    return get_token(keys, NONCE)


async def of_a_stranger(desk: Desk) -> str:
    """Keys that AWS does not know."""
    return get_token(
        Credentials(
            aws_access_key_id="ASIA" + "X" * 16, aws_secret_access_key="x", aws_session_token="x" * 40
        ),
        NONCE,
    )


async def one_megabyte(_: Desk) -> str:
    return "k8s-aws-v1." + "QUFB" * 250_000


async def truncated(desk: Desk) -> str:
    return (await desk.role())[:-40]


ROLE_TOKENS: list[tuple[Callable[[Desk], Awaitable[str]], Flaw]] = [
    (other_nonce, Flaw.NOT_BELIEVED),
    (no_nonce_signed, Flaw.WRONG_HEADERS),
    (other_account, Flaw.OTHER_ACCOUNT),
    (other_role, Flaw.OTHER_ROLE),
    (other_session_name, Flaw.NOT_SSO),
    (an_iam_user, Flaw.NOT_SSO),
    (another_header_signed, Flaw.WRONG_HEADERS),
    (signed_long_ago, Flaw.TOO_OLD),
    (signed_in_the_future, Flaw.TOO_NEW),
    (expired_session, Flaw.SESSION_EXPIRED),
    (of_a_stranger, Flaw.NOT_BELIEVED),
    (one_megabyte, Flaw.TOO_LONG),
    (truncated, Flaw.WRONG_PARAMETERS),
    (changed(lambda url: url.replace("https://", "http://")), Flaw.WRONG_ADDRESS),
    (changed(lambda url: url.replace(HOST, "sts.example.com")), Flaw.WRONG_ADDRESS),
    (changed(lambda url: url.replace(HOST, f"{HOST}.example.com")), Flaw.WRONG_ADDRESS),
    (changed(lambda url: url.replace(HOST, f"user@{HOST}")), Flaw.WRONG_ADDRESS),
    (changed(lambda url: url.replace(HOST, f"{HOST}@example.com")), Flaw.WRONG_ADDRESS),
    (changed(lambda url: url.replace(HOST, f"{HOST}:443")), Flaw.WRONG_ADDRESS),
    (changed(lambda url: url.replace(HOST, HOST.upper())), Flaw.WRONG_ADDRESS),
    (changed(lambda url: url.replace(f"{HOST}/", f"{HOST}/x")), Flaw.WRONG_ADDRESS),
    (changed(lambda url: url + "#x"), Flaw.WRONG_ADDRESS),
    (changed(lambda url: url.replace("amazonaws.com", "amazonaws.com.cn")), Flaw.WRONG_ADDRESS),
    (changed(lambda url: url.replace(HOST, "sts.us-east-1.amazonaws.com")), Flaw.WRONG_SCOPE),
    (changed(lambda url: url.replace("%2Fsts%2F", "%2Fiam%2F")), Flaw.WRONG_SCOPE),
    (changed(lambda url: url + "&Action=GetSessionToken"), Flaw.WRONG_PARAMETERS),
    (changed(lambda url: url + "&action=GetSessionToken"), Flaw.WRONG_PARAMETERS),
    (changed(lambda url: url.replace("Action=", "action=")), Flaw.WRONG_PARAMETERS),
    (changed(lambda url: url.replace("&X-Amz-Expires=60", "")), Flaw.WRONG_PARAMETERS),
    (changed(lambda url: url.replace("X-Amz-Expires=60", "x=%ff")), Flaw.WRONG_PARAMETERS),
    (parameter("Action", "AssumeRole"), Flaw.WRONG_PARAMETERS),
    (parameter("Version", "2010-05-08"), Flaw.WRONG_PARAMETERS),
    (parameter("X-Amz-Algorithm", "AWS4-ECDSA-P256-SHA256"), Flaw.WRONG_PARAMETERS),
    (parameter("X-Amz-Date", "20261399T000000Z"), Flaw.WRONG_SCOPE),
    (parameter("X-Amz-Signature", "0" * 64), Flaw.NOT_BELIEVED),
    (parameter("X-Amz-Expires", "900"), Flaw.NOT_BELIEVED),
]


@pytest.mark.parametrize(("make", "flaw"), ROLE_TOKENS)
async def test_a_role_token_that_is_not_the_one_asked_for(
    desk: Desk, make: Callable[[Desk], Awaitable[str]], flaw: Flaw
) -> None:
    token = await make(desk)

    assert await desk.flaws(desk.me(), token) == [flaw]


async def bens_sign_in(desk: Desk) -> str:
    """Chris holds the same permission set in the same account."""
    return get_token(desk.session("chris"), NONCE)


async def other_set(desk: Desk) -> str:
    desk.aws.org.add_permission_set("DataScientist_Admin")
    desk.aws.org.assign("alice@example.com", "DataScientist_Admin", SANDBOX)
    return get_token(desk.session(name="DataScientist_Admin"), NONCE)


async def own_sign_in_elsewhere(desk: Desk) -> str:
    return get_token(desk.session(account=PRODUCTION), NONCE)


async def own_sign_in_for_other_commands(desk: Desk) -> str:
    return get_token(desk.session(), OTHER_NONCE)


IDENTITIES: list[tuple[Callable[[Desk], Awaitable[str]], Flaw]] = [
    (bens_sign_in, Flaw.OTHER_PERSON),
    (other_set, Flaw.OTHER_SET),
    (own_sign_in_elsewhere, Flaw.OTHER_ACCOUNT),
    (own_sign_in_for_other_commands, Flaw.NOT_BELIEVED),
    (an_iam_user, Flaw.NOT_SSO),
]


@pytest.mark.parametrize(("make", "flaw"), IDENTITIES)
async def test_a_role_token_beside_a_sign_in_that_is_not_the_persons(
    desk: Desk, make: Callable[[Desk], Awaitable[str]], flaw: Flaw
) -> None:
    assert await desk.flaws(await make(desk), await desk.role()) == [flaw]


async def test_a_role_token_alone_shows_nobody(desk: Desk) -> None:
    assert await desk.flaws(await desk.role()) == [Flaw.NO_IDENTITY]


async def test_the_same_pair_counts_once(desk: Desk) -> None:
    pair = [desk.me(), await desk.role()]
    two = replace(a_challenge(desk.clock), targets=(*a_challenge(desk.clock).targets, _read_only()))

    await desk.store.run(lambda tx: instead(tx, two))
    first = await desk.deliver(*pair)
    second = await desk.deliver(*pair)

    assert [finding.flaw for finding in first.findings] == [None, Flaw.NO_TOKEN]
    assert [finding.flaw for finding in second.findings] == [Flaw.ALREADY_PROVED, Flaw.NO_TOKEN]
    assert len(await desk.store.run(lambda tx: tx.proofs_of(SlackUserId("U0ALICE")))) == 1


def _read_only() -> Target:
    return Target(account=AccountId(SANDBOX), role=RoleName("Workbench-ReadOnlyRole"))
