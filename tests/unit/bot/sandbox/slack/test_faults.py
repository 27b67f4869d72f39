"""Slack can be made to fail in every way that a network and a rate limit can."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncConnectionErrorRetryHandler
from slack_sdk.http_retry.builtin_interval_calculators import FixedValueRetryIntervalCalculator

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

    from bot.sandbox.slack.actor import Actor
    from bot.sandbox.slack.server import SlackDouble
    from tests.unit.bot.sandbox.slack.conftest import FakeClock

APPROVALS = "C0APPROVALS"


async def post(client: AsyncWebClient, text: str = "x") -> None:
    await client.chat_postMessage(channel=APPROVALS, text=text)


async def test_a_rate_limit_on_command_answers_429_with_retry_after(
    slack: SlackDouble, client: AsyncWebClient, ada: Actor
) -> None:
    slack.faults.rate_limit("chat.postMessage", retry_after=7)

    with pytest.raises(SlackApiError) as caught:
        await post(client)
    await post(client)

    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "7")
    assert [call.outcome for call in slack.calls] == ["ratelimited", "ok"]
    assert len(ada.messages(APPROVALS)) == 1


async def test_a_fault_hits_its_method_only_and_as_often_as_told(
    slack: SlackDouble, client: AsyncWebClient
) -> None:
    slack.faults.error("chat.postMessage", "fatal_error", times=2)

    await client.auth_test()
    for _ in range(2):
        with pytest.raises(SlackApiError, match="fatal_error"):
            await post(client)
    await post(client)

    assert slack.calls.counters() == {
        ("auth.test", "ok"): 1,
        ("chat.postMessage", "fatal_error"): 2,
        ("chat.postMessage", "ok"): 1,
    }


async def test_a_fault_may_wait_for_certain_arguments(slack: SlackDouble, client: AsyncWebClient) -> None:
    fault = slack.faults.error("chat.postMessage", "fatal_error")
    fault.fits = lambda args: args["text"] == "second"

    await post(client, "first")
    with pytest.raises(SlackApiError):
        await post(client, "second")

    assert fault.hit == 1


async def test_a_server_error_may_come_before_or_after_the_effect(
    slack: SlackDouble, client: AsyncWebClient, ada: Actor
) -> None:
    slack.faults.server_error("chat.postMessage")
    with pytest.raises(SlackApiError):
        await post(client, "lost")
    slack.faults.server_error("chat.postMessage", when="after", status=503)
    with pytest.raises(SlackApiError):
        await post(client, "posted")

    assert [message.text for message in ada.messages(APPROVALS)] == ["posted"]


async def test_a_connection_dropped_before_the_effect_posts_nothing(
    slack: SlackDouble, client: AsyncWebClient, ada: Actor
) -> None:
    slack.faults.drop("chat.postMessage")

    with pytest.raises(aiohttp.ClientError):
        await post(client)

    assert ada.messages(APPROVALS) == []
    assert slack.calls.count("chat.postMessage", outcome="dropped") == 1


async def test_a_connection_dropped_after_the_effect_posts_twice_for_who_simply_retries(
    slack: SlackDouble, client: AsyncWebClient, ada: Actor
) -> None:
    at_once = FixedValueRetryIntervalCalculator(fixed_internal=0)
    client.retry_handlers.append(AsyncConnectionErrorRetryHandler(interval_calculator=at_once))
    slack.faults.drop("chat.postMessage", when="after")

    await post(client)

    assert len(ada.messages(APPROVALS)) == 2


async def test_a_call_hangs_until_it_is_released(
    slack: SlackDouble, client: AsyncWebClient, ada: Actor
) -> None:
    fault = slack.faults.hang("chat.postMessage")
    posting = asyncio.ensure_future(post(client))
    await slack.wait_for(lambda: slack.calls.count("chat.postMessage"))
    before = len(ada.messages(APPROVALS))

    fault.release()
    await posting

    assert (before, len(ada.messages(APPROVALS))) == (0, 1)


async def test_a_call_may_hang_with_its_effect_already_there(
    slack: SlackDouble, client: AsyncWebClient, ada: Actor
) -> None:
    slack.faults.hang("chat.postMessage", when="after")
    posting = asyncio.ensure_future(post(client))

    await slack.wait_for(lambda: ada.messages(APPROVALS))
    assert not posting.done()
    slack.faults.clear()
    await posting


async def test_a_call_hangs_for_a_while(slack: SlackDouble, client: AsyncWebClient) -> None:
    slack.faults.hang(seconds=0.01)

    await client.auth_test()

    assert slack.calls.count(outcome="ok") == 1


async def test_a_call_whose_caller_gave_up_has_no_effect(
    slack: SlackDouble, client: AsyncWebClient, ada: Actor
) -> None:
    fault = slack.faults.hang("chat.postMessage")
    posting = asyncio.ensure_future(post(client))
    await slack.wait_for(lambda: slack.calls.count("chat.postMessage"))
    posting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await posting
    # A second call on the same loop lets the server notice the closed connection.
    await client.auth_test()

    fault.release()
    await slack.wait_for(lambda: slack.calls.count("chat.postMessage", outcome="abandoned"))

    assert ada.messages(APPROVALS) == []


async def test_a_channel_takes_a_short_burst_and_then_one_message_a_second(
    slack: SlackDouble, client: AsyncWebClient, clock: FakeClock
) -> None:
    slack.faults.enforce_rate_limits = True
    for _ in range(5):
        await post(client)

    with pytest.raises(SlackApiError, match="ratelimited"):
        await post(client)
    await client.chat_postMessage(channel="U0ALICE", text="another channel")
    clock.now += 1
    await post(client)

    assert slack.calls.count(outcome="ratelimited") == 1


async def test_edits_are_limited_to_fifty_a_minute_for_the_whole_app(
    slack: SlackDouble, client: AsyncWebClient, clock: FakeClock
) -> None:
    slack.faults.enforce_rate_limits = True
    posted = await client.chat_postMessage(channel=APPROVALS, text="0")
    for number in range(50):
        await client.chat_update(channel=APPROVALS, ts=posted["ts"], text=str(number))

    clock.now += 20
    with pytest.raises(SlackApiError) as caught:
        await client.chat_update(channel=APPROVALS, ts=posted["ts"], text="51")
    clock.now += 40
    await client.chat_update(channel=APPROVALS, ts=posted["ts"], text="51")

    assert caught.value.response.headers["Retry-After"] == "40"
