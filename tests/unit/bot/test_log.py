"""What stands in the log, and what never does."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from time import perf_counter
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.log import FLOORS, REDACTED, LogFormat, configure, correlated, correlation, get_logger, redact

# Put together here, so that no scanner takes this file for a leak.
BOT_TOKEN = "xoxb-" + "1234567890-abcdefGHIJ"
APP_TOKEN = "xapp-" + "1-A012-345-abcdef"
USER_TOKEN = "xoxp-" + "1234-5678-abc"
ROTATING_TOKEN = "xoxe.xoxb-" + "1-Mi0yLTEtabc"
ACCESS_KEY = "AKIA" + "IOSFODNN7EXAMPLE"
SESSION_KEY = "ASIA" + "IOSFODNN7EXAMPLE"
SESSION_TOKEN = "IQoJb3JpZ2lu" + "X2VjEJr//abc+def=="
PROOF = "k8s-aws-v1." + "aHR0cHM6Ly9zdHMuYW1hem9uYXdzLmNvbS8_QWN0aW9u"
HOOK = "https://hooks.slack.com/" + "actions/T012AB/345/abcDEF"
SIGNATURE = "v0=" + "a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
SLACK_SECRETS = [BOT_TOKEN, APP_TOKEN, USER_TOKEN, ROTATING_TOKEN, HOOK, SIGNATURE]
SECRETS = [*SLACK_SECRETS, ACCESS_KEY, SESSION_KEY, SESSION_TOKEN, PROOF]

log = get_logger("bot.test")
library = logging.getLogger("somebody.else")


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Whatever is logged, as JSON; the process's logging is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    floors = {name: logging.getLogger(name).level for name in FLOORS}
    stream = io.StringIO()
    configure("DEBUG", "json", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, floor in floors.items():
        logging.getLogger(name).setLevel(floor)


def entries(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def break_down(message: str, cause: Exception) -> None:
    raise RuntimeError(message) from cause


def test_event_is_one_json_line_with_time_level_name_and_fields(lines: io.StringIO) -> None:
    log.info("request_stored", request="WA-17", accounts=3, ratio=0.5, approved=True, ends_at=None)

    (entry,) = entries(lines)
    time = datetime.fromisoformat(str(entry.pop("time")))
    assert time.tzinfo == UTC
    assert entry == {
        "level": "info",
        "event": "request_stored",
        "logger": "bot.test",
        "request": "WA-17",
        "accounts": 3,
        "ratio": 0.5,
        "approved": True,
        "ends_at": None,
    }


def test_lines_of_one_piece_of_work_carry_its_correlation_id(lines: io.StringIO) -> None:
    with correlated("WA-17"):
        log.info("inside")
        library.warning("inside, too")
    log.info("outside")

    assert [entry.get("correlation") for entry in entries(lines)] == ["WA-17", "WA-17", None]
    assert correlation.get() is None


async def test_correlation_ids_of_tasks_do_not_mix(lines: io.StringIO) -> None:
    async def work(name: str) -> None:
        with correlated(name):
            await asyncio.sleep(0)
            log.info("worked", name=name)

    await asyncio.gather(work("WA-1"), work("WA-2"))

    assert all(entry["correlation"] == entry["name"] for entry in entries(lines))


def test_level_holds_and_an_event_below_it_costs_no_line(lines: io.StringIO) -> None:
    configure("WARNING", "json", lines)

    log.debug("quiet")
    log.info("quiet")
    log.warning("heard")
    log.error("heard")

    assert [entry["level"] for entry in entries(lines)] == ["warning", "error"]


def test_configuring_twice_does_not_log_twice(lines: io.StringIO) -> None:
    configure("INFO", "json", lines)
    configure("INFO", "json", lines)

    log.info("once")

    assert len(entries(lines)) == 1


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: str(secret)[:8])
def test_secret_is_redacted_wherever_it_hides(lines: io.StringIO, secret: str, log_format: LogFormat) -> None:
    configure("DEBUG", log_format, lines)

    log.info(secret, plain=secret, text=f"<{secret}>", nested={"a": [{"b": (secret,)}], secret: 1})
    log.info("others", raw=secret.encode(), error=ValueError(secret), a_set={secret}, **{secret: "key"})
    library.warning("sent %s", secret)
    with correlated(secret):
        log.info("correlated")
    try:
        break_down(f"before {secret} after", ValueError(secret))
    except RuntimeError:
        log.exception("failed", step=4)
        library.exception("failed, too")

    tail = secret[-8:]
    assert tail not in lines.getvalue()
    assert REDACTED in lines.getvalue()
    assert "RuntimeError: before" in lines.getvalue()
    assert "ValueError" in lines.getvalue()


@pytest.mark.parametrize(
    "key",
    ["token", "bot_token", "client_secret", "Authorization", "password", "x-slack-signature", "response_url"],
)
def test_value_of_a_secret_name_is_redacted_whatever_it_looks_like(lines: io.StringIO, key: str) -> None:
    log.info("called", **{key: "hunter2"}, headers={key: ["hunter2", b"hunter2"]}, body=f"{key}=hunter2&x=1")
    library.warning("headers: {'%s': 'hunter2 and more hunter2', 'Host': 'slack.com'}", key)
    library.warning('{"body": "{\\"%s\\": \\"hunter2\\", \\"a\\": 1}"}', key)
    library.warning("%s: Bearer hunter2", key)
    library.warning("https://example.com/?%s=hunter2&kept=1", key)

    assert "hunter2" not in lines.getvalue()
    assert "Host" in lines.getvalue()
    assert "kept=1" in lines.getvalue()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://bot:hunter2@db/access", f"postgresql://bot:{REDACTED}@db/access"),
        (f"curl -d {PROOF}.{PROOF} x", f"curl -d {REDACTED} x"),
        (f"({HOOK})", f"({REDACTED})"),
        ("token='unfinished", f"token='{REDACTED}'"),
        (r'{"password": "a\"b", "user": "x"}', f'{{"password": "{REDACTED}", "user": "x"}}'),
        ("X-Amz-Signature=ff00&X-Amz-Date=1", f"X-Amz-Signature={REDACTED}&X-Amz-Date=1"),
        ("Unable to parse: https://x.example/?token=abc&y=1", f"Unable to parse: https://x.example/?token={REDACTED}&y=1"),
    ],
)  # fmt: skip
def test_redaction_leaves_what_stands_around_a_secret(text: str, shown: str) -> None:
    assert redact(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "WA-17",
        "arn:aws:iam::111111111111:role/Workbench-BuilderRole",
        "ends_at=2026-01-01T00:00:00Z",
        "SLACK_BOT_TOKEN",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert redact(text) == text


@given(
    st.text(alphabet="token=:'\"\\ abx-&{}%3D", max_size=60), st.sampled_from(SECRETS), st.text(max_size=20)
)
def test_redaction_always_ends_never_fails_and_finds_a_token_behind_any_punctuation(
    before: str, secret: str, after: str
) -> None:
    assert secret not in redact(f"{before} {secret} {after}")


@pytest.mark.parametrize(
    "unit",
    ["token", "token=", '"token":', "://a:", "\\", 'token="\\"', "k8s-aws-v1.", "token='\\", "= ", "a-"],
)
def test_long_hostile_text_is_redacted_in_a_moment(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    begun = perf_counter()

    redact(text)

    # A quadratic search would take minutes here.
    assert perf_counter() - begun < 5


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING"])
def test_body_of_a_badly_signed_request_is_never_logged(lines: io.StringIO, level: str) -> None:
    from slack_bolt.middleware.request_verification import RequestVerification
    from slack_bolt.request import BoltRequest
    from slack_bolt.response import BoltResponse

    configure(level, "json", lines)
    # Bolt gives the logger the root's level here, after ours was configured.
    verification = RequestVerification(signing_secret="0" * 32)
    body = urlencode({"command": "/workbench-access", "text": "because-of-project-x", "response_url": HOOK})
    request = BoltRequest(
        body=body, headers={"x-slack-signature": SIGNATURE, "x-slack-request-timestamp": "1"}
    )

    answer = verification.process(
        req=request, resp=BoltResponse(status=200), next=lambda: BoltResponse(status=200)
    )
    verification.logger.warning(f"Invalid request signature detected (signature: v0=1, body: {body})")  # noqa: G004

    assert answer.status == 401
    assert "project-x" not in lines.getvalue()
    assert "hooks.slack" not in lines.getvalue()
    assert [entry["message"] for entry in entries(lines)] == [
        "Invalid request signature detected (body not logged)"
    ]


@pytest.mark.parametrize(
    "name",
    [
        "slack_sdk.web.async_base_client",
        "botocore.endpoint",
        "urllib3.connectionpool",
        "__main__:AsyncApp",
        "aiohttp",
    ],
)
def test_libraries_are_never_heard_at_debug_where_they_print_bodies(lines: io.StringIO, name: str) -> None:
    library = logging.getLogger(name)
    level = library.level
    library.setLevel("DEBUG")  # as Bolt does with its own, whatever was configured

    library.debug("Sending a request with body %s", {"reason": "because-of-project-x"})
    library.info("connected")

    library.setLevel(level)
    assert [entry["message"] for entry in entries(lines)] == ["connected"]


def test_access_log_and_sql_parameters_are_not_heard_at_info(lines: io.StringIO) -> None:
    for name in ("aiohttp.access", "sqlalchemy.engine.Engine"):
        logging.getLogger(name).info("POST /prove/nonce")
        logging.getLogger(name).warning("slow")

    assert [entry["message"] for entry in entries(lines)] == ["slow", "slow"]


def test_field_never_replaces_what_every_line_has(lines: io.StringIO) -> None:
    log.info("happened", level="x", event="y", time="z", logger="w", exception="v")

    (entry,) = entries(lines)
    assert (entry["level"], entry["event"]) == ("info", "happened")
    assert [entry[f"field_{key}"] for key in ("level", "event", "time", "logger", "exception")] == list(
        "xyzwv"
    )


def test_values_of_every_kind_are_plain_in_the_log(lines: io.StringIO) -> None:
    class Colour(Enum):
        RED = "red"

    loop: list[object] = []
    loop.append(loop)

    log.info(
        "happened",
        colour=Colour.RED,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        roles={"b", "a"},
        nothing=float("nan"),
        error=ValueError("no"),
        loop=loop,
        alone="\ud800",
    )

    (entry,) = entries(lines)
    assert entry["colour"] == "red"
    assert entry["at"] == "2026-01-01T00:00:00+00:00"
    assert entry["roles"] == ["a", "b"]
    assert entry["nothing"] == "nan"
    assert entry["error"] == "ValueError: no"
    assert "…" in str(entry["loop"])


def test_text_for_a_terminal_is_one_readable_line(lines: io.StringIO) -> None:
    configure("INFO", "text", lines)

    log.warning("round_failed", permission_set="DataScientist", accounts=["1", "2"], who="Zoë Smith")

    time, line = lines.getvalue().split(" ", 1)
    assert time.endswith("Z")
    assert line == (
        "WARNING  round_failed logger=bot.test permission_set=DataScientist "
        'accounts=["1", "2"] who="Zoë Smith"\n'
    )


@pytest.mark.parametrize("log_format", ["json", "text"])
@pytest.mark.parametrize(
    "evil", ["a\n12:00:00Z INFO forged", "a\r\x1b[2K", "a\u2028b", "a\u202eb", "a\x9b1mb"]
)
def test_text_from_outside_can_neither_forge_a_line_nor_repaint_the_terminal(
    lines: io.StringIO, evil: str, log_format: LogFormat
) -> None:
    configure("INFO", log_format, lines)

    log.info("named", name=evil, inside=[evil])
    library.warning(evil)

    written = lines.getvalue()
    assert len(written.splitlines()) == 2
    assert written.replace("\n", "").isprintable()


def test_traceback_in_text_is_indented_so_that_its_message_forges_no_line(lines: io.StringIO) -> None:
    configure("INFO", "text", lines)

    try:
        break_down("no\n12:00:00.000Z INFO forged \x1b[2K", ValueError("first"))
    except RuntimeError:
        log.exception("failed")

    first, *rest = lines.getvalue().splitlines()
    assert "ERROR    failed" in first
    assert rest
    assert all(line.startswith("  | ") for line in rest)
    assert "\x1b" not in lines.getvalue()


def test_logs_go_to_standard_error_and_leave_standard_output_to_commands(
    lines: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("INFO", "json")

    log.info("started")

    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err)["event"] == "started"
    assert lines.getvalue() == ""
