"""Who may talk to the sandbox's page, what it does with bad input, and when it refuses to start."""

import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.__main__ import MISCONFIGURED, main
from bot.sandbox.page.wire import BODY_LIMIT
from bot.sandbox.scene import ALICE, GENERAL
from tests.integration.page_visitor import Visitor, visiting


@pytest.fixture
async def visitor(tmp_path: Path) -> AsyncIterator[Visitor]:
    """A page with nobody but the doubles behind it: these tests need no bot."""
    async with visiting(tmp_path, with_bot=False) as made:
        yield made


# Who may talk to it


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example.com"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1:1"},
        {"Host": "127.0.0.1.example.com:80"},
        {"Origin": "https://attacker.example.com"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_pages_of_other_sites_are_refused(
    visitor: Visitor, method: str, headers: dict[str, str]
) -> None:
    path = "api/people" if method == "GET" else "api/reset"
    async with visitor.session.request(
        method, visitor.address + path, headers=headers, json={} if method == "POST" else None
    ) as answer:
        assert answer.status == 403
        assert "only" in (await answer.json())["error"]


async def test_its_own_page_is_let_in_under_both_names(visitor: Visitor) -> None:
    port = visitor.address.rsplit(":", 1)[1].strip("/")
    for name in ("127.0.0.1", "localhost"):
        headers = {
            "Host": f"{name}:{port}",
            "Origin": f"http://{name}:{port}",
            "Sec-Fetch-Site": "same-origin",
        }
        async with visitor.session.get(visitor.address + "api/people", headers=headers) as answer:
            assert answer.status == 200


@pytest.mark.parametrize(
    "path", ["", "api/people", "api/nothing", "assets/nothing.js", "api/events?as=U0ALICE"]
)
async def test_every_answer_forbids_what_a_page_should_not_do(visitor: Visitor, path: str) -> None:
    async with visitor.session.get(visitor.address + path) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_nothing_outside_of_the_pages_own_files_is_served(visitor: Visitor) -> None:
    for path in ("assets/../server.py", "assets/%2e%2e/server.py", "assets//etc/passwd", "assets/"):
        async with visitor.session.get(visitor.address + path) as answer:
            assert answer.status in {403, 404}, path


# Bad input


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
async def test_what_a_form_of_another_page_could_send_is_refused(visitor: Visitor, content_type: str) -> None:
    body = json.dumps({"as": ALICE, "channel": GENERAL, "text": "Hello"})
    async with visitor.session.post(
        visitor.address + "api/say", data=body, headers={"Content-Type": content_type}
    ) as answer:
        assert answer.status == 400
    assert await visitor.messages(ALICE, GENERAL) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b"\xff\xfe", 400),
        (b'{"as": "U0ALICE", "channel": "C0GENERAL", "text": "\\ud800"}', 400),
        (b"[" * 50_000, 400),
        (b'{"as": "U0ALICE"}', 400),
        (b'{"as": {"a": 1}, "channel": "C0GENERAL", "text": "x"}', 400),
        (b'{"as": "U0NOBODY", "channel": "C0GENERAL", "text": "x"}', 404),
        (b'{"as": "U0BOT", "channel": "C0GENERAL", "text": "x"}', 404),
        (b'{"as": "U0ALICE", "channel": "C0GENERAL", "text": "' + b"x" * 4_001 + b'"}', 400),
        (b'{"as": "' + b"x" * BODY_LIMIT + b'"}', 413),
    ],
)
async def test_a_wrong_body_is_refused_with_a_sentence_and_changes_nothing(
    visitor: Visitor, body: bytes, status: int
) -> None:
    async with visitor.session.post(
        visitor.address + "api/say", data=body, headers={"Content-Type": "application/json"}
    ) as answer:
        assert (answer.status, bool((await answer.json())["error"])) == (status, True)
    assert visitor.page.stage.workspace.all_messages == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("api/clock", {"advance_seconds": -60}),
        ("api/clock", {"advance_seconds": 10**12}),
        ("api/clock", {"advance_seconds": 1.5}),
        ("api/bot", {"do": "format"}),
        ("api/tour", {"do": "cheat"}),
        ("api/switch", {"name": "everything", "value": True}),
        ("api/switch", {"name": "throttle", "value": "yes"}),
        ("api/switch", {"name": "scp_deny", "account": "999999999999", "value": True}),
        ("api/switch", {"name": "delete_role", "account": "111111111111", "role": "Admin", "value": True}),
        ("api/switch", {"name": "console_edit", "set": "Nothing"}),
        ("api/switch", {"name": "remove_ours", "set": "DataScientist"}),
    ],
)
async def test_a_wrong_wish_for_aws_clock_or_bot_changes_nothing(
    visitor: Visitor, path: str, body: dict[str, Any]
) -> None:
    before = await visitor.get("api/switches")
    policy = await visitor.get("api/policy", set="DataScientist")

    status, sentence = await visitor.refused(path, **body)

    assert status in {400, 404}
    assert sentence
    assert await visitor.get("api/switches") == before
    assert await visitor.get("api/policy", set="DataScientist") == policy
    assert visitor.page.stage.clock.shift == 0


# Starting


def test_a_port_that_is_taken_is_refused_and_says_how_to_choose_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        code = main(["sandbox", "--no-browser", "--port", str(port)])

    said = capsys.readouterr().err
    assert code == MISCONFIGURED
    assert f"port {port}" in said
    assert "--port" in said


def test_a_token_of_a_real_workspace_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    token = "xoxb-" + "123456789012-123456789012-abcdefghijklmnopqrstuvwx"
    monkeypatch.setenv("SLACK_BOT_TOKEN", token)

    code = main(["sandbox", "--no-browser"])

    said = capsys.readouterr().err
    assert code == MISCONFIGURED
    assert "SLACK_BOT_TOKEN" in said
    assert token not in said


def test_an_endpoint_beyond_this_machine_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://sso.eu-central-1.amazonaws.com")

    assert main(["sandbox", "--no-browser"]) == MISCONFIGURED
    assert "AWS_ENDPOINT_URL" in capsys.readouterr().err
