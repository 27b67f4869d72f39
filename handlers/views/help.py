"""The commands that people type, told to the caller alone; it needs neither AWS nor the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from handlers import ids
from handlers.views.escape import mrkdwn, one_line
from handlers.views.parts import Message, context, header, message, section


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One word after `/workbench-access`, and what it does."""

    word: str
    takes: str
    does: str


COMMANDS: Final[tuple[Command, ...]] = (
    Command(word="request", takes="[permission set]", does="ask for access to Workbench roles; opens a form"),
    Command(
        word="verify", takes="[account]", does="check what you have, link by link; only you see the answer"
    ),
    Command(
        word="status",
        takes="[id]",
        does="see what you asked for and what you have, and as an approver what waits for you",
    ),
    Command(
        word="revoke",
        takes="<id>",
        does="give access back early, or as an approver take it away; asks before it does",
    ),
    Command(word="help", takes="", does="show this list"),
)
"""What this version does. Every later command is added here and nowhere else."""


def help_message(
    unknown: str | None, suggestion: str | None, *, support: str, commands: Sequence[Command] = COMMANDS
) -> Message:
    """The list of commands; with `unknown` it says first that this word is none of them."""
    lines = [f"`{mrkdwn(_typed(each))}` – {mrkdwn(each.does)}" for each in commands]
    opening = "Workbench Access gives you access to the AWS roles of Workbench, once an approver agrees."
    if unknown is not None and unknown.strip():
        word = mrkdwn(one_line(unknown, 40))
        meant = f" Did you mean `{ids.COMMAND} {mrkdwn(one_line(suggestion, 40))}`?" if suggestion else ""
        opening = f"“{word}” is not a command of Workbench Access.{meant}"
    said = "; ".join(f"{ids.COMMAND} {each.word}: {mrkdwn(each.does)}" for each in commands)
    return message(
        f"{opening} Commands: {said}.",
        [
            header("Workbench Access"),
            section(opening),
            section("*Commands*\n" + "\n".join(lines)),
            context(f"Questions? Ask {mrkdwn(one_line(support, 100))}."),
        ],
    )


def suggest(word: str, commands: Sequence[Command] = COMMANDS) -> str | None:
    """The command that somebody probably meant."""
    close = get_close_matches(word.strip().lower(), [each.word for each in commands], n=1, cutoff=0.6)
    return close[0] if close else None


def _typed(command: Command) -> str:
    return f"{ids.COMMAND} {command.word} {command.takes}".rstrip()
