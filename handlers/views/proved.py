"""What a proof says: in the thread or by DM, in the terminal that the tokens came from, and in the form."""

from collections.abc import Callable
from datetime import UTC, datetime

from bot.domain.messages import Answer
from bot.domain.names import AccountId
from bot.domain.proof import Finding, Flaw, Report
from handlers.views.escape import mrkdwn, one_line
from handlers.views.parts import Message, bold, context, message, person, sections, when
from handlers.views.wording.proofs import because

PAIR = (
    "Somebody who held the one-time commands assumed each role a moment before; the sign-in that came with them is "
    "this person's own. It says nothing about later."
)


def proved(told: Answer) -> Message:
    """Who assumed which roles, and when; `told.facts` are those of `bot.usecases.prove_access`."""
    facts = dict(told.facts)
    who = person(str(facts["by"]))
    lines = []
    for key, value in told.facts:
        if key == "at":
            at = datetime.fromtimestamp(int(value), UTC)
        elif key == "target":
            account, role, name = str(value).split("/", 2)
            lines.append(
                f"✅ *Proved:* {who} as {bold(role)} in {mrkdwn(_where(account, name))}, {when(at)}."
            )
    text = "\n".join(lines).replace("*", "")
    return message(text, [*sections(lines), context(PAIR)])


def report_lines(report: Report, account_name: Callable[[AccountId], str]) -> list[str]:
    """One plain line for each role, "proved", "proved before" or "not proved": what a terminal shows."""
    return [_line(report, finding, account_name) for finding in report.findings]


def _line(report: Report, finding: Finding, account_name: Callable[[AccountId], str]) -> str:
    target, flaw = finding.target, finding.flaw
    if target is None:
        assert flaw is not None  # what fits nowhere is told for its flaw
        return f"not proved: one of the tokens, because {because(flaw)}"
    what = f"{target.role} in {_where(target.account, account_name(target.account))}"
    if flaw is None:
        at = (finding.at or report.at).astimezone(UTC).strftime("%H:%M UTC")
        return f"proved: {one_line(report.challenge.sso_user, 128)} as {what} at {at}"
    if flaw is Flaw.ALREADY_PROVED:
        return f"proved before: {what}; {because(flaw)}"
    whose = "your own sign-in is missing: " if finding.identity and flaw is not Flaw.NO_IDENTITY else ""
    return f"not proved: {what}, because {whose}{because(flaw)}"


def _where(account: str, name: str) -> str:
    return f"{one_line(name, 60)} ({account})" if name.strip() else f"account {account}"
