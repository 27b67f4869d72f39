"""The pieces that screens are built from: thin functions around `slack_sdk.models` that escape and clip."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    HeaderBlock,
    MarkdownTextObject,
    Option,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.domain.names import AccountId, SlackUserId
from handlers.views.escape import ELLIPSIS, mrkdwn, one_line, plain

Json = dict[str, Any]
Style = Literal["primary", "danger"]

TEXT_LIMIT: Final = 3_000
"""Of a section (slack.md §2.1)."""
MESSAGE_BUDGET: Final = 9_500
"""Characters in all texts of one message. chat.postMessage answers `msg_blocks_too_long` somewhere between
11,000 and 13,000, which Slack does not document (slackapi/bolt-js#2509, #2867)."""
_TOP_LEVEL_LIMIT: Final = 3_000
_USER: Final = re.compile(r"[UW][A-Z0-9]{1,30}")
_GROUP: Final = re.compile(r"S[A-Z0-9]{1,30}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What chat.postMessage, chat.update or a response_url takes."""

    text: str
    """Whole sentences: notifications and screen readers get these instead of the blocks."""
    blocks: list[Json]


def message(text: str, blocks: Iterable[Block]) -> Message:
    """A message; `text` is mrkdwn that has been escaped where it had to be."""
    return Message(text=_clipped(text), blocks=[block.to_dict() for block in blocks])


def _clipped(text: str) -> str:
    return text if len(text) <= _TOP_LEVEL_LIMIT else text[: _TOP_LEVEL_LIMIT - 1] + ELLIPSIS


REPEATED: Final = "Possibly a repetition: Slack did not confirm whether this message was posted before."


def repeated(first: Message) -> Message:
    """The same message, marked for its readers as one that they may have seen already."""
    text = f"{REPEATED} {first.text}"
    return Message(text=_clipped(text), blocks=[context(f"↻ {REPEATED}").to_dict(), *first.blocks])


def modal(
    *,
    title: str,
    blocks: Sequence[Block],
    callback_id: str,
    submit: str | None = None,
    close: str = "Close",
    private_metadata: str | None = None,
) -> Json:
    """A modal view; the title is clipped to Slack's 24 characters."""
    return View(
        type="modal",
        callback_id=callback_id,
        title=words(title, 24),
        submit=words(submit, 24) if submit else None,
        close=words(close, 24),
        blocks=blocks,
        private_metadata=private_metadata,
    ).to_dict()


# Texts


def words(text: str, limit: int) -> PlainTextObject:
    """A plain text object on one line; emoji codes in names stay as they are written."""
    return PlainTextObject(text=one_line(text, limit) or "–", emoji=False)


def marked(text: str) -> MarkdownTextObject:
    """A mrkdwn object, its foreign parts escaped already; Slack adds no links or mentions of its own."""
    return MarkdownTextObject(text=text, verbatim=True)


def header(text: str) -> HeaderBlock:
    return HeaderBlock(text=words(text, 150))


def section(text: str) -> SectionBlock:
    """One paragraph of mrkdwn, at most 3,000 characters: lists go through `sections`."""
    return SectionBlock(text=marked(text), expand=True)


def context(text: str) -> ContextBlock:
    return ContextBlock(elements=[marked(text)])


def sections(lines: Iterable[str], *, limit: int = TEXT_LIMIT - 100) -> list[SectionBlock]:
    """Lines of mrkdwn packed into as few sections as their size allows; no line is torn."""
    packed: list[str] = []
    for line in lines:
        if packed and len(packed[-1]) + 1 + len(line) <= limit:
            packed[-1] += "\n" + line
        else:
            packed.append(line)
    return [section(text) for text in packed]


# Names, mentions, times


def person(user: str) -> str:
    """A mention in mrkdwn; anything that is no Slack user id is shown as text."""
    return f"<@{user}>" if _USER.fullmatch(user) else mrkdwn(one_line(user, 80))


def group(usergroup: str) -> str:
    return f"<!subteam^{usergroup}>" if _GROUP.fullmatch(usergroup) else mrkdwn(one_line(usergroup, 80))


def people(users: Sequence[SlackUserId], at_most: int = 10) -> str:
    """Mentions in a row: "A, B and 3 more"."""
    return listed([person(user) for user in users], at_most)


def listed(items: Sequence[str], at_most: int = 10) -> str:
    """ "a, b and c", or "a, b and 7 more"."""
    if not items:
        return "nobody"
    shown = list(items[:at_most])
    if len(items) > at_most:
        shown.append(f"{len(items) - at_most} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def utc(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def when(instant: datetime) -> str:
    """An instant in each reader's own zone. Reads "today at 10:00", so no "on" belongs before it."""
    return f"<!date^{int(instant.timestamp())}^{{date_short_pretty}} at {{time}}|{utc(instant)}>"


def span_words(span: timedelta | None) -> str:
    """ "7 days", "1 day 12 hours", "permanent"."""
    if span is None:
        return "permanent"
    minutes = round(span.total_seconds() / 60)
    days, rest = divmod(minutes, 24 * 60)
    parts = ((days, "day"), (rest // 60, "hour"), (rest % 60, "minute"))
    return " ".join(counted(number, unit) for number, unit in parts if number) or "0 minutes"


def for_span(span: timedelta | None) -> str:
    """ "for 7 days", or "permanently"."""
    return "permanently" if span is None else f"for {span_words(span)}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """ "1 account", "12,000 accounts"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def account_words(account: AccountId, name: str, limit: int = 75) -> str:
    """ "prod · 111111111111", unescaped; the name is shortened, the id never."""
    cleaned = one_line(name, max(limit - len(account) - 3, 2)) if name else ""
    return f"{cleaned} · {account}" if cleaned else one_line(account, limit)


def code(text: str) -> str:
    """A name in fixed width; a backtick inside would end it."""
    return f"`{mrkdwn(one_line(text, 128).replace('`', chr(39)))}`"


def bold(text: str) -> str:
    """A foreign name in bold; an asterisk inside would end it."""
    return f"*{mrkdwn(one_line(text, 128).replace('*', '∗'))}*"


# What people press


def button(
    text: str,
    action_id: str,
    value: str,
    *,
    names: str,
    style: Style | None = None,
    confirm: ConfirmObject | None = None,
) -> ButtonElement:
    """A button; `names` is what a screen reader says, with the object it acts on."""
    return ButtonElement(
        text=words(text, 75),
        action_id=action_id,
        value=value,
        accessibility_label=one_line(names, 75),
        style=style,
        confirm=confirm,
    )


def buttons(*elements: ButtonElement) -> ActionsBlock:
    return ActionsBlock(elements=list(elements))


def confirmation(
    *, title: str, text: str, yes: str, no: str = "Go back", style: Style | None = None
) -> ConfirmObject:
    """A dialog before something that cannot be undone; plain text, so nothing in it is parsed."""
    return ConfirmObject(
        title=words(title, 100),
        text=PlainTextObject(text=plain(text, 300), emoji=False),
        confirm=words(yes, 30),
        deny=words(no, 30),
        style=style,
    )


def option(text: str, value: str, description: str | None = None) -> Option:
    return Option(
        text=words(text, 75),
        value=value,
        description=words(description, 75) if description else None,
    )
