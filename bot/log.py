"""Structured logs: an event name and fields, one line each, with the correlation id and without secrets.

A leaf: imports nothing of ours, so that every room may log. Usage:

    log = get_logger(__name__)
    log.info("request_stored", request="WA-17")
"""

import json
import logging
import math
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import Enum
from typing import Final, Literal, TextIO

LogFormat = Literal["json", "text"]

correlation: ContextVar[str | None] = ContextVar("correlation", default=None)
"""What ties the lines of one piece of work together: a request's id, a payload's, a round's."""

REDACTED: Final = "[redacted]"
DEEPEST: Final = 6
"""Levels of nesting that a field may have in the log."""

# Libraries that log payloads, SQL parameters or whole requests at the levels below these.
FLOORS: Final = {
    "slack_bolt.RequestVerification": logging.WARNING,
    "aiohttp.access": logging.WARNING,
    "sqlalchemy": logging.WARNING,
    "alembic": logging.WARNING,
    # At every start it says that the token of the environment is not used.
    "slack_bolt.AsyncApp": logging.ERROR,
    "slack_bolt": logging.INFO,
    "slack_sdk": logging.INFO,
    "boto3": logging.INFO,
    "botocore": logging.INFO,
    "s3transfer": logging.INFO,
    "urllib3": logging.INFO,
    "aiohttp": logging.INFO,
    "asyncio": logging.INFO,
}

_SENSITIVE: Final = re.compile(
    r"token|secret|authori[sz]ation|password|passwd|signature|cookie|credential|response_url|private_key"
    r"|access_key(?!_id)|api_key",
    re.IGNORECASE,
)
_SECRETS: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"xox[a-z](?:[.-]xox[a-z])?-[A-Za-z0-9-]+|xapp-[A-Za-z0-9-]+"  # Slack's tokens, rotating ones included
    r"|(?:AKIA|ASIA)[A-Z0-9]{12,}"  # access key ids of AWS
    r"|(?:IQoJb3JpZ2lu|FwoGZXIvYXdz|FQoGZXIvYXdz)[A-Za-z0-9+/=%_-]+"  # session tokens of STS
    r"|k8s-aws-v1\.[A-Za-z0-9_=%.+/-]*"  # proof tokens
    r"|https?:(?:\\?/){2}hooks\.slack(?:-gov)?\.com[^\s\"'<>|)\]}]*"  # response_url, good for 30 minutes
    r"|v0=[0-9a-fA-F]{32,}"  # Slack's request signatures
    r")"
)
_URL_PASSWORD: Final = re.compile(r"(?<=://)([^/\s:@\"']*):[^/\s\"']+@")
# The look-behind and the possessive repeats keep both searches linear, whatever a stranger sends.
_KEY: Final = re.compile(
    r"(?<![A-Za-z0-9_-])(?P<key>[A-Za-z0-9_-]++)(?:\\*+[\"'])?+[ \t]*+(?:=>|%3D|[:=])[ \t]*+", re.IGNORECASE
)
_VALUE: Final = re.compile(
    r"b?(?P<quote>\\*+[\"'])"
    r"|(?:(?:bearer|basic|token)[ \t]++)?+[^\s,;&)}\]\"'\\]++",
    re.IGNORECASE,
)
# Bolt prints the whole body of a request behind these words, at INFO and at WARNING.
_BODY: Final = re.compile(r"(Invalid request signature detected|for the request) \(.*", re.DOTALL)


def redact(text: str) -> str:
    """`text` without tokens, AWS keys, response_urls, passwords in addresses and values of secret names."""
    text = _SECRETS.sub(REDACTED, text)
    text = _URL_PASSWORD.sub(rf"\1:{REDACTED}@", text)
    return _without_secret_values(text)


def _without_secret_values(text: str) -> str:
    """Hides what follows a secret's name: `token=…`, `'password': '…'`, `Authorization: Bearer …`."""
    kept: list[str] = []
    done = 0
    for name in _KEY.finditer(text):
        if name.start() < done or not _SENSITIVE.search(name["key"]):
            continue
        value = _VALUE.match(text, name.end())
        if value is None or value[0].startswith(REDACTED[:-1]):
            continue
        quote = value["quote"] or ""
        kept += [text[done : name.end()], quote, REDACTED, quote]
        done = _end_of_quoted(text, value.end(), quote) if quote else value.end()
    return "".join([*kept, text[done:]])


def _end_of_quoted(text: str, start: int, quote: str) -> int:
    """Behind the closing quote, or the end of the text: better to hide too much than too little."""
    position = start
    while (found := text.find(quote, position)) >= 0:
        # In plain quotes, an escaped quote belongs to the value.
        escaped = len(quote) == 1 and (found - len(text[start:found].rstrip("\\")) - start) % 2 == 1
        if not escaped:
            return found + len(quote)
        position = found + 1
    return len(text)


class EventLogger:
    """Logs events with fields. An event is a name in the past tense (`request_stored`), no sentence."""

    __slots__ = ("_logger",)

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def debug(self, event: str, /, **fields: object) -> None:
        """For whoever is looking for a bug."""
        self._log(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: object) -> None:
        """Something happened as it should."""
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: object) -> None:
        """Something an operator should know about, and need not act on now."""
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, /, **fields: object) -> None:
        """Something an operator has to act on."""
        self._log(logging.ERROR, event, fields)

    def exception(self, event: str, /, **fields: object) -> None:
        """As `error`, with the traceback of the exception that is being handled."""
        self._log(logging.ERROR, event, fields, exc_info=True)

    def bug(self, event: str, error: BaseException, /, **fields: object) -> None:
        """As `error`, with the traceback of an exception that nobody expected."""
        self._log(logging.ERROR, event, fields, exc_info=error)

    def _log(
        self, level: int, event: str, fields: dict[str, object], *, exc_info: bool | BaseException = False
    ) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, exc_info=exc_info, extra={"fields": fields})


def get_logger(name: str) -> EventLogger:
    """The logger of a module; `name` is its `__name__`."""
    return EventLogger(logging.getLogger(name))


@contextmanager
def correlated(value: str) -> Iterator[None]:
    """Every line logged inside carries `value` as its correlation id."""
    token = correlation.set(value)
    try:
        yield
    finally:
        correlation.reset(token)


def configure(level: str, log_format: LogFormat, stream: TextIO | None = None) -> None:
    """Send every log line of the process to `stream`, by default standard error; may be called again.

    Standard output stays free for what a command prints (`audit export`).
    """
    handler = _Handler(sys.stderr if stream is None else stream)
    handler.setFormatter(_JsonFormatter() if log_format == "json" else _TextFormatter())
    # Bolt gives its loggers the root's level whenever it starts, so a floor has to hold here as well.
    handler.addFilter(_above_floor)
    root = logging.getLogger()
    for installed in [one for one in root.handlers if isinstance(one, _Handler)]:
        root.removeHandler(installed)
    root.addHandler(handler)
    root.setLevel(level)
    for name, floor in FLOORS.items():
        logging.getLogger(name).setLevel(max(floor, root.level))


class _Handler(logging.StreamHandler[TextIO]):
    """A type of its own, so that `configure` finds the handler that it installed before."""


def _above_floor(record: logging.LogRecord) -> bool:
    """Ours always; a library's line never below its floor, nor at DEBUG, where bodies are printed."""
    if hasattr(record, "fields"):
        return True
    name, floor = record.name, logging.INFO
    while name and name not in FLOORS:
        name = name.rpartition(".")[0]
    return record.levelno >= FLOORS.get(name, floor)


def _entry(record: logging.LogRecord) -> dict[str, object]:
    """A record as an ordered dict of plain, redacted values."""
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    entry: dict[str, object] = {
        "time": moment.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "event": "library_message",
        "logger": record.name,
    }
    if (current := correlation.get()) is not None:
        entry["correlation"] = redact(current)
    fields = getattr(record, "fields", None)
    if isinstance(fields, dict):
        entry["event"] = redact(str(record.msg))
        for key, value in fields.items():
            name = redact(key)
            entry[f"field_{name}" if name in entry or name == "exception" else name] = _plain(key, value)
    else:
        entry["message"] = redact(_BODY.sub(r"\1 (body not logged)", record.getMessage()))
    if record.exc_info and record.exc_info[0] is not None:
        entry["exception"] = redact("".join(traceback.format_exception(*record.exc_info)).rstrip())
    return entry


def _plain(key: str, value: object, depth: int = 0) -> object:
    """A field's value as JSON knows it, with every secret in it redacted."""
    if value is None or isinstance(value, bool):
        return value
    if _SENSITIVE.search(key):
        return REDACTED
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, int | float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _plain_collection(key, value, depth)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, BaseException):
        return redact(f"{type(value).__name__}: {value}")
    return redact(str(value))


def _plain_collection(
    key: str,
    value: Mapping[object, object] | list[object] | tuple[object, ...] | set[object] | frozenset[object],
    depth: int,
) -> object:
    if depth == DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {redact(str(own)): _plain(str(own), item, depth + 1) for own, item in value.items()}
    items = [_plain(key, item, depth + 1) for item in value]
    # A set has no order of its own; the same set should give the same line.
    return sorted(items, key=str) if isinstance(value, set | frozenset) else items


class _JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(_entry(record))


class _TextFormatter(logging.Formatter):
    """One line for a person at a terminal, `time LEVEL event key=value …`, a traceback indented below."""

    def format(self, record: logging.LogRecord) -> str:
        entry = _entry(record)
        exception = entry.pop("exception", None)
        time, level, event = str(entry.pop("time")), str(entry.pop("level")), str(entry.pop("event"))
        fields = " ".join(f"{key}={_one_word(value)}" for key, value in entry.items())
        line = f"{time[11:]} {level.upper():<8} {_one_word(event)} {fields}"
        if exception is None:
            return line
        return "\n".join([line, *(f"  | {_visible(each)}" for each in str(exception).splitlines())])


def _one_word(value: object) -> str:
    """A value that cannot be mistaken for two, for another line or for the terminal's control codes."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if text and not re.search(r"[\s\"'=]", text) and text.isprintable():
        return text
    return _visible(json.dumps(value, ensure_ascii=False) if isinstance(value, str) else text)


def _visible(text: str) -> str:
    """Control and direction characters as escapes: a name from outside must not repaint the terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
