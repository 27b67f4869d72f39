"""What still allows the same after an end: told wherever access ends, so that "ended" is never read as "none"."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from bot.domain.grant import Grant
from bot.domain.messages import Still, Story
from bot.domain.request import RequestId, Target, label
from handlers.views.escape import mrkdwn
from handlers.views.facts_parts import account_of
from handlers.views.parts import bold, code, counted, listed, person, when

_SHOWN: Final = 5
_TARGETS: Final = 3


def kept(story: Story, ending: Iterable[Grant]) -> list[Still]:
    """What other requests go on allowing the requester of what `ending` covers; what is over by now is left out."""
    over = {grant.target for grant in ending}
    return [
        each
        for each in story.still
        if Target(account=each.account, role=each.role) in over
        and (each.ends_at is None or each.ends_at > story.at)
    ]


def still_lines(story: Story, found: Iterable[Still], *, you: bool) -> list[str]:
    """ "You still have it through WA-9 until …", one line per request and end, as mrkdwn."""
    through: dict[tuple[RequestId, datetime | None], list[Target]] = {}
    for each in found:
        targets = through.setdefault((each.request, each.ends_at), [])
        target = Target(account=each.account, role=each.role)
        if target not in targets:
            targets.append(target)
    if not through:
        return []
    who = "You still have" if you else f"{person(story.request.ask.requester)} still has"
    lines = [
        f"• {who} it through {bold(label(request))}, {_until(ends_at)}: {_which(story, targets)}"
        for (request, ends_at), targets in list(through.items())[:_SHOWN]
    ]
    if len(through) > _SHOWN:
        lines.append(f"• … and through {counted(len(through) - _SHOWN, 'more request')}")
    return ["✅ *Kept through other requests:*", *lines]


def _which(story: Story, targets: list[Target]) -> str:
    return listed(
        [f"{code(each.role)} in {mrkdwn(account_of(story, each.account))}" for each in targets], _TARGETS
    )


def _until(ends_at: datetime | None) -> str:
    return "with no end" if ends_at is None else f"until {when(ends_at)}"
