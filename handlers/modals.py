"""Modals that need a look first: opened within Slack's three seconds, and filled when the look is over."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import AccessError
from handlers.errors import slack_errors
from handlers.views.request_form import refused, waiting
from handlers.views.wording import sentence

Draw = Callable[[], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Modals:
    """A trigger lives for three seconds (docs.slack.dev/interactivity/handling-user-interaction)."""

    client: AsyncWebClient
    support: str

    async def open(self, trigger_id: str, draw: Draw, *, title: str) -> None:
        """Show that something comes, then what `draw` gives, or in its place why there is nothing.

        Raises what Slack says against opening it: then there is no view to say anything in.
        """
        with slack_errors():
            opened = await self.client.views_open(trigger_id=trigger_id, view=waiting(title=title))
        try:
            view = await draw()
        except AccessError as error:
            view = refused(sentence(error.code, error.facts, support=self.support), title=title)
        with slack_errors():
            await self.client.views_update(view_id=str(opened["view"]["id"]), view=view)
