"""The modal that asks once more before access ends: of its requester a yes, of an approver a reason."""

import json
from typing import Final

from slack_sdk.models.blocks import Block, InputBlock, PlainTextInputElement

from bot.domain.grant import Grant, GrantStatus, can_end
from bot.domain.messages import Story
from bot.domain.names import ChannelId, SlackUserId
from bot.domain.request import REASON_LIMIT, Scope
from handlers import ids
from handlers.views import facts_parts
from handlers.views.deny_form import KEY_CHANNEL, KEY_REQUEST
from handlers.views.parts import Json, bold, counted, modal, person, section, sections, when, words
from handlers.views.standing import OPEN_SESSIONS
from handlers.views.status import Phase, phase_of
from handlers.views.still import kept, still_lines
from handlers.views.targets import extent, grant_rows, shorten

_TARGETS: Final = 2_400


def end_form(story: Story, *, by_requester: bool, channel: ChannelId | SlackUserId) -> Json:
    """Asks once more; `private_metadata` is JSON with the request's number and the channel for the answer.

    Where nothing can end any more, a note says so instead: buttons stay on messages that are not redrawn.
    """
    request = story.request
    title = f"{'Give back' if by_requester else 'Take away'} {request.label}"
    ending = [grant for grant in story.grants if can_end(grant)]
    if not ending:
        note = section(f"ℹ️ *Nothing to end:* {_nothing(story, by_requester=by_requester)}")
        return modal(title=title, blocks=[note], callback_id=ids.VIEW_NOTE)
    blocks: list[Block] = [
        section(_question(story, ending, by_requester=by_requester)),
        section(_whom(story, ending, by_requester=by_requester)),
        *sections(
            shorten(
                grant_rows(story, ending, you=by_requester),
                characters=_TARGETS,
                more="`/workbench-access status`",
            )
        ),
        section("\n".join(_after(ending))),
    ]
    if lines := still_lines(story, kept(story, ending), you=by_requester):
        blocks += sections(lines)
    if not by_requester:
        blocks.append(_reason())
    return modal(
        title=title,
        submit="Give it back" if by_requester else "Take it away",
        close="Keep it",
        callback_id=ids.VIEW_END,
        private_metadata=json.dumps({KEY_REQUEST: request.id, KEY_CHANNEL: channel}),
        blocks=blocks,
    )


def _question(story: Story, ending: list[Grant], *, by_requester: bool) -> str:
    request = story.request
    what = f"{extent([grant.target for grant in ending])}, with {bold(request.ask.permission_set)}"
    if by_requester:
        return f"Do you want to give back what {bold(request.label)} opened? It is {what}."
    whose = person(request.ask.requester)
    return f"Do you want to take away what {bold(request.label)}, asked for by {whose}, opened? It is {what}."


def _whom(story: Story, ending: list[Grant], *, by_requester: bool) -> str:
    """From whom: an "Everyone" grant is shared, which its requester may have forgotten."""
    request, facts = story.request, story.request.facts
    if all(grant.already_allowed for grant in ending):
        return "*Who loses it:* perhaps nobody, since AWS allowed all of it without this request."
    if request.ask.scope is Scope.ONLY_ME:
        who = "you" if by_requester else person(request.ask.requester)
        return f"*Who loses it:* only {who}; nobody else has it through this request."
    besides = "you" if by_requester else person(request.ask.requester)
    everyone = (
        f"⚠️ *Who loses it:* not only {besides}. It was opened for everyone with this permission set, and all "
        "of them lose it too"
    )
    if facts is None or facts.holders is None:
        return f"{everyone}; how many people that are is not known."
    return f"{everyone}: {facts_parts.holders(facts.holders)} (counted {when(facts.checked_at)})."


def _after(ending: list[Grant]) -> list[str]:
    """What happens then, and what does not."""
    already = sum(grant.already_allowed for grant in ending)
    coming = sum(grant.status is GrantStatus.PROVISIONING for grant in ending)
    lines = [
        "It is over once AWS has confirmed it, and a message says so. To have it again takes a new request.",
        OPEN_SESSIONS,
    ]
    if coming:
        lines.append(
            f"{counted(coming, 'role is', 'roles are')} still being provisioned; that is called off."
        )
    if already:
        lines.append(
            f"For {already} of {counted(len(ending), 'role')} nothing was written: another statement of the "
            "policy, which this bot does not touch, allowed it already and may go on allowing it."
        )
    lines.append("What other requests allow stays as it is.")
    return lines


def _reason() -> InputBlock:
    return InputBlock(
        block_id=ids.BLOCK_REASON,
        label=words("Reason", 2_000),
        hint=words("The requester reads it, and it is kept in the history of the request.", 2_000),
        element=PlainTextInputElement(
            action_id=ids.ACTION_REASON,
            multiline=True,
            max_length=REASON_LIMIT,
            focus_on_load=True,
            placeholder=words("Why do you take this access away?", 150),
        ),
    )


def _nothing(story: Story, *, by_requester: bool) -> str:
    """Why there is nothing to end, as far as the story knows."""
    name = bold(story.request.label)
    match phase_of(story):
        case Phase.PREPARING | Phase.PENDING:
            how = "cancel it in your direct message about it" if by_requester else "deny it on its card"
            return f"nobody has decided {name} yet. You can {how}."
        case Phase.DENIED | Phase.CANCELLED | Phase.EXPIRED:
            return f"{name} has opened no access."
        case Phase.ENDING:
            return f"{name} is being ended already. A message says so once AWS has confirmed it."
        case Phase.ENDED:
            return f"{name} has ended already."
        case _:
            return f"of {name} nothing stands in the policy that could be taken away."
