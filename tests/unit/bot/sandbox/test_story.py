"""The story that newcomers see: it is played whole, and the README shows the same."""

import json
import os
import re
from pathlib import Path

import pytest

from bot.domain.errors import Misconfigured
from bot.sandbox.play import drawn, refuse_what_is_real, sandbox
from bot.sandbox.scene import DATA_SCIENTIST, FOREIGN
from bot.sandbox.story import Screen, StalledError, can_assume, tell

README = Path(__file__).parents[4] / "README.md"


@pytest.fixture(autouse=True)
def real_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer's shell may hold, and the sandbox must not follow."""
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("http_proxy", "http://proxy.example.com:3128")
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example.com/production")


async def test_the_story_is_true_from_the_refusal_to_the_self_check(tmp_path: Path) -> None:
    before = dict(os.environ)

    async with sandbox(tmp_path, provisioning_seconds=0) as running:
        assert not can_assume(running.aws.org)
        screens = [step async for step in tell(running.slack, running.aws) if isinstance(step, Screen)]
        assert can_assume(running.aws.org)
        assert running.slack.problems == []
        policy = json.loads(running.aws.org.inline_policy(DATA_SCIENTIST))

    assert dict(os.environ) == before
    assert policy["Statement"][0] == FOREIGN["Statement"][0]
    shown = "\n".join(screen.text for screen in screens)
    for essential in (
        "(AccessDenied)",
        "Send request",
        "Train the churn model",
        '+      "Action": "sts:AssumeRole"',
        "@sso-admins",
        "You approved WA-1",
        "CONFIGURED",
        "--role-session-name TestSession",
        "assumed-role/Workbench-BuilderRole/TestSession",
    ):
        assert essential in shown, essential

    told = _words(README.read_text(encoding="utf-8"))
    for screen in screens:
        # The first look at the progress catches it wherever it is; all others show the same every time.
        if "0 of 1 account" not in screen.text:
            drawing = _words(drawn(screen))
            assert drawing in told, f"README.md shows another {screen.who}, {screen.where}: run `make readme`"


async def test_a_story_without_a_bot_says_where_it_stopped(tmp_path: Path) -> None:
    async with sandbox(tmp_path, provisioning_seconds=0) as running:
        running.slack.bot_url = "http://127.0.0.1:9/slack/events"
        with pytest.raises(StalledError, match="the bot did not take /workbench-access request"):
            async for _ in tell(running.slack, running.aws):
                pass


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLACK_BOT_TOKEN", "xoxb-" + "123456789012-123456789012-abcdefghijklmnopqrstuvwx"),
        ("SLACK_APP_TOKEN", "xapp-" + "1-A0123456789-123456789012-" + "0" * 64),
        ("AWS_ENDPOINT_URL", "https://sso.eu-central-1.amazonaws.com"),
        ("AWS_ENDPOINT_URL_SSO_ADMIN", "http://10.0.0.7:5000"),
    ],
)
def test_the_sandbox_refuses_what_looks_real(name: str, value: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        refuse_what_is_real({name: value})

    assert len(refused.value.problems) == 1
    assert refused.value.problems[0].startswith(f"{name}: ")
    assert value not in refused.value.problems[0]


def test_the_sandbox_starts_beside_an_example_configuration() -> None:
    refuse_what_is_real(
        {
            "SLACK_BOT_TOKEN": "xoxb-your-bot-token",
            "AWS_ENDPOINT_URL": "http://localhost:5000",
            "HOME": "/home/me",
        }
    )


def _words(text: str) -> str:
    """The text without frames, line breaks, and whatever differs from run to run."""
    text = re.sub(r"[│┌└─═]+", " ", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "INSTANT", text)
    text = re.sub(r"WorkbenchAccess[0-9a-f]{16}", "SID", text)
    text = re.sub(r"AROA[A-Z0-9]+|AWSReservedSSO_(\w+)_[0-9a-f]{16}", r"ROLE \1", text)
    text = re.sub(r"\s+", " ", text)
    return re.sub(r"[A-Z][a-z]{2} \d{1,2}, \d{4} at \d{1,2}:\d\d [AP]M", "TIME", text)
