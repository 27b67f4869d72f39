"""The doctor's findings in a modal: what is wrong first and in full, what is well in short."""

from collections.abc import Iterable, Sequence
from typing import Final

from slack_sdk.models.blocks import Block

from bot.domain.diagnosis import Area, Diagnosis, Health, Line
from handlers import ids
from handlers.views.escape import mrkdwn, one_line, preformatted
from handlers.views.parts import Json, context, counted, header, modal, section, sections, when

TITLE: Final = "Doctor"
_SHOWN: Final[dict[Health, tuple[str, str]]] = {
    Health.OK: ("✅", "ok"),
    Health.WARNING: ("⚠️", "Warning"),
    Health.FAILURE: ("⛔", "Failure"),
}
_AREAS: Final[dict[Area, str]] = {
    Area.CONFIGURATION: "Configuration",
    Area.SLACK: "Slack",
    Area.AWS: "AWS",
    Area.PERMISSION_SETS: "Permission sets",
    Area.MEMBER_ACCOUNTS: "Member accounts",
    Area.DATABASE: "Database",
}
_PROBLEMS: Final = 30
"""Each takes two blocks of the hundred that a modal may have."""
_REMEDY: Final = 600
_WELL: Final = 12_000
"""Characters for what is well."""


def looking() -> Json:
    """Opened at once; the findings follow."""
    return _modal(
        [section("⏳ *Being examined:* configuration, Slack, AWS and the database. This takes seconds.")]
    )


def sorry(words: str) -> Json:
    """Why there are no findings; `words` is plain text."""
    return _modal([section(f"⚠️ *Not possible:* {mrkdwn(one_line(words), 2_000)}")])


def not_for_you(support: str) -> Json:
    """For whoever may approve nothing."""
    text = (
        "⛔ *Approvers only.* The doctor looks at how the bot is set up, so it answers people who can approve "
        f"requests. If something does not work for you, ask {mrkdwn(one_line(support, 100))}: they can run it."
    )
    return _modal([section(text)])


def diagnosis_modal(found: Diagnosis) -> Json:
    """Failures, warnings, then what is well by area."""
    counts = found.counts()
    problems = [*found.of(Health.FAILURE), *found.of(Health.WARNING)]
    in_short = (
        f"{_SHOWN[Health.FAILURE][0]} {counted(counts[Health.FAILURE], 'failure')}, "
        f"{_SHOWN[Health.WARNING][0]} {counted(counts[Health.WARNING], 'warning')}, "
        f"{_SHOWN[Health.OK][0]} {counts[Health.OK]} ok."
    )
    if not problems:
        in_short = f"✅ *All well:* {counts[Health.OK]} ok."
    blocks: list[Block] = [section(in_short)]
    for line in problems[:_PROBLEMS]:
        blocks += _problem(line)
    if len(problems) > _PROBLEMS:
        more = counted(len(problems) - _PROBLEMS, "more", "more")
        blocks.append(section(f"… and {more}: `workbench-access doctor` on the bot's machine lists all."))
    well = found.of(Health.OK)
    if well:
        blocks += [header("What is well"), *sections(_well(well))]
    blocks.append(context(f"Examined {when(found.examined_at)}. Nothing was changed."))
    return _modal(blocks)


def _problem(line: Line) -> list[Block]:
    icon, word = _SHOWN[line.health]
    what = mrkdwn(one_line(_name(line), 200))
    found = mrkdwn(one_line(line.found, 1_000))
    return [
        section(f"{icon} *{word}* · {_AREAS[line.area]}: {what}\n{found}"),
        preformatted(one_line(line.remedy, _REMEDY)),
    ]


def _well(lines: Sequence[Line]) -> Iterable[str]:
    """One entry per area: "✅ ok · Slack: token, clock, …"."""
    left = _WELL
    for area in Area:
        names = [mrkdwn(one_line(_name(line), 100)) for line in lines if line.area is area]
        if not names:
            continue
        icon, word = _SHOWN[Health.OK]
        shown: list[str] = []
        for name in names:
            left -= len(name) + 2
            if left < 0 or sum(map(len, shown)) + 2 * len(shown) > 2_400:
                break
            shown.append(name)
        rest = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
        yield f"{icon} *{word}* · {_AREAS[area]}: {', '.join(shown)}{rest}"


def _name(line: Line) -> str:
    check = line.check.replace("_", " ")
    return f"{check} {line.subject}" if line.subject else check


def _modal(blocks: Sequence[Block]) -> Json:
    return modal(title=TITLE, blocks=blocks, callback_id=ids.VIEW_NOTE)
