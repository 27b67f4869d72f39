"""The Home tab of the app: what one has, what waits for one, and where to begin."""

from collections.abc import Sequence
from typing import Final

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

from bot.domain.messages import Story
from bot.domain.request import Unreadable
from handlers import ids
from handlers.views.escape import mrkdwn, one_line
from handlers.views.overview import lists
from handlers.views.parts import Json, button, buttons, context, header, section

_WELCOME: Final = (
    "Ask for access to the AWS roles of Workbench. An approver decides here in Slack; you read when the access "
    "is there, what was checked, and when it ends."
)


def home_tab(
    mine: Sequence[Story],
    waiting: Sequence[Story],
    *,
    may_diagnose: bool,
    aws_answers: bool,
    support: str,
    unreadable: Sequence[Unreadable] = (),
    unlisted: int = 0,
    is_cut: bool = False,
) -> Json:
    """One's own requests, newest first; for approvers also what waits for them, and the doctor."""
    own = sorted(mine, key=lambda story: story.request.id, reverse=True)
    asked = sorted(waiting, key=lambda story: story.request.id)
    ask = button(
        "Request access", ids.ACTION_REQUEST, "home", names="Request Workbench access", style="primary"
    )
    doctor = button("Run doctor", ids.ACTION_DOCTOR, "home", names="Run the doctor: is the bot well set up?")
    blocks: list[Block] = [
        header("Workbench Access"),
        section(_WELCOME),
        buttons(ask, doctor) if may_diagnose else buttons(ask),
    ]
    if not aws_answers:
        text = "⚠️ *AWS does not answer at the moment.* What you ask for is kept, and done once it answers."
        blocks.append(section(text))
    listed = lists(own, asked, unreadable, unlisted=unlisted, is_cut=is_cut)
    return _home([*blocks, *listed, _closing(support)])


def sorry_tab(words: str, *, support: str) -> Json:
    """Why there is nothing to see here; `words` is plain text."""
    return _home(
        [
            header("Workbench Access"),
            section(f"⚠️ *Not now:* {mrkdwn(one_line(words), 2_000)}"),
            _closing(support),
        ]
    )


def _closing(support: str) -> Block:
    return context(
        f"Only you see this. It is read anew whenever you open it. Questions? Ask {mrkdwn(one_line(support, 100))}."
    )


def _home(blocks: Sequence[Block]) -> Json:
    return View(type="home", blocks=blocks).to_dict()
