"""Tokens are nowhere once they have been looked at: not in the log, the database, a message, nor an answer."""

import io
import json
import logging
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest

from bot import log
from bot.usecases import prove_access
from tests.integration.conftest import BUILDER, World
from tests.integration.proving import BY_CURL, both, commands, nonce_of, opened, proofs_in, send
from tests.integration.tokens import url_of


@pytest.fixture
def log_file() -> Iterator[io.StringIO]:
    """Everything that the process logs, at DEBUG."""
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    file = io.StringIO()
    log.configure("DEBUG", "json", file)
    yield file
    root.setLevel(before[0])
    for handler in set(root.handlers) - set(before[1]):
        root.removeHandler(handler)


def secrets_of(tokens: list[str]) -> set[str]:
    """What of a token must be found nowhere: all of it, its middle, and the parts that it is made of."""
    found: set[str] = set()
    for token in tokens:
        query = dict(parse_qsl(urlsplit(url_of(token)).query))
        found |= {token, token[100:140], query["X-Amz-Signature"], query["X-Amz-Security-Token"]}
    return found


def everywhere(world: World) -> str:
    """All that people have read, and all that stands in the database's files."""
    files = [path.read_bytes().decode("latin-1") for path in world.folder.glob("access.db*")]
    views = [json.dumps(view.body) for view in world.slack.workspace.stack(world.alice.id)]
    return "\n".join([*world.all_read(), *files, *views])


async def test_no_token_is_logged_stored_or_shown(world: World, log_file: io.StringIO) -> None:
    world.rules = BY_CURL
    await world.start()
    nonce = await opened(world)
    tokens = await both(world, nonce, BUILDER)
    wrong = [token[:-4] + "AAAA" for token in tokens]

    answers = [await send(world, nonce, wrong)]
    world.aws.faults.drop("sts", "GetCallerIdentity", times=None)
    answers.append(await send(world, nonce, tokens))
    world.aws.faults.clear()
    answers.append(await send(world, nonce, tokens))
    answers.append(await send(world, nonce, tokens))
    await world.seen(lambda: proofs_in(world), what="the proof")

    assert [answer.text.split(":")[0] for answer in answers] == [
        "not proved",
        "not proved",
        "proved",
        "not proved",
    ]
    told = "\n".join(answer.text for answer in answers)
    logged = log_file.getvalue()
    assert "proof_checked" in logged
    for secret in secrets_of(tokens) | set(wrong):
        assert secret not in logged
        assert secret not in told
        assert secret not in everywhere(world)
    assert nonce not in logged


async def test_a_bug_shows_no_token_either(
    world: World, log_file: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(text: str) -> None:
        raise RuntimeError(f"cannot split {text}")

    world.rules = BY_CURL
    await world.start()
    nonce = await opened(world)
    tokens = await both(world, nonce, BUILDER)
    monkeypatch.setattr(prove_access, "split", broken)

    answer = await send(world, nonce, tokens)

    assert answer.status == 500
    assert "cannot split" in log_file.getvalue()
    for secret in secrets_of(tokens):
        assert secret not in log_file.getvalue()
        assert secret not in answer.text


async def test_a_bug_behind_the_form_shows_no_token_and_gives_a_number(
    world: World, log_file: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(text: str) -> None:
        raise RuntimeError(f"cannot split {text}")

    await world.start()
    await world.granted()
    nonce = nonce_of(await commands(world, world.alice, await world.dm(world.alice, "Verification results")))
    tokens = await both(world, nonce, BUILDER)
    view = world.alice.open_view
    assert view is not None
    monkeypatch.setattr(prove_access, "split", broken)

    await world.alice.select(view, "paste_token", "".join(tokens)[:2_900], block_id="token:0")
    ack = await world.alice.submit(view)
    said = await world.screen(world.alice, "incident")

    assert ack.ok, ack
    assert "Something went wrong" in said
    assert "job_failed" in log_file.getvalue()
    for secret in secrets_of(tokens):
        assert secret not in log_file.getvalue()
        assert secret not in everywhere(world)
