"""The three addresses in the configuration, each brought to its normal form or refused by a ValueError.

The errors are in plain words, fit to follow a key. No message repeats an address: one may carry a password.
"""

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

POSTGRESQL: Final = "postgresql+psycopg"
"""SQLAlchemy's name for PostgreSQL by psycopg 3, the only driver that is installed."""

DIALECTS: Final = {
    "sqlite": "sqlite",
    "postgres": POSTGRESQL,
    "postgresql": POSTGRESQL,
    POSTGRESQL: POSTGRESQL,
}


def slack_api_url(text: str) -> str:
    """The base address of the Slack Web API; ends in a slash, because slack_sdk joins method names to it."""
    _split(text, schemes=("https", "http"))
    return text.rstrip("/") + "/"


def public_url(text: str) -> str:
    """Where people's machines reach us, without a slash at the end.

    People paste it into a shell, in single quotes, as part of the proof command, and tokens travel to it: only
    characters that cannot end the quotes or mean anything outside, but for brackets and the tilde, and only https
    unless it is this very machine.
    """
    parts = _split(text, schemes=("https", "http"))
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        raise ValueError(
            "must begin with https:// (http:// is only for loopback), because tokens travel to it"
        )
    if not re.fullmatch(r"[A-Za-z0-9._~:/\[\]-]+", text):
        raise ValueError(
            "has characters that a shell could interpret; use letters, digits, dots, hyphens and slashes"
        )
    return text.rstrip("/")


def database_url(text: str) -> str:
    """The database's address with the dialect and driver that SQLAlchemy must use."""
    scheme, _, rest = text.partition("://")
    dialect = DIALECTS.get(scheme.casefold())
    if dialect is None or not rest:
        raise ValueError("must begin with sqlite:/// or postgresql://")
    if dialect == "sqlite" and (not rest.startswith("/") or len(rest) == 1 or ":memory:" in rest):
        raise ValueError("must name a file after sqlite:///, because requests have to survive a restart")
    return f"{dialect}://{rest}"


def _split(text: str, schemes: tuple[str, ...]) -> SplitResult:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 -- a port that is no number is only found by asking for it
    except ValueError as error:
        raise ValueError("is not an address") from error
    if parts.scheme not in schemes or not parts.hostname or any(char.isspace() for char in text):
        raise ValueError("is not an address that begins with https://")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must not carry a user name, a query or a fragment")
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
