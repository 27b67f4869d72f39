"""Everything about one request in a modal: what the card had to shorten stands here in full."""

import json
from typing import Final

from slack_sdk.models.blocks import Block

from bot.domain.messages import Story
from bot.domain.request import RequestStatus
from handlers import ids
from handlers.views import facts_parts
from handlers.views.escape import mrkdwn, one_line, plain, preformatted, quote
from handlers.views.facts_parts import account_of
from handlers.views.outcome import checked_of
from handlers.views.parts import Json, context, header, listed, modal, person, section, sections, when
from handlers.views.status import line, phase_of
from handlers.views.targets import failures, story_rows
from handlers.views.verification_table import rows_of, summary
from handlers.views.wording import name, sentence_mrkdwn

_DIFF_PIECE: Final = 2_900
_DIFF_BYTES: Final = 90_000
"""Of the diff as JSON: the whole view may have 250 kB (slack.md §2.1)."""
_FAILURES: Final = 12
_REASON: Final = 600


def details(story: Story, *, support: str) -> Json:
    """The modal behind the Details button."""
    request = story.request
    facts = request.facts
    blocks: list[Block] = [
        header(f"{request.label} · Access request"),
        section(line(phase_of(story))),
        section("\n".join(facts_parts.summary(story, to_requester=False))),
        *_history(story),
        section("*Accounts and roles*"),
        *sections(row.text for row in story_rows(story)),
        *_failures(story),
        *_verification(story),
        *facts_parts.reason(request, 3_000),
    ]
    if facts is not None:
        blocks += [section(warning) for warning in facts_parts.warnings(story, facts)]
        blocks.append(section(f"*Change to the inline policy* · {facts_parts.quota(facts)}"))
        if facts.policy_code is not None:
            known = {"permission_set": request.ask.permission_set}
            blocks.append(section(sentence_mrkdwn(facts.policy_code, known, support=support)))
        blocks += _diff(facts.diff)
        blocks.append(context(f"AWS was asked {when(facts.checked_at)}, before the decision."))
    else:
        blocks.append(section("⏳ *Being checked:* AWS is being read. Open this again in a moment."))
    blocks.append(context(f"Questions? Ask {mrkdwn(one_line(support, 100))}."))
    return modal(title=f"Details of {request.label}", blocks=blocks, callback_id=ids.VIEW_DETAILS)


def _history(story: Story) -> list[Block]:
    request, ruling = story.request, story.request.ruling
    lines = [f"Asked {when(request.created_at)} by {person(request.ask.requester)}"]
    lines += [f"Approved by {person(each.by)}, {when(each.at)}" for each in request.approvals[:20]]
    if ruling is not None and not (request.status is RequestStatus.APPROVED and request.approvals):
        by = f" by {person(ruling.by)}" if ruling.by is not None else ""
        lines.append(f"{mrkdwn(request.status.value.capitalize())}{by}, {when(ruling.at)}")
    if request.is_pending:
        lines.append(f"Undecided, it expires {when(request.decide_by)}")
    blocks: list[Block] = [section("*What happened*\n" + "\n".join(f"• {each}" for each in lines))]
    if ruling is not None and ruling.note.strip():
        blocks.append(quote(ruling.note))
    return blocks


def _verification(story: Story) -> list[Block]:
    """Every level that was reached, and the first link that was not."""
    if story.outcome is None:
        return []
    facts = story.request.facts
    checked = checked_of(story, story.outcome)
    title = section(f"*Verification*, {when(story.outcome.at)}: {summary(checked)}.")
    return [title, *sections(rows_of(checked, dict(facts.account_names) if facts else {}))]


def _failures(story: Story) -> list[Block]:
    """Each different failure with AWS's own words."""
    found = failures(story)
    blocks: list[Block] = []
    for failure, targets in found[:_FAILURES]:
        accounts = list(dict.fromkeys(target.account for target in targets))
        where = listed([mrkdwn(account_of(story, account)) for account in accounts], 10)
        blocks.append(section(f"⛔ *{mrkdwn(name(failure.code))}* in {where}"))
        if failure.reason.strip():
            blocks.append(quote(failure.reason, _REASON))
    if len(found) > _FAILURES:
        blocks.append(
            section(f"… and {len(found) - _FAILURES} more kinds of failure; the log of the bot has them.")
        )
    return blocks


def _diff(diff: str) -> list[Block]:
    """The whole diff in frames of a size that Slack takes, cut between lines."""
    if not diff.strip():
        return [section("Nothing has to be written to the policy.")]
    pieces: list[str] = [""]
    size = 0
    for text in plain(diff).split("\n"):
        for at in range(0, max(len(text), 1), _DIFF_PIECE):
            row = text[at : at + _DIFF_PIECE]
            size += len(json.dumps(row)) + 2
            if size > _DIFF_BYTES:
                return [
                    *_frames(pieces),
                    section("The change is longer than Slack can show; the rest is left out."),
                ]
            if pieces[-1] and len(pieces[-1]) + 1 + len(row) > _DIFF_PIECE:
                pieces.append(row)
            else:
                pieces[-1] = f"{pieces[-1]}\n{row}" if pieces[-1] else row
    return _frames(pieces)


def _frames(pieces: list[str]) -> list[Block]:
    return [preformatted(piece, _DIFF_PIECE) for piece in pieces if piece.strip()]
