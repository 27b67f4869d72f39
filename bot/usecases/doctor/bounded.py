"""One look at one thing: bounded in time, and whatever goes wrong in it is its own line."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from secrets import token_hex
from typing import TypeVar

from bot.domain.diagnosis import About, Line
from bot.domain.errors import AccessError, Code, Misconfigured, Unavailable
from bot.log import get_logger, redact

log = get_logger(__name__)

T = TypeVar("T")

PATIENCE = 8.0
"""Seconds for one look. AWS and Slack answer in well under one."""

LONGEST_REASON = 300


async def looked(
    about: About,
    look: Awaitable[Sequence[Line]],
    *,
    remedy: str,
    vital: bool = False,
    silent: str = "check the network and the service's status page, then run the doctor again",
    patience: float = PATIENCE,
) -> list[Line]:
    """The lines of a look, or one line that says why there are none.

    `remedy` is for a refusal, `silent` for no answer. Without an answer the line is unknown; where the check
    is `vital` it is a failure: the bot cannot work without that answer.
    """
    try:
        async with asyncio.timeout(patience):
            return list(await look)
    except TimeoutError:
        found = f"no answer within {patience:g} seconds"
    except Unavailable as error:
        found = words(error)
    except AccessError as error:
        return [about.failure(words(error), remedy)]
    except Misconfigured as wrong:
        return [about.failure(*split(problem, remedy)) for problem in wrong.problems]
    except Exception as error:  # noqa: BLE001 -- one look's bug must not hide what the others found
        incident = token_hex(4)
        log.bug("look_failed", error, check=about.check, subject=about.subject, incident=incident)
        return [about.unknown(f"a bug of the doctor ({incident})", "report it with the log's traceback")]
    return [about.failure(found, silent) if vital else about.unknown(found, silent)]


async def each(
    items: Iterable[T], look: Callable[[T], Awaitable[Sequence[Line]]], *, at_once: int
) -> list[Line]:
    """Look at many, a few at a time; the lines keep the order of the items."""
    gate = asyncio.Semaphore(at_once)

    async def one(item: T) -> Sequence[Line]:
        async with gate:
            return await look(item)

    return [line for lines in await asyncio.gather(*map(one, items)) for line in lines]


def words(error: AccessError) -> str:
    """What happened, for the operator; the vendor's own words last."""
    said = str(error.facts.get("reason") or error.facts.get("error") or "")
    said = " ".join(redact(said).split())[:LONGEST_REASON]
    match error.code:
        case Code.ACCESS_DENIED:
            what = "refused"
        case Code.THROTTLED:
            what = "refused for now, too many requests"
        case Code.AWS_UNAVAILABLE:
            what = "AWS does not answer"
        case Code.SLACK_UNAVAILABLE if isinstance(error, Unavailable):
            what = "Slack does not answer"
        case Code.STORE_UNAVAILABLE:
            what = "the database does not answer"
        case Code.INTERRUPTED:
            what = "interrupted, the process stops"
        case Code.SLACK_UNAVAILABLE:
            what = "Slack refuses"
        case _:
            what = error.code.value.replace("_", " ")
    return f"{what}: {said}" if said else what


def split(problem: str, otherwise: str) -> tuple[str, str]:
    """A problem of the configuration as what is wrong and what to do.

    Problems end in their example, or in a sentence that says what to set or run.
    """
    text = redact(problem)
    wrong, example, remedy = text.partition(" Example: ")
    if example:
        return wrong.rstrip("."), remedy
    wrong, more, remedy = text.rstrip(".").rpartition(". ")
    if more:
        return wrong, remedy
    return text.rstrip("."), otherwise
