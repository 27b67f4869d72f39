"""One call: off the event loop, counted, tried again while that makes sense, and never sent late."""

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, EndpointConnectionError

from bot.adapters.aws.budget import Urgency, background
from bot.adapters.aws.client import MOST_THREADS, AwsClient, Patience
from bot.domain.errors import Code, Misconfigured, Provisioning, Unavailable
from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.server import AwsDouble
from tests.unit.bot.adapters.aws.wiring import maker

Answer = Callable[[], dict[str, Any]]


def refusal(code: str, status: int = 400) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": "Words."},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, "Operation")


class Scripted:
    """Stands in for a boto3 client: gives the scripted answers, then empty ones."""

    def __init__(self, *script: Exception | Answer) -> None:
        self.script = list(script)

    def answer(self, **_: Any) -> dict[str, Any]:
        if not self.script:
            return {}
        answer = self.script.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer()

    put_inline_policy_to_permission_set = list_permission_sets = get_caller_identity = answer


class Time:
    """Seconds that pass only while the client sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


@pytest.fixture
def time() -> Time:
    return Time()


def client(scripted: Scripted, time: Time, **options: Any) -> AwsClient:
    def make(_: str, __: dict[str, str]) -> BaseClient:
        return cast("BaseClient", scripted)

    options = {"jitter": lambda: 1.0} | options
    return AwsClient(make_client=make, now=time.now, sleep=time.sleep, **options)


def put(aws: AwsClient) -> Any:
    return aws.call("sso-admin", "PutInlinePolicyToPermissionSet", urgency=Urgency.WRITE)


async def test_a_conflict_is_tried_again_until_the_earlier_write_has_settled(time: Time) -> None:
    scripted = Scripted(*[refusal("ConflictException")] * 3, lambda: {"done": True})

    async with client(scripted, time) as aws:
        answer = await put(aws)

    assert answer == {"done": True}
    assert time.slept == [0.25, 0.5, 1.0]
    assert aws.calls.of("sso-admin", "PutInlinePolicyToPermissionSet") == 4


async def test_a_conflict_that_stays_is_told_before_the_deadline(time: Time) -> None:
    scripted = Scripted(*[refusal("ConflictException")] * 100)

    async with client(scripted, time, patience=Patience(writes=8.0)) as aws:
        with pytest.raises(Provisioning) as caught:
            await put(aws)

    assert caught.value.code is Code.CONFLICT
    assert 5.0 < time.seconds <= 8.0


@pytest.mark.parametrize(
    "passing",
    [
        refusal("ThrottlingException"),
        refusal("InternalServerException", 500),
        EndpointConnectionError(endpoint_url="x"),
    ],
    ids=str,
)
async def test_what_passes_is_tried_again(time: Time, passing: Exception) -> None:
    async with client(Scripted(passing, lambda: {"done": True}), time) as aws:
        assert await put(aws) == {"done": True}


async def test_a_refusal_is_not_tried_again(time: Time) -> None:
    async with client(Scripted(refusal("AccessDeniedException")), time) as aws:
        with pytest.raises(Provisioning):
            await put(aws)

    assert aws.calls.total() == 1


async def test_pauses_differ_by_chance_so_that_two_who_collided_part(time: Time) -> None:
    async with client(Scripted(*[refusal("ConflictException")] * 2), time, jitter=lambda: 0.0) as aws:
        await put(aws)

    assert time.slept == [0.125, 0.25]


async def test_a_write_is_not_sent_when_its_turn_comes_too_late(time: Time) -> None:
    async with client(Scripted(), time, rate=1, patience=Patience(writes=0.5)) as aws:
        await put(aws)

        with pytest.raises(Unavailable) as caught:
            await put(aws)

    assert caught.value.code is Code.THROTTLED
    assert aws.calls.total() == 1


async def test_background_calls_wait_for_their_turn_without_end(time: Time) -> None:
    async with client(Scripted(), time, rate=1, patience=Patience(reads=0.5)) as aws:
        with background():
            for _ in range(5):
                await aws.call("sso-admin", "ListPermissionSets")

    assert aws.calls.total() == 5
    assert time.seconds == pytest.approx(4.0)


async def test_each_try_takes_a_slot_of_the_budget(time: Time) -> None:
    scripted = Scripted(*[refusal("ConflictException")] * 2)

    async with client(scripted, time, rate=1) as aws:
        await put(aws)

    assert time.seconds == pytest.approx(2.0)


async def test_the_event_loop_goes_on_while_calls_hang(time: Time) -> None:
    release = threading.Event()

    def hang() -> dict[str, Any]:
        release.wait(5)
        return {"done": True}

    async with client(Scripted(*[hang] * MOST_THREADS), time, rate=100) as aws:
        hanging = [asyncio.create_task(aws.call("sts", "GetCallerIdentity")) for _ in range(MOST_THREADS)]
        for _ in range(100):
            await asyncio.sleep(0)
        beats = not any(task.done() for task in hanging)
        release.set()
        answers = await asyncio.gather(*hanging)

    assert beats
    assert answers == [{"done": True}] * MOST_THREADS


async def test_a_thread_that_nobody_waits_for_any_more_stays_taken_until_it_is_free(time: Time) -> None:
    release = threading.Event()
    began = threading.Semaphore(0)

    def hang() -> dict[str, Any]:
        began.release()
        release.wait(5)
        return {}

    async with client(Scripted(*[hang] * MOST_THREADS), time, rate=100) as aws:
        hanging = [asyncio.create_task(aws.call("sts", "GetCallerIdentity")) for _ in range(MOST_THREADS)]
        for _ in hanging:
            await asyncio.to_thread(began.acquire)
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        late = asyncio.create_task(aws.call("sts", "GetCallerIdentity"))
        for _ in range(100):
            await asyncio.sleep(0)
        waits = aws.calls.total() == MOST_THREADS
        release.set()
        await late

    assert waits


async def test_every_attempt_is_told_to_the_metrics(time: Time) -> None:
    seen: list[tuple[str, str, str]] = []

    def observe(service: str, operation: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        seen.append((service, operation, outcome))

    scripted = Scripted(refusal("ConflictException"), EndpointConnectionError(endpoint_url="x"))
    async with client(scripted, time, observe=observe) as aws:
        await put(aws)

    operation = ("sso-admin", "PutInlinePolicyToPermissionSet")
    assert seen == [
        (*operation, "ConflictException"),
        (*operation, "EndpointConnectionError"),
        (*operation, "ok"),
    ]


async def test_after_closing_nothing_is_sent(time: Time) -> None:
    async with client(Scripted(), time) as aws:
        await put(aws)

    with pytest.raises(Unavailable) as caught:
        await put(aws)

    assert caught.value.code is Code.INTERRUPTED


async def test_many_calls_at_once_are_never_throttled_by_the_service(
    double: AwsDouble, org: AwsOrganisation
) -> None:
    org.behaviour.throttle = True

    async with AwsClient(make_client=maker(double.endpoint_url, org.region)) as aws:
        await asyncio.gather(*(aws.call("sso-admin", "ListInstances") for _ in range(30)))

    assert {call.outcome for call in double.calls.of("sso-admin")} == {"ok"}
    assert double.calls.count("sso-admin") == 30


async def test_a_page_of_html_from_a_load_balancer_is_tried_again(double: AwsDouble, aws: AwsClient) -> None:
    double.faults.http("sso-admin", "ListInstances", status=502, times=2)

    answer = await aws.call("sso-admin", "ListInstances")

    assert len(answer["Instances"]) == 1


async def test_a_lost_connection_is_tried_again(double: AwsDouble, aws: AwsClient) -> None:
    double.faults.drop("sso-admin", "ListInstances", when="after")

    answer = await aws.call("sso-admin", "ListInstances")

    assert len(answer["Instances"]) == 1
    assert double.calls.count("sso-admin", "ListInstances") == 2


async def test_botos_own_variables_are_enough(double: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in double.bot_environment().items():
        monkeypatch.setenv(name, value)

    async with AwsClient() as aws:
        answer = await aws.call("sts", "GetCallerIdentity")
        region = await aws.region()

    assert answer["Account"] == double.org.bot_account
    assert region == double.org.region


async def test_a_missing_region_is_told_with_the_setting_that_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    async with AwsClient() as aws:
        with pytest.raises(Misconfigured, match="AWS_DEFAULT_REGION"):
            await aws.call("sso-admin", "ListInstances")


async def test_a_client_can_act_as_somebody_else(double: AwsDouble, org: AwsOrganisation) -> None:
    org.add_account("111111111111")
    org.add_user("alice")
    org.add_permission_set("DataScientist")
    org.assign("alice", "DataScientist", "111111111111")
    credentials = {
        key: str(value) for key, value in org.sign_in("alice", "DataScientist", "111111111111").items()
    }

    async with AwsClient(make_client=maker(double.endpoint_url, org.region)) as aws:
        stranger = await aws.client_as("sts", credentials)
        answer = await aws.call("sts", "GetCallerIdentity", through=stranger)
        aws.forget(stranger)

    assert answer["Account"] == "111111111111"
