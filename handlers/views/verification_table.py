"""What verification found, as one table with notes below it: never more than was checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from slack_sdk.models.blocks import Block, RawTextObject, RichTextBlock, TableBlock
from slack_sdk.models.blocks.block_elements import RichTextElementParts, RichTextSectionElement

from bot.domain.errors import Code
from bot.domain.evaluate import Answer
from bot.domain.grant import Failure
from bot.domain.names import AccountId, PermissionSetName
from bot.domain.request import Target
from bot.domain.verification import Check, Level, Verification
from handlers.views.escape import mrkdwn, one_line, quote
from handlers.views.parts import account_words, counted, section, utc, when
from handlers.views.targets import target_rows
from handlers.views.wording import code_of, link_name, name, remedy, unknown

_ROWS: Final = 99
"""Slack takes 100 with the heading (slack.md §2.1)."""
_CELLS: Final = 4_000
"""Characters in all cells, so that notes and commands still fit into the message."""
_NOTES: Final = 6
_ACCOUNT: Final = 40
_AWS_WORDS: Final = 200
NAMED_IN_THE_SENTENCE: Final = frozenset(
    {
        Code.EXPLICIT_DENY,
        Code.MANAGED_STATEMENT_ALTERED,
        Code.POLICY_UNREADABLE,
        Code.NOT_TRUSTED,
        Code.BOUNDARY,
    }
)
"""Their words are a name, which belongs into the sentence; everybody else's are quoted below it."""

Cell = RawTextObject | RichTextBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One account × role with what was found, and the failure of the change where there was one."""

    permission_set: PermissionSetName
    verification: Verification
    failure: Failure | None = None
    since: str = ""
    """What has become of the access since it was checked ("time is up"); "" as long as nothing has."""

    @property
    def target(self) -> Target:
        return self.verification.target

    @property
    def is_reached(self) -> bool:
        """Whether any level is; a change that failed may still be allowed by somebody else's statement."""
        return self.verification.level is not Level.NONE and not self.since


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    """One thing to mend, however many rows point to it."""

    permission_set: PermissionSetName
    code: Code | None
    """None: `check` could not be answered."""
    check: Check | None = None
    words: str = ""
    """AWS's own, or a Sid: data."""
    names: tuple[str, ...] = ()


_Notes = dict[_Note, set[Target]]
"""In the order in which they were met, with the accounts and roles that each concerns."""


def level_words(checked: Checked) -> str:
    """Icon and word: a level in capitals only where it is reached, and not over when it is told."""
    if checked.since:
        return f"⌛ {checked.since}"
    match checked.verification.level:
        case Level.CONFIGURED | Level.PREDICTED | Level.PROVEN as level:
            return f"✅ {level.value.upper()}"
        case Level.NONE:
            if checked.failure is not None:
                return "⛔ failed"
            return "❔ unknown" if _is_unknown(checked) else "⛔ not configured"


def _is_unknown(checked: Checked) -> bool:
    """Nothing says no, yet too little says yes."""
    broken = checked.verification.broken
    return checked.failure is None and (broken is None or broken.answer is not Answer.NO)


def summary(checked: Sequence[Checked]) -> str:
    """ "3 roles checked: 2 CONFIGURED, 1 needs attention", for headlines."""
    reached = [each.verification.level for each in checked if each.is_reached]
    over = sum(bool(each.since) for each in checked)
    number = f"{counted(len(checked), 'role')} checked"
    if not reached and not over:
        return f"{number}, none is configured"
    said = [
        f"{reached.count(level)} {level.value.upper()}"
        for level in (Level.PROVEN, Level.PREDICTED, Level.CONFIGURED)
        if level in reached
    ]
    if over:
        said.append(counted(over, "is over or ending by now", "are over or ending by now"))
    if left := len(checked) - len(reached) - over:
        said.append(counted(left, "needs attention", "need attention"))
    return f"{number}: {', '.join(said)}"


def rows_of(checked: Sequence[Checked], names: Mapping[AccountId, str]) -> list[str]:
    """The same as lines of mrkdwn, for places without tables."""
    found = {each.target: each for each in checked}

    def line(target: Target) -> str:
        each = found[target]
        broken = each.verification.broken
        if each.failure is not None and not each.since:
            return f"{level_words(each)}: {mrkdwn(name(each.failure.code))}"
        if broken is None or each.since:
            return f"{level_words(each)}{_proof(each)}"
        what = name(code_of(broken)) if broken.answer is Answer.NO else link_name(broken.link)
        return f"{level_words(each)}: {mrkdwn(what)}"

    rows = target_rows(list(found), names, line, first=lambda target: not found[target].is_reached)
    return [row.text for row in rows]


def _proof(each: Checked) -> str:
    at = each.verification.proven_at
    return f", last proven {when(at)}" if at is not None else ""


def table(
    checked: Sequence[Checked], names: Mapping[AccountId, str], *, support: str, you: bool, more: str
) -> list[Block]:
    """The table and its notes. What does not fit is counted; what needs somebody's attention comes first.

    `you`: the reader is the person who was checked. `more`: where the rows that do not fit can be seen.
    """
    ordered = sorted(checked, key=lambda each: each.is_reached)
    several = len({each.permission_set for each in checked}) > 1
    notes: _Notes = {}
    heading = ["Permission set"] if several else []
    rows: list[list[Cell]] = [_texts([*heading, "Account", "Role", "Result", "Until", "What to do"])]
    size = 0
    for each in ordered[:_ROWS]:
        cells, length = _row(each, names, notes, several=several)
        if len(rows) > 1 and size + length > _CELLS:
            break
        size += length
        rows.append(cells)
    wrapped = [{"is_wrapped": True} for _ in rows[0]]
    blocks: list[Block] = [TableBlock(rows=rows, column_settings=wrapped)]
    if left := len(checked) - (len(rows) - 1):
        blocks.append(section(f"… and {counted(left, 'more role')}, see {more}."))
    return [*blocks, *_told(notes, names, support=support, you=you)]


def _texts(texts: Sequence[str]) -> list[Cell]:
    return [RawTextObject(text=one_line(text) or "–") for text in texts]


def _row(
    each: Checked, names: Mapping[AccountId, str], notes: _Notes, *, several: bool
) -> tuple[list[Cell], int]:
    target = each.target
    texts = [one_line(each.permission_set, 40)] if several else []
    texts += [
        account_words(target.account, names.get(target.account, ""), _ACCOUNT),
        one_line(target.role, 64),
    ]
    level = level_words(each)
    until = each.verification.until
    what = _what_to_do(each, notes)
    ends: Cell
    if each.verification.level is Level.NONE:
        ends = RawTextObject(text="unknown" if _is_unknown(each) else "no access")
    elif until is not None:
        ends = _date(until)
    elif each.since:
        ends = RawTextObject(text="see the card")
    else:
        ends = RawTextObject(text="no end" if each.verification.is_endless else "unknown")
    size = sum(map(len, texts)) + len(level) + len(what) + 20
    return [*_texts(texts), _level_cell(each, level), ends, RawTextObject(text=what)], size


def _level_cell(each: Checked, level: str) -> Cell:
    """The level; with the time of the proof where there is one, however old it is."""
    at = each.verification.proven_at
    if at is None:
        return RawTextObject(text=level)
    between = ": " if each.verification.level is Level.PROVEN else ", last proven "
    return _date(at, before=f"{level}{between}")


def _date(instant: datetime, *, before: str = "") -> RichTextBlock:
    date = RichTextElementParts.Date(
        timestamp=int(instant.timestamp()), format="{date_short_pretty} at {time}", fallback=utc(instant)
    )
    text = [RichTextElementParts.Text(text=before)] if before else []
    return RichTextBlock(elements=[RichTextSectionElement(elements=[*text, date])])


def _what_to_do(each: Checked, notes: _Notes) -> str:
    """The first failing link by name, and where its remedy stands."""
    broken = each.verification.broken
    held_back = each.verification.held_back
    if each.since:
        return "Request it again, if needed"
    if each.failure is not None:
        note = _Note(permission_set=each.permission_set, code=each.failure.code, words=each.failure.reason)
        what = name(each.failure.code)
    elif broken is not None and broken.answer is Answer.NO:
        code = code_of(broken)
        note = _Note(
            permission_set=each.permission_set, code=code, words=broken.detail, names=broken.names[:5]
        )
        what = name(code)
    elif broken is not None:
        note = _unknown_note(each, broken)
        what = link_name(broken.link)
    elif held_back is not None:
        note = _unknown_note(each, held_back)
        what = "Nothing, try it"
    else:
        return "Nothing, try it" if each.is_reached else "Not checked, look again"
    notes.setdefault(note, set()).add(each.target)
    number = list(notes).index(note) + 1
    return f"{what}: note {number}" if number <= _NOTES else what


def _unknown_note(each: Checked, check: Check) -> _Note:
    return _Note(permission_set=each.permission_set, code=None, check=check, words=check.detail)


def _told(notes: _Notes, names: Mapping[AccountId, str], *, support: str, you: bool) -> list[Block]:
    """The notes in full; AWS's own words follow as data."""
    blocks: list[Block] = []
    for number, (note, targets) in enumerate(list(notes.items())[:_NOTES], start=1):
        facts, words = _facts_of(note, targets, names, you=you)
        if note.code is not None:
            text = remedy(note.code, facts, support=support)
        else:
            text = unknown(note.check, facts, support=support) if note.check else ""
        blocks.append(section(f"*Note {number}.* {text}"))
        if words.strip():
            blocks.append(quote(words, _AWS_WORDS))
    if len(notes) > _NOTES:
        more = counted(len(notes) - _NOTES, "more kind")
        blocks.append(section(f"… and {more} of trouble. Mend these first, then look again."))
    if notes:
        blocks.append(section(f"If you need help with any of this, ask {mrkdwn(one_line(support, 100))}."))
    return blocks


def _facts_of(
    note: _Note, targets: set[Target], names: Mapping[AccountId, str], *, you: bool
) -> tuple[dict[str, str | int], str]:
    """What the sentence needs, and the words that are quoted below it."""
    facts: dict[str, str | int] = {
        "permission_set": note.permission_set,
        "you": int(you),
        "names": one_line(", ".join(note.names), 200),
    }
    accounts = {target.account for target in targets}
    account = next(iter(accounts))
    if len(accounts) > 1:
        facts |= {"accounts": len(accounts)}
    else:
        facts |= {"account": account, "account_name": one_line(names.get(account, ""), _ACCOUNT)}
    roles = {target.role for target in targets}
    if len(roles) == 1:
        facts |= {"role": one_line(next(iter(roles)), 64)}
    if note.code in NAMED_IN_THE_SENTENCE or (note.check is not None and note.check.code is None):
        return facts | {"detail": one_line(note.words, 100)}, ""
    return facts | {"operation": note.words}, note.words
