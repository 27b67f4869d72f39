"""A day and an hour before access ends, its requester is told, with ways to extend it or to give it back."""

from datetime import timedelta
from typing import Final

from slack_sdk.models.blocks import Block

from bot.domain.grant import GrantStatus
from bot.domain.messages import Story
from handlers import ids
from handlers.views.escape import mrkdwn, one_line
from handlers.views.outcome import LAST_HOUR, done_button
from handlers.views.parts import (
    Message,
    bold,
    button,
    buttons,
    context,
    counted,
    header,
    message,
    section,
    sections,
    span_words,
    when,
)
from handlers.views.status import ends
from handlers.views.targets import extent, grant_rows, shorten

_TARGETS: Final = 3_000
_QUARTER: Final = 15


def reminder(story: Story, *, support: str) -> Message:
    """By direct message to the requester, about what is active and has an end that is still to come."""
    request = story.request
    ending = [
        grant
        for grant in story.grants
        if grant.status is GrantStatus.ACTIVE and grant.ends_at is not None and grant.ends_at > story.at
    ]
    soonest = min((grant.ends_at for grant in ending if grant.ends_at is not None), default=None)
    if soonest is None:
        text = f"Nothing of {request.label} is about to end: its access has ended already, or has no end."
        return message(text, [section(text)])
    what = extent([grant.target for grant in ending])
    about = _about(soonest - story.at)
    the_end = "ends" if len({grant.ends_at for grant in ending}) == 1 else "begins to end"
    blocks: list[Block] = [
        header(f"{request.label} · Your access ends soon"),
        section(
            f"⏰ *Ends in {about}*: {what} with {bold(request.ask.permission_set)}, {ends(ending)}. "
            "It ends by itself; you need not do anything."
        ),
        *sections(
            shorten(
                grant_rows(story, ending, you=True),
                characters=_TARGETS,
                more=f"`{ids.COMMAND} status {request.label}`",
            )
        ),
    ]
    already = sum(grant.already_allowed for grant in ending)
    if already:
        blocks.append(
            section(
                f"For {already} of {counted(len(ending), 'role')} nothing was written, because another statement "
                "of the policy, which this bot does not touch, allowed it already. That one may go on allowing it."
            )
        )
    blocks += [
        section(
            "*Extend* opens a new request, which needs approval like the first. "
            "*I'm done* gives the access back now; you are asked once more first."
        ),
        buttons(
            button(
                "Extend",
                ids.ACTION_EXTEND,
                str(request.id),
                names=f"Extend {request.label} with a new request",
                style="primary",
            ),
            done_button(request),
        ),
        context(f"{LAST_HOUR} Questions? Ask {mrkdwn(one_line(support, 100))}."),
    ]
    name = mrkdwn(one_line(request.ask.permission_set, 80))
    return message(
        f"{request.label}: your access to {what} with {name} {the_end} in {about}, {when(soonest)}.", blocks
    )


def _about(left: timedelta) -> str:
    """ "1 day" for 23 hours and 58 minutes: reminders are sent a moment after they are due."""
    minutes = max(round(left.total_seconds() / 60), 1)
    if minutes > _QUARTER:
        minutes = round(minutes / _QUARTER) * _QUARTER
    return span_words(timedelta(minutes=minutes))
