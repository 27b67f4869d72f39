"""`/workbench-access verify [account]`: the self-check, answered to the caller alone."""

import re
from dataclasses import dataclass

from bot.domain.errors import AccessError, Code, Refusal
from bot.domain.names import AccountId, SlackUserId
from bot.ports.identity_center import Directory
from bot.usecases.self_check import SelfCheck
from handlers.jobs import Jobs
from handlers.respond import Respond
from handlers.told import teller, told
from handlers.views.parts import Message
from handlers.views.self_check import self_check_message


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyConversation:
    """Reads only, so a kill in the middle loses nothing but the answer."""

    self_check: SelfCheck
    directory: Directory
    jobs: Jobs
    respond: Respond
    support: str

    def start(self, user: SlackUserId, text: str, response_url: str) -> None:
        """Check in the background, then answer."""
        self.jobs.start(
            self._check(user, text, response_url),
            name="verify",
            tell=teller(self.respond, response_url, support=self.support),
        )

    async def _check(self, user: SlackUserId, text: str, response_url: str) -> None:
        await self.respond(response_url, await self._answer(user, text))

    async def _answer(self, user: SlackUserId, text: str) -> Message:
        try:
            account = _account(text)
            reports = await self.self_check(user, account)
        except AccessError as error:
            return told(error, support=self.support)
        accounts = {v.target.account for report in reports for v in report.verifications}
        names = {account: self.directory.account_name(account) for account in accounts}
        return self_check_message(
            [(report.permission_set, report.verifications) for report in reports],
            account_names=names,
            support=self.support,
            prove_in=account,
        )


def _account(text: str) -> AccountId | None:
    if not text:
        return None
    digits = text.replace("-", "").replace(" ", "")
    if not re.fullmatch(r"[0-9]{12}", digits, re.ASCII):
        raise Refusal(Code.ACCOUNT_NOT_OFFERED, account=text[:40])
    return AccountId(digits)
