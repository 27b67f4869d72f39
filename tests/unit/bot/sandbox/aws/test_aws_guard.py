"""The AWS double answers programs on this machine, and no page of a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
import pytest

if TYPE_CHECKING:
    from bot.sandbox.aws import AwsDouble


async def status_of(aws: AwsDouble, headers: dict[str, str]) -> int:
    """Of a call that nobody signed: 403 is also what it gets from the service, so the text tells them apart."""
    url = f"{aws.endpoint_url}/?Action=GetCallerIdentity&Version=2011-06-15"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return 0 if await answer.text() == "loopback only" else answer.status


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example.com"},
        {"Host": "127.0.0.1.example.com:80"},
        {"Host": "sts.amazonaws.com.example.com"},
        {"Origin": "https://attacker.example.com"},
        {"Origin": "null"},
    ],
)
async def test_other_sites_cannot_call_the_double(aws: AwsDouble, headers: dict[str, str]) -> None:
    assert await status_of(aws, headers) == 0


async def test_a_page_of_the_double_itself_cannot_either(aws: AwsDouble) -> None:
    assert await status_of(aws, {"Origin": aws.endpoint_url}) == 0


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:1", "localhost:4566", "sts.eu-central-1.amazonaws.com"]
)
async def test_programs_can(aws: AwsDouble, host: str) -> None:
    assert await status_of(aws, {"Host": host}) not in {0, 404}
