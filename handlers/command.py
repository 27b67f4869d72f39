"""`/workbench-access …`: read the first word, hand over to its conversation."""

from dataclasses import dataclass
from typing import Any

from slack_bolt.async_app import AsyncAck

from bot.domain.errors import AccessError
from bot.domain.names import SlackUserId
from bot.usecases.admission import Admission
from handlers.grants import GrantsConversation
from handlers.help import help_for
from handlers.jobs import Jobs
from handlers.payloads import actor
from handlers.request import RequestConversation
from handlers.respond import Respond
from handlers.told import teller, told
from handlers.verify import VerifyConversation
from handlers.views.parts import Message


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandConversation:
    """The slash command. The ack never waits for AWS, Slack or the database."""

    admission: Admission
    jobs: Jobs
    respond: Respond
    request: RequestConversation
    verify: VerifyConversation
    grants: GrantsConversation
    support: str

    async def on_command(self, ack: AsyncAck, command: dict[str, Any]) -> None:
        """Acknowledge and go on in the background; help for people known to be ours comes with the ack."""
        word, _, rest = str(command.get("text") or "").strip().partition(" ")
        word, rest = word.lower(), rest.strip()
        user = actor(command).user
        response_url = str(command.get("response_url") or "")
        match word:
            case "request":
                await ack()
                self.request.start(user, str(command.get("trigger_id") or ""), wanted=rest)
            case "verify":
                await ack()
                self.verify.start(user, rest, response_url)
            case "status":
                await ack()
                self.grants.status(user, rest, response_url)
            case "revoke":
                await ack()
                self.grants.revoke(
                    user,
                    rest,
                    trigger_id=str(command.get("trigger_id") or ""),
                    channel=str(command.get("channel_id") or ""),
                    response_url=response_url,
                )
            case _:
                if self.admission.known(user) is not None:
                    message = help_for(word, support=self.support)
                    await ack(text=message.text, blocks=message.blocks, response_type="ephemeral")
                else:
                    await ack()
                    self.jobs.start(
                        self._help(user, word, response_url),
                        name="help",
                        tell=teller(self.respond, response_url, support=self.support),
                    )

    async def _help(self, user: SlackUserId, word: str, response_url: str) -> None:
        await self.respond(response_url, await self._helpful(user, word))

    async def _helpful(self, user: SlackUserId, word: str) -> Message:
        try:
            await self.admission.person(user)
        except AccessError as error:
            return told(error, support=self.support)
        return help_for(word, support=self.support)
