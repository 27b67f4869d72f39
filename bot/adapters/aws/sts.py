"""Asks STS who made a token of `aws eks get-token`: the request is rebuilt from its checked parts, never replayed.

The algorithm is that of aws.md §2.4. What an attacker can choose is one signature and the values that it covers:
where the request goes, what it does and which nonce it is bound to come from here.
"""

import base64
import binascii
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import product
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import aiohttp
from botocore.exceptions import EndpointVariantError
from botocore.httpsession import ProxyConfiguration
from botocore.loaders import create_loader
from botocore.regions import EndpointResolver
from botocore.utils import get_environ_proxies
from yarl import URL

from bot.domain.errors import AccessError, Misconfigured
from bot.domain.names import AccountId
from bot.domain.proof import (
    CLUSTER_PREFIX,
    SKEW,
    TOKEN_BYTES,
    TOKEN_PREFIX,
    CallerIdentity,
    Flaw,
    TokenRefused,
)
from bot.domain.strict_json import NotStrict, load
from bot.ports.clock import Clock

TIMEOUT: Final = aiohttp.ClientTimeout(total=10)
ANSWER_BYTES: Final = 64 * 1024

_TOKEN: Final = re.compile(re.escape(TOKEN_PREFIX) + r"[A-Za-z0-9_-]+", re.ASCII)
_URL: Final = re.compile(r"https://(?P<host>[a-z0-9.-]+)/\?(?P<query>[\x21-\x22\x24-\x7e]+)", re.ASCII)
_FIXED: Final = {
    "Action": "GetCallerIdentity",
    "Version": "2011-06-15",
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
}
_SIGNED_HEADERS: Final = "host;x-k8s-aws-id"
_SHAPES: Final = {
    "X-Amz-Credential": re.compile(
        r"ASIA[A-Z0-9]{12,124}/(?P<date>[0-9]{8})/(?P<region>[a-z0-9-]+)/sts/aws4_request"
    ),
    "X-Amz-Date": re.compile(r"[0-9]{8}T[0-9]{6}Z"),
    # STS ignores it, and every URL lives fifteen minutes (aws.md §2.4).
    "X-Amz-Expires": re.compile(r"[0-9]{1,6}"),
    "X-Amz-SignedHeaders": re.compile(r"[a-z0-9;-]+"),
    "X-Amz-Security-Token": re.compile(r"[A-Za-z0-9+/=_.-]+"),
    "X-Amz-Signature": re.compile(r"[0-9a-f]{64}"),
}
_NAMES: Final = frozenset(_FIXED) | frozenset(_SHAPES)

_EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Presigned:
    """The parts of a token that are used: nothing of it goes anywhere unchecked."""

    host: str
    parameters: Mapping[str, str]
    signed_at: datetime


@cache
def hosts(partition: str) -> Mapping[str, str]:
    """Every address of STS in a partition, and the Region that tokens for it are signed for.

    From botocore's endpoint data: the regional and the global addresses, and those with FIPS or dual stack.
    """
    resolver = EndpointResolver(create_loader().load_data("endpoints"))
    found: dict[str, str] = {}
    for region in resolver.get_available_endpoints("sts", partition):
        for fips, dual_stack in product((False, True), repeat=2):
            try:
                made = resolver.construct_endpoint(
                    "sts", region, partition, use_fips_endpoint=fips, use_dualstack_endpoint=dual_stack
                )
            except EndpointVariantError:
                continue
            if made is not None:
                found[made["hostname"]] = region
    whole = resolver.construct_endpoint("sts", f"{partition}-global", partition)
    if whole is not None and "credentialScope" in whole:
        found[whole["hostname"]] = whole["credentialScope"]["region"]
    return found


def read_token(token: str, *, partition: str, not_before: datetime, now: datetime) -> Presigned:
    """Check everything about a token that can be checked without AWS. Raises `TokenRefused`."""
    url = _URL.fullmatch(_decoded(token))
    if url is None:
        raise TokenRefused(Flaw.WRONG_ADDRESS)
    region = hosts(partition).get(url["host"])
    if region is None:
        raise TokenRefused(Flaw.WRONG_ADDRESS)
    parameters = _parameters(url["query"])
    if parameters["X-Amz-SignedHeaders"] != _SIGNED_HEADERS:
        raise TokenRefused(Flaw.WRONG_HEADERS)
    scope = _SHAPES["X-Amz-Credential"].fullmatch(parameters["X-Amz-Credential"])
    signed = parameters["X-Amz-Date"]
    if scope is None or scope["region"] != region or not signed.startswith(scope["date"]):
        raise TokenRefused(Flaw.WRONG_SCOPE)
    return Presigned(
        host=url["host"],
        parameters=parameters,
        signed_at=_in_time(signed, not_before=not_before, now=now),
    )


def _decoded(token: str) -> str:
    """The URL in a token, as ASCII."""
    if len(token) > TOKEN_BYTES:
        raise TokenRefused(Flaw.TOO_LONG)
    if not _TOKEN.fullmatch(token):
        raise TokenRefused(Flaw.NOT_A_TOKEN)
    encoded = token.removeprefix(TOKEN_PREFIX)
    try:
        return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        # Not `from`: what Python says about it contains the text.
        raise TokenRefused(Flaw.NOT_A_TOKEN) from None


def _parameters(query: str) -> dict[str, str]:
    """Exactly the nine known ones, once each and in this spelling (CVE-2022-2385 was a second `action`)."""
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=len(_NAMES)
        )
    except ValueError:  # UnicodeDecodeError is one
        raise TokenRefused(Flaw.WRONG_PARAMETERS) from None
    parameters = dict(pairs)
    if len(pairs) != len(_NAMES) or parameters.keys() != _NAMES:
        raise TokenRefused(Flaw.WRONG_PARAMETERS)
    if any(parameters[name] != value for name, value in _FIXED.items()):
        raise TokenRefused(Flaw.WRONG_PARAMETERS)
    for name, shape in _SHAPES.items():
        if name != "X-Amz-Credential" and not shape.fullmatch(parameters[name]):
            raise TokenRefused(Flaw.WRONG_PARAMETERS)
    return parameters


def _in_time(signed: str, *, not_before: datetime, now: datetime) -> datetime:
    try:
        at = datetime.strptime(signed, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise TokenRefused(Flaw.WRONG_PARAMETERS) from None
    if at < not_before - SKEW:
        raise TokenRefused(Flaw.TOO_OLD)
    if at > now + SKEW:
        raise TokenRefused(Flaw.TOO_NEW)
    return at


def proof_session() -> aiohttp.ClientSession:
    """Connections for proofs alone: no cookies, no passwords from the environment, nothing unpacked."""
    return aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False)


class StsTokenVerifier:
    """Implements `bot.ports.token_verifier.TokenVerifier`.

    `endpoint` says where boto3 would ask STS: an address of AWS's own, or one that the operator has configured.
    """

    def __init__(
        self, session: aiohttp.ClientSession, *, endpoint: Callable[[], Awaitable[str]], clock: Clock
    ) -> None:
        self._session = session
        self._endpoint = endpoint
        self._clock = clock

    async def who_made(
        self, token: str, *, nonce: str, partition: str, not_before: datetime
    ) -> CallerIdentity:
        """See the port."""
        presigned = read_token(token, partition=partition, not_before=not_before, now=self._clock.now())
        status, body = await self._ask(presigned, await self._where(presigned.host, partition), nonce)
        if status == 200:
            return _caller(body, presigned.signed_at)
        if status == 429 or status >= 500:
            raise TokenRefused(Flaw.NO_ANSWER)
        if status in {400, 401, 403}:
            raise TokenRefused(Flaw.SESSION_EXPIRED if _error_code(body) in _EXPIRED else Flaw.NOT_BELIEVED)
        raise TokenRefused(Flaw.STRANGE_ANSWER)

    async def _ask(self, presigned: Presigned, where: str, nonce: str) -> tuple[int, bytes]:
        """One GET, built from our own constants and the checked parameters; no redirect is followed."""
        query = urlencode(presigned.parameters, quote_via=quote, safe="-_.~")
        headers = {
            "Host": presigned.host,
            "Accept": "application/json",
            "x-k8s-aws-id": CLUSTER_PREFIX + nonce,
        }
        try:
            async with self._session.get(
                URL(f"{where}/?{query}", encoded=True),
                headers=headers,
                skip_auto_headers=("User-Agent", "Accept-Encoding"),
                allow_redirects=False,
                # As boto3 does, and without aiohttp's own way, which would also add passwords out of ~/.netrc.
                proxy=ProxyConfiguration(get_environ_proxies(where)).proxy_url_for(where),
                timeout=TIMEOUT,
            ) as answer:
                return answer.status, await _capped(answer)
        except (aiohttp.ClientError, TimeoutError):
            # Not `from`: what aiohttp says may contain the address, which is the token.
            raise TokenRefused(Flaw.NO_ANSWER) from None

    async def _where(self, host: str, partition: str) -> str:
        """AWS's own host, unless the operator has boto3 ask elsewhere (`AWS_ENDPOINT_URL_STS`, `AWS_ENDPOINT_URL`)."""
        try:
            configured = urlsplit(await self._endpoint())
        except (AccessError, Misconfigured):
            raise TokenRefused(Flaw.NO_ANSWER) from None
        if configured.hostname in hosts(partition):
            return f"https://{host}"
        return f"{configured.scheme}://{configured.netloc}"


async def _capped(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES:
            raise TokenRefused(Flaw.STRANGE_ANSWER)
    return bytes(body)


def _caller(body: bytes, signed_at: datetime) -> CallerIdentity:
    """Strict: an answer that is not exactly STS's JSON names nobody (CVE-2020-16250 read a lenient one)."""
    try:
        answer: Any = load(body.decode())
        result = answer["GetCallerIdentityResponse"]["GetCallerIdentityResult"]
        arn, account, user_id = result["Arn"], result["Account"], result["UserId"]
    except (NotStrict, UnicodeDecodeError, KeyError, TypeError):
        raise TokenRefused(Flaw.STRANGE_ANSWER) from None
    if not all(isinstance(each, str) and each for each in (arn, account, user_id)):
        raise TokenRefused(Flaw.STRANGE_ANSWER)
    return CallerIdentity(arn=arn, account=AccountId(account), user_id=user_id, signed_at=signed_at)


def _error_code(body: bytes) -> str:
    """STS's code for a refusal; "" where the answer carries none."""
    try:
        code: Any = json.loads(body)["Error"]["Code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return code if isinstance(code, str) else ""
