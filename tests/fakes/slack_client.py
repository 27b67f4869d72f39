"""A Web API client that answers as it is told, and remembers what it was asked."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, cast

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse


def api_error(
    error: str | None, *, status: int = 200, headers: Mapping[str, object] | None = None, data: object = None
) -> SlackApiError:
    """What the SDK raises when Slack's answer is not ok."""
    body = data if data is not None else ({"ok": False, "error": error} if error is not None else {})
    response = AsyncSlackResponse(
        client=None,
        http_verb="POST",
        api_url="https://slack.test/api/x",
        req_args={},
        data=cast("dict[str, Any]", body),
        headers=dict(headers or {}),
        status_code=status,
    )
    return SlackApiError("not ok", response)  # type: ignore[no-untyped-call]


class FakeClient:
    """Answers per method in turn; the last one stands. An exception is raised."""

    def __init__(self, **answers: object) -> None:
        self.answers: dict[str, list[object]] = {
            name: list(each) if isinstance(each, list) else [each] for name, each in answers.items()
        }
        self.calls: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)

    def __getattr__(self, name: str) -> Any:
        async def call(**arguments: Any) -> object:
            self.calls[name].append(arguments)
            scripted = self.answers.get(name, [{"ok": True}])
            answer = scripted.pop(0) if len(scripted) > 1 else scripted[0]
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return call

    @property
    def as_client(self) -> AsyncWebClient:
        return cast("AsyncWebClient", self)
