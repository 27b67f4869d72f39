"""Slack's errors, translated at one place into ours."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.domain.errors import Code, NotFound, Refusal, Unavailable

PASSING = {
    "ratelimited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
}
"""Errors that Slack asks to try again after."""


@contextmanager
def slack_errors(*, missing: Collection[str] = ()) -> Iterator[None]:
    """Raise `Unavailable` for what passes, `NotFound` for what does not.

    The fact `sent` says whether the call may have had its effect all the same: "no" when Slack answered with
    an error or was never reached, "maybe" when the answer was lost. Errors named in `missing` and every other
    answer of Slack's are `NotFound` with the fact `error`; a missing scope is a `Refusal`.
    """
    try:
        yield
    except SlackApiError as error:
        status = error.response.status_code
        code = str(error.response.get("error", "")) if isinstance(error.response.data, dict) else ""
        if status == 429 or code == "ratelimited":
            retry_after = _seconds(error.response.headers.get("Retry-After"))
            raise Unavailable(Code.SLACK_UNAVAILABLE, sent="no", retry_after=retry_after) from error
        if status >= 500 or not code or code in PASSING:
            raise Unavailable(Code.SLACK_UNAVAILABLE, sent="maybe") from error
        if code in {"missing_scope", "no_permission"} and code not in missing:
            raise Refusal(Code.ACCESS_DENIED, error=code) from error
        raise NotFound(Code.SLACK_UNAVAILABLE, sent="no", error=code) from error
    except aiohttp.ClientConnectorError as error:
        raise Unavailable(Code.SLACK_UNAVAILABLE, sent="no") from error
    except (TimeoutError, SlackClientError, aiohttp.ClientError, OSError) as error:
        raise Unavailable(Code.SLACK_UNAVAILABLE, sent="maybe") from error


def _seconds(header: object) -> int:
    text = header[0] if isinstance(header, list) and header else header
    return int(text) if isinstance(text, str) and text.isdigit() else 1
