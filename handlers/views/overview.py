"""The answers of `/workbench-access status`: everything that concerns the caller, or one request as a whole."""

from collections.abc import Sequence
from typing import Final, assert_never

from slack_sdk.models.blocks import Block, DividerBlock

from bot.domain.grant import can_end
from bot.domain.messages import Story
from bot.domain.request import Unreadable
from handlers import ids
from handlers.views import facts_parts
from handlers.views.escape import mrkdwn, one_line, quote
from handlers.views.facts_parts import account_of
from handlers.views.parts import (
    Message,
    bold,
    button,
    buttons,
    context,
    counted,
    for_span,
    header,
    listed,
    message,
    person,
    section,
    sections,
    when,
)
from handlers.views.standing import active, at_least, in_words, ruling, standing
from handlers.views.status import Phase, ends, line, phase_of, tally, word
from handlers.views.targets import extent, failures, shorten, story_rows
from handlers.views.verification_table import NAMED_IN_THE_SENTENCE
from handlers.views.wording import name, remedy

_LIST: Final = 3_900
"""Characters of each of the two lists: together they leave room for headings and hints."""
_TARGETS: Final = 2_400
_REASON: Final = 1_000
_FAILURES: Final = 3
_AWS_WORDS: Final = 300
_STATUS: Final = f"`{ids.COMMAND} status"


def overview(
    mine: Sequence[Story],
    waiting: Sequence[Story],
    *,
    support: str,
    unreadable: Sequence[Unreadable] = (),
    unlisted: int = 0,
    is_cut: bool = False,
) -> Message:
    """One's own requests, newest first; for approvers also what waits for them, oldest first.

    `unlisted`: how many more wait; `is_cut`: and there may be more still.
    """
    own = sorted(mine, key=lambda story: story.request.id, reverse=True)
    asked = sorted(waiting, key=lambda story: story.request.id)
    if not own and not asked and not unreadable:
        return _nothing_yet(support)
    blocks = lists(own, asked, unreadable, unlisted=unlisted, is_cut=is_cut)
    blocks.append(context(f"Only you see this. Questions? Ask {mrkdwn(one_line(support, 100))}."))
    wait = waiting_words(len(asked) + unlisted, is_cut=is_cut) if asked else ""
    return message(_in_short(own, wait, unreadable), blocks)


def waiting_words(number: int, *, is_cut: bool) -> str:
    """ "35 requests wait for your decision.", as headline."""
    words = f"{counted(number, 'request waits', 'requests wait')} for your decision."
    return f"At least {words}" if is_cut else words


def lists(
    own: Sequence[Story],
    asked: Sequence[Story],
    unreadable: Sequence[Unreadable] = (),
    *,
    unlisted: int = 0,
    is_cut: bool = False,
) -> list[Block]:
    """What waits for one's decision, then one's own requests; in the order given. The Home tab shows the same."""
    blocks: list[Block] = []
    if asked:
        blocks += [
            header("Waiting for you"),
            *sections(_fitting([_waiting_line(story) for story in asked], unlisted, is_cut=is_cut)),
            context(
                "You decide on the cards in the approvals channel: search there for the id. "
                f"{_STATUS} WA-17` shows one request as a whole."
            ),
        ]
    if asked and (own or unreadable):
        blocks.append(DividerBlock())
    if own or unreadable:
        entries = [*map(_unreadable_line, unreadable), *map(_own_line, own)]
        blocks += [header("Your requests"), *sections(_fitting(entries))]
        if own:
            blocks.append(context(_hint(own)))
    else:
        blocks.append(section(f"You have asked for nothing yourself so far. To start, type {_START}."))
    return blocks


def one(story: Story, *, support: str) -> Message:
    """The whole state of one request, for its requester and for approvers alike."""
    request = story.request
    blocks: list[Block] = [
        header(f"{request.label} · Access request"),
        section(standing(story, support=support, you=False)),
        *ruling(request, support=support, you=False),
        section("\n".join([*facts_parts.summary(story, to_requester=False), *_dates(story)])),
        *_failures(story, support=support),
        *sections(
            shorten(
                story_rows(story), characters=_TARGETS, more="*Details* on the card or in the direct message"
            )
        ),
        *facts_parts.reason(request, _REASON),
    ]
    if any(can_end(grant) for grant in story.grants):
        blocks.append(
            section(
                f"`{ids.COMMAND} revoke {request.label}` ends it: the requester gives it back, an approver takes "
                "it away. It asks before it does."
            )
        )
    blocks.append(context(f"As of {when(story.at)}. If you need help, ask {mrkdwn(one_line(support, 100))}."))
    return message(f"{request.label}: {facts_parts.in_short(story)}. {in_words(story, you=False)}", blocks)


_START: Final = f"`{ids.COMMAND} request`"


def _nothing_yet(support: str) -> Message:
    text = f"You have asked for nothing yet, and nothing waits for you. To ask for access, type {_START}."
    return message(
        text,
        [
            section(text),
            buttons(button("Request access", ids.ACTION_REQUEST, "status", names="Request Workbench access")),
            context(f"Questions? Ask {mrkdwn(one_line(support, 100))}."),
        ],
    )


def _in_short(own: Sequence[Story], wait: str, unreadable: Sequence[Unreadable]) -> str:
    said = [wait] if wait else []
    if own:
        newest = own[0]
        said.append(
            f"Of your requests, {counted(len(own), 'is', 'are')} listed; the newest, {newest.request.label}: "
            f"{in_words(newest, you=True)}"
        )
    if unreadable:
        said.append(f"{listed([each.label for each in unreadable], 3)} cannot be read at present.")
    elif not own:
        said.append("You have asked for nothing yourself so far.")
    return " ".join(said)


def _waiting_line(story: Story) -> str:
    """Who asks for what and since when; where it stands comes last."""
    request, ask = story.request, story.request.ask
    what = f"{extent(ask.targets)} with {bold(ask.permission_set)}, {for_span(ask.span)}"
    state = (
        f"{facts_parts.tally(request)}, undecided it expires {when(request.decide_by)}"
        if request.facts is not None
        else "AWS is still being read, its card follows"
    )
    return (
        f"*{request.label}* · {person(ask.requester)} asks for {what}\n"
        f"⏳ *Waiting* since {when(request.created_at)}: {state}"
    )


def _own_line(story: Story) -> str:
    request, ask = story.request, story.request.ask
    what = f"{extent(ask.targets)} with {bold(ask.permission_set)}"
    return f"*{request.label}* · {what}, asked {when(request.created_at)}\n{_state(story)}"


def _unreadable_line(each: Unreadable) -> str:
    return (
        f"⚠️ *{each.label}* cannot be read at present (incident {each.incident}). Nothing is done for it until "
        "somebody who runs the bot has mended it; the others go on."
    )


def _state(story: Story) -> str:
    """Icon, word and until when, in one line."""
    phase, request = phase_of(story), story.request
    decided = f", {when(request.ruling.at)}" if request.ruling is not None else ""
    match phase:
        case Phase.PREPARING:
            return line(phase, ": the approvers are asked after that")
        case Phase.PENDING:
            return line(
                phase, f": {facts_parts.tally(request)}, undecided it expires {when(request.decide_by)}"
            )
        case Phase.DENIED | Phase.CANCELLED | Phase.EXPIRED:
            return line(phase, decided)
        case Phase.PROVISIONING:
            return line(phase)
        case Phase.STOPPED | Phase.FAILED:
            return line(phase, f": {_STATUS} {request.label}` says why")
        case Phase.ACTIVE:
            return line(phase, f" {ends(active(story))}")
        case Phase.ALREADY_ALLOWED:
            return line(phase, f", {at_least(active(story))}")
        case Phase.PARTLY_FAILED:
            return line(
                phase, f": {tally(story)}, {ends(active(story))}; {_STATUS} {request.label}` says why"
            )
        case Phase.ENDING | Phase.ENDED:
            return line(phase, in_words(story, you=True).removeprefix(word(phase)).rstrip("."))
        case _:
            assert_never(phase)


def _hint(own: Sequence[Story]) -> str:
    """How to see more of one, and how to give back what can be given back."""
    see = f"{_STATUS} {own[0].request.label}` shows one request as a whole."
    open_ones = [story for story in own if any(can_end(grant) for grant in story.grants)]
    if not open_ones:
        return see
    return f"{see} `{ids.COMMAND} revoke {open_ones[0].request.label}` gives access back early."


def _fitting(entries: Sequence[str], unlisted: int = 0, *, is_cut: bool = False) -> list[str]:
    """As many entries as fit, then how many are missing; each has a blank line after it."""
    shown: list[str] = []
    size = 0
    for entry in entries:
        size += len(entry) + 2
        if shown and size > _LIST:
            break
        shown.append(entry)
    spaced = [f"{entry}\n" for entry in shown]
    if left := len(entries) - len(shown) + unlisted:
        number = f"{'at least ' if is_cut else ''}{left:,}"
        spaced.append(f"… and {number} more: {_STATUS}` with an id shows each.")
    return spaced


def _dates(story: Story) -> list[str]:
    request = story.request
    asked = f"*Asked:* {when(request.created_at)}"
    return [asked, f"*Undecided, it expires:* {when(request.decide_by)}"] if request.is_pending else [asked]


def _failures(story: Story, *, support: str) -> list[Block]:
    """Each different failure with who can mend it; AWS's own words follow as data."""
    found = failures(story)
    blocks: list[Block] = []
    for failure, targets in found[:_FAILURES]:
        accounts = list(dict.fromkeys(target.account for target in targets))
        where = listed([mrkdwn(account_of(story, account)) for account in accounts], 3)
        facts: dict[str, str | int] = {"permission_set": story.request.ask.permission_set}
        facts |= {"accounts": len(accounts)} if len(accounts) > 1 else {"account": accounts[0]}
        named = failure.code in NAMED_IN_THE_SENTENCE
        facts |= {"detail" if named else "operation": one_line(failure.reason, 100)}
        blocks.append(
            section(
                f"⛔ *{mrkdwn(name(failure.code))}* in {where}. {remedy(failure.code, facts, support=support)}"
            )
        )
        if failure.reason.strip() and not named:
            blocks.append(quote(failure.reason, _AWS_WORDS))
    if len(found) > _FAILURES:
        more = counted(len(found) - _FAILURES, "more kind")
        blocks.append(section(f"… and {more} of failure. Mend these first, then press *Retry* on the card."))
    return blocks
