"""Slack's errors, translated at one place: what passes, what does not, and whether it may have happened."""

import asyncio

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError, SlackClientError, SlackRequestError

from bot.domain.errors import AccessError, Code, NotFound, Refusal, Unavailable
from handlers.errors import PASSING, slack_errors
from tests.fakes.slack_client import api_error


def translated(error: BaseException, *missing: str) -> AccessError:
    with pytest.raises(AccessError) as caught, slack_errors(missing=missing):
        raise error
    assert caught.value.__cause__ is error
    return caught.value


@pytest.mark.parametrize(
    ("error", "family", "code", "facts"),
    [
        (api_error("ratelimited", status=429), Unavailable, Code.SLACK_UNAVAILABLE, ("no", 1)),
        (
            api_error("ratelimited", status=429, headers={"Retry-After": "30"}),
            Unavailable,
            Code.SLACK_UNAVAILABLE,
            ("no", 30),
        ),
        (
            api_error("ratelimited", headers={"Retry-After": ["7"]}),
            Unavailable,
            Code.SLACK_UNAVAILABLE,
            ("no", 7),
        ),
        (
            api_error(None, status=429, headers={"Retry-After": "soon"}),
            Unavailable,
            Code.SLACK_UNAVAILABLE,
            ("no", 1),
        ),
        (api_error("internal_error", status=500), Unavailable, Code.SLACK_UNAVAILABLE, ("maybe", None)),
        (api_error("internal_error"), Unavailable, Code.SLACK_UNAVAILABLE, ("maybe", None)),
        (
            api_error(None, status=503, data="<html>"),
            Unavailable,
            Code.SLACK_UNAVAILABLE,
            ("maybe", None),
        ),
        (api_error(None, status=200), Unavailable, Code.SLACK_UNAVAILABLE, ("maybe", None)),
        (api_error("channel_not_found"), NotFound, Code.SLACK_UNAVAILABLE, ("no", None)),
        (api_error("missing_scope"), Refusal, Code.ACCESS_DENIED, (None, None)),
        (api_error("no_permission"), Refusal, Code.ACCESS_DENIED, (None, None)),
    ],
)
def test_an_answer_of_slacks_belongs_to_a_family(
    error: SlackApiError, family: type[AccessError], code: Code, facts: tuple[object, object]
) -> None:
    told = translated(error)

    assert type(told) is family
    assert told.code is code
    assert (told.facts.get("sent"), told.facts.get("retry_after")) == facts


@pytest.mark.parametrize("passing", sorted(PASSING))
def test_what_slack_asks_to_try_again_after_passes(passing: str) -> None:
    assert type(translated(api_error(passing))) is Unavailable


@pytest.mark.parametrize("error", ["channel_not_found", "missing_scope"])
def test_what_the_caller_calls_missing_is_not_found_with_its_name(error: str) -> None:
    told = translated(api_error(error), error)

    assert type(told) is NotFound
    assert told.facts["error"] == error


@pytest.mark.parametrize(
    "error",
    [
        TimeoutError(),
        SlackClientError("?"),
        SlackRequestError("?"),
        aiohttp.ServerDisconnectedError(),
        ConnectionResetError(),
        OSError(),
    ],
)
def test_a_lost_answer_may_have_been_an_answer(error: Exception) -> None:
    told = translated(error)

    assert type(told) is Unavailable
    assert told.facts["sent"] == "maybe"


def test_a_connection_that_was_never_made_sent_nothing() -> None:
    key = aiohttp.client_reqrep.ConnectionKey("slack.test", 443, True, True, None, None, None)
    told = translated(aiohttp.ClientConnectorError(key, OSError("refused")))

    assert (type(told), told.facts["sent"]) == (Unavailable, "no")


@pytest.mark.parametrize(
    "error", [ValueError("a bug"), KeyError("x"), asyncio.CancelledError(), Refusal(Code.GUEST)]
)
def test_everything_else_passes_through_untouched(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, slack_errors():
        raise error

    assert caught.value is error


def test_without_an_error_nothing_happens() -> None:
    with slack_errors():
        pass
