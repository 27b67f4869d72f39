"""One look never hides, holds up or breaks another."""

import asyncio
from collections.abc import Sequence

import pytest

from bot.domain.diagnosis import About, Area, Health, Line
from bot.domain.errors import Code, Misconfigured, NotFound, Provisioning, Unavailable
from bot.usecases.doctor import _in_time
from bot.usecases.doctor.aws import principal_of
from bot.usecases.doctor.bounded import each, looked

ME = About(area=Area.AWS, check="caller")


async def failing(error: Exception) -> Sequence[Line]:
    raise error


async def silent() -> Sequence[Line]:
    await asyncio.Event().wait()
    return []


async def well() -> Sequence[Line]:
    return [ME.ok("fine")]


async def test_silence_is_unknown_and_where_nothing_works_without_it_a_failure() -> None:
    (line,) = await looked(ME, silent(), remedy="mend it", patience=0.01)
    (vital,) = await looked(ME, silent(), remedy="mend it", vital=True, patience=0.01)

    assert (line.health, line.known) == (Health.WARNING, False)
    assert vital.health is Health.FAILURE
    assert "no answer within 0.01 seconds" in vital.found


@pytest.mark.parametrize(
    ("error", "health", "found"),
    [
        (Unavailable(Code.THROTTLED), Health.WARNING, "too many requests"),
        (Unavailable(Code.SLACK_UNAVAILABLE), Health.WARNING, "Slack does not answer"),
        (
            NotFound(Code.SLACK_UNAVAILABLE, error="invalid_auth"),
            Health.FAILURE,
            "Slack refuses: invalid_auth",
        ),
        (
            Provisioning(Code.ACCESS_DENIED, reason="not authorized"),
            Health.FAILURE,
            "refused: not authorized",
        ),
        (Misconfigured(["Wrong place. Go elsewhere."]), Health.FAILURE, "Wrong place"),
    ],
)
async def test_each_known_failure_is_a_line(error: Exception, health: Health, found: str) -> None:
    (line,) = await looked(ME, failing(error), remedy="mend it")

    assert line.health is health
    assert found in line.found


async def test_every_problem_of_a_misconfiguration_has_its_line() -> None:
    lines = await looked(ME, failing(Misconfigured(["One.", "Two. Do this."])), remedy="mend it")

    assert [(line.found, line.remedy) for line in lines] == [("One", "mend it"), ("Two", "Do this")]


async def test_a_bug_in_one_look_is_its_own_line_with_an_incident(caplog: pytest.LogCaptureFixture) -> None:
    (line,) = await looked(ME, failing(KeyError("secret thing")), remedy="mend it")

    assert not line.known
    assert "a bug of the doctor" in line.found
    assert "secret thing" not in line.found
    assert "look_failed" in caplog.text


async def test_secrets_in_a_vendors_words_are_left_out() -> None:
    error = Provisioning(Code.ACCESS_DENIED, reason="token xoxb-123456-abcdef is bad")

    (line,) = await looked(ME, failing(error), remedy="mend it")

    assert "xoxb" not in line.found


async def test_many_keep_their_order_and_only_a_few_are_looked_at_at_once() -> None:
    running = most = 0

    async def look(number: int) -> Sequence[Line]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return [ME.ok(str(number))]

    lines = await each(range(20), look, at_once=3)

    assert [line.found for line in lines] == [str(number) for number in range(20)]
    assert most == 3


async def test_what_an_area_has_said_in_time_is_kept() -> None:
    async def slow(lines: list[Line]) -> None:
        lines += await well()
        await silent()

    lines = await _in_time(Area.AWS, slow, 0.01)

    assert [line.known for line in lines] == [True, False]
    assert lines[1].check == "rest"


@pytest.mark.parametrize(
    ("arn", "principal"),
    [
        ("arn:aws:iam::111111111111:user/bot", "arn:aws:iam::111111111111:user/bot"),
        (
            "arn:aws-cn:sts::111111111111:assumed-role/Bot-Role/i-0123",
            "arn:aws-cn:iam::111111111111:role/Bot-Role",
        ),
        ("arn:aws:iam::111111111111:root", None),
        ("arn:aws:sts::111111111111:federated-user/somebody", None),
        ("", None),
    ],
)
def test_who_the_simulator_is_asked_about(arn: str, principal: str | None) -> None:
    assert principal_of(arn) == principal
