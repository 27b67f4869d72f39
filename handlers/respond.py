"""Answers through a payload's `response_url`: to the person who acted, and to nobody else."""

from typing import Protocol

import aiohttp

from bot.log import get_logger
from handlers.views.parts import Message

log = get_logger(__name__)


class Respond(Protocol):
    """Tell the person behind a payload something that only they see."""

    async def __call__(self, response_url: str, message: Message) -> None: ...


class ResponseUrls:
    """Posts to response_urls over the app's one session: five uses, thirty minutes (docs.slack.dev, interactivity)."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def __call__(self, response_url: str, message: Message) -> None:
        """Send one ephemeral answer; an answer that Slack does not take is logged, there is no other way to it."""
        if not response_url:
            return
        body = {
            "response_type": "ephemeral",
            "replace_original": False,
            "text": message.text,
            "blocks": message.blocks,
        }
        try:
            async with self._session.post(
                response_url, json=body, timeout=aiohttp.ClientTimeout(total=10)
            ) as answer:
                if answer.status != 200:
                    log.warning("answer_refused", status=answer.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("answer_lost", error=type(error).__name__)
