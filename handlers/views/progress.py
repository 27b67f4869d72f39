"""One message in the card's thread, edited in place while AWS is being changed."""

from collections import Counter
from enum import StrEnum
from typing import Final

from bot.domain.grant import Grant, GrantStatus, Push, PushStatus
from bot.domain.messages import Story
from bot.domain.names import AccountId
from handlers.views.escape import mrkdwn, one_line
from handlers.views.facts_parts import account_of
from handlers.views.parts import Message, bold, counted, message, section, sections
from handlers.views.status import Phase, phase_of
from handlers.views.wording import sentence_mrkdwn

_ACCOUNT: Final = 60


class Step(StrEnum):
    """How far one account is."""

    WAITING = "waiting"
    PROVISIONING = "provisioning"
    CONFIRMING = "confirming"
    DONE = "done"
    FAILED = "failed"
    ENDING = "ending"
    ENDED = "ended"


_SHOWN: Final[dict[Step, str]] = {
    Step.WAITING: "⏳ Waiting",
    Step.PROVISIONING: "🔄 Provisioning",
    Step.CONFIRMING: "🔎 Provisioned, being read back",
    Step.DONE: "✅ Done",
    Step.FAILED: "⛔ Failed",
    Step.ENDING: "🔄 Ending",
    Step.ENDED: "⏹️ Ended",
}


def progress(story: Story, *, support: str) -> Message:
    """How far each account is. An account is done when AWS has confirmed all of its roles, never before."""
    request = story.request
    steps = {account: _step(story, account) for account in _accounts(story)}
    done = sum(step in _SETTLED for step in steps.values())
    accounts = counted(len(steps), "account")
    head = f"{_doing(story)} {bold(request.ask.permission_set)}: {done} of {accounts} finished"
    blocks = [section(f"{bold(request.label)} · {head}")]
    if story.stopped is not None and phase_of(story) is Phase.STOPPED:
        reason = story.stopped.reason
        known = {"permission_set": request.ask.permission_set, "reason": reason, "detail": reason}
        blocks.append(section(f"✋ *Stopped:* {sentence_mrkdwn(story.stopped.code, known, support=support)}"))
    blocks += sections(f"{_SHOWN[step]}: {mrkdwn(_short(story, account))}" for account, step in steps.items())
    tally = Counter(steps.values())
    counts = ", ".join(f"{tally[step]} {step.value}" for step in Step if tally[step])
    name = mrkdwn(one_line(request.ask.permission_set, 80))
    return message(f"{request.label}: {_doing(story).lower()} {name}. Accounts: {counts or 'none'}.", blocks)


_SETTLED: Final = frozenset({Step.DONE, Step.FAILED, Step.ENDED})


def _doing(story: Story) -> str:
    match phase_of(story):
        case Phase.ENDING:
            return "Ending access of"
        case Phase.ENDED:
            return "Ended access of"
        case Phase.ALREADY_ALLOWED:
            return "Looked at"
        case Phase.ACTIVE | Phase.PARTLY_FAILED:
            return "Changed"
        case Phase.FAILED:
            return "Tried to change"
        case _:
            return "Changing"


def _accounts(story: Story) -> tuple[AccountId, ...]:
    return tuple(dict.fromkeys(target.account for target in story.request.ask.targets))


def _short(story: Story, account: AccountId) -> str:
    return one_line(account_of(story, account), _ACCOUNT)


def _step(story: Story, account: AccountId) -> Step:
    """The account's slowest grant decides; a push counts only if it began after the grant was wanted."""
    grants = [grant for grant in story.grants if grant.target.account == account]
    statuses = {grant.status for grant in grants}
    if not grants:
        return Step.WAITING
    if GrantStatus.PROVISIONING in statuses:
        push = next((each for each in story.pushes if each.account == account), None)
        return _travelling(push, [grant for grant in grants if grant.status is GrantStatus.PROVISIONING])
    if GrantStatus.ENDING in statuses:
        return Step.ENDING
    if GrantStatus.FAILED in statuses:
        return Step.FAILED
    return Step.DONE if GrantStatus.ACTIVE in statuses else Step.ENDED


def _travelling(push: Push | None, waiting: list[Grant]) -> Step:
    """Where a grant that is wanted has got to, by the account's latest provisioning."""
    if push is None or push.started_at is None or push.levelling:
        return Step.WAITING  # a levelling was begun for nobody's grant
    if push.status is PushStatus.IN_PROGRESS:
        return Step.PROVISIONING
    wanted_at = max(grant.wanted_at for grant in waiting)
    if push.status is PushStatus.SUCCEEDED and push.started_at >= wanted_at:
        return Step.CONFIRMING
    return Step.WAITING
