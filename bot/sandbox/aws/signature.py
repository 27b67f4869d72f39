"""Signature Version 4 as the receiving side checks it, in the header and in presigned URLs."""

from __future__ import annotations

import calendar
import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ALGORITHM = "AWS4-HMAC-SHA256"
VALID_SECONDS = 900
"""STS ignores X-Amz-Expires; every signature lives 15 minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The parts of a request that its signature covers."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes
    access_key: str
    scope: tuple[str, str, str]
    """Date, Region and service."""
    date: str
    signed_headers: tuple[str, ...]
    signature: str
    token: str | None
    presigned: bool

    @property
    def region(self) -> str:
        return self.scope[1]


def read_signature(
    method: str, path: str, query: list[tuple[str, str]], headers: Mapping[str, str], body: bytes
) -> Signed | None:
    """What the request says about its signature; None if it carries none that can be read."""
    fields = dict(query)
    if fields.get("X-Amz-Algorithm") == ALGORITHM:
        credential, names = fields.get("X-Amz-Credential", ""), fields.get("X-Amz-SignedHeaders", "")
        signature, date = fields.get("X-Amz-Signature", ""), fields.get("X-Amz-Date", "")
        token, presigned = fields.get("X-Amz-Security-Token"), True
    else:
        parts = dict(re.findall(r"(\w+)=([^,\s]+)", headers.get("authorization", "")))
        credential, names = parts.get("Credential", ""), parts.get("SignedHeaders", "")
        signature, date = parts.get("Signature", ""), headers.get("x-amz-date", "")
        token, presigned = headers.get("x-amz-security-token"), False
    pieces = credential.split("/")
    if len(pieces) != 5 or pieces[4] != "aws4_request":
        return None
    return Signed(
        method=method,
        path=path,
        query=tuple(query),
        headers=headers,
        body=body,
        access_key=pieces[0],
        scope=(pieces[1], pieces[2], pieces[3]),
        date=date,
        signed_headers=tuple(names.split(";")),
        signature=signature,
        token=token,
        presigned=presigned,
    )


def signature_holds(signed: Signed, secret: str) -> bool:
    """Whether this secret signed exactly this request."""
    return hmac.compare_digest(_signature(signed, secret), signed.signature)


def is_fresh(signed: Signed, now: Callable[[], float] = time.time) -> bool:
    """By the wall clock, as the signer's is: the organisation's own clock may be anywhere."""
    try:
        at = calendar.timegm(time.strptime(signed.date, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        return False
    return abs(now() - at) <= VALID_SECONDS and signed.date.startswith(signed.scope[0])


def _signature(signed: Signed, secret: str) -> str:
    query = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in signed.query
        if not (signed.presigned and name == "X-Amz-Signature")
    )
    headers = "".join(
        f"{name}:{' '.join(signed.headers.get(name, '').split())}\n" for name in signed.signed_headers
    )
    canonical = "\n".join(
        [
            signed.method,
            quote(signed.path or "/", safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in query),
            headers,
            ";".join(signed.signed_headers),
            hashlib.sha256(signed.body).hexdigest(),
        ]
    )
    scope = "/".join((*signed.scope, "aws4_request"))
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"{ALGORITHM}\n{signed.date}\n{scope}\n{digest}"
    key = f"AWS4{secret}".encode()
    for part in (*signed.scope, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
