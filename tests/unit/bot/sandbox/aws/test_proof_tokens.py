"""Presigned GetCallerIdentity, as `aws eks get-token` makes it and a verifier sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Keys

if TYPE_CHECKING:
    from bot.sandbox.aws import AwsDouble, AwsOrganisation

PROD = "111111111111"
HOST = "sts.eu-central-1.amazonaws.com"


@pytest.fixture
def query(org: AwsOrganisation) -> dict[str, str]:
    """What Alice's machine signed for the nonce "wbv-1"."""
    keys = org.sign_in("alice@example.com", "DataScientist", PROD)
    request = AWSRequest(
        method="GET",
        url=f"https://{HOST}/?Action=GetCallerIdentity&Version=2011-06-15",
        headers={"x-k8s-aws-id": "wbv-1"},
    )
    signer = SigV4QueryAuth(
        Keys(keys["aws_access_key_id"], keys["aws_secret_access_key"], keys["aws_session_token"]),
        "sts",
        "eu-central-1",
        expires=60,
    )
    signer.add_auth(request)
    return dict(parse_qsl(urlsplit(str(request.url)).query))


async def send(aws: AwsDouble, query: dict[str, str], nonce: str = "wbv-1") -> tuple[int, Any]:
    headers = {"Host": HOST, "x-k8s-aws-id": nonce, "Accept": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{aws.endpoint_url}/?{urlencode(query)}", headers=headers) as answer,
    ):
        return answer.status, await answer.json()


async def test_a_token_says_who_made_it(aws: AwsDouble, org: AwsOrganisation, query: dict[str, str]) -> None:
    status, answer = await send(aws, query)

    result = answer["GetCallerIdentityResponse"]["GetCallerIdentityResult"]
    role = org.sso_role("DataScientist", PROD)
    assert status == 200
    assert result["Arn"] == f"arn:aws:sts::{PROD}:assumed-role/{role.name}/alice@example.com"
    assert result["UserId"] == f"{role.id}:alice@example.com"


async def test_a_token_replayed_under_another_nonce_does_not_match(
    aws: AwsDouble, query: dict[str, str]
) -> None:
    status, answer = await send(aws, query, nonce="wbv-2")

    assert (status, answer["Error"]["Code"]) == (403, "SignatureDoesNotMatch")


async def test_a_tampered_token_does_not_match(aws: AwsDouble, query: dict[str, str]) -> None:
    status, answer = await send(aws, query | {"X-Amz-Expires": "900"})

    assert (status, answer["Error"]["Code"]) == (403, "SignatureDoesNotMatch")
