"""The “Prove it” form: the commands to copy, what they send and what they show; fields for tokens where needed."""

import json
from collections.abc import Callable, Sequence
from typing import Final

from slack_sdk.models.blocks import Block, InputBlock, PlainTextInputElement

from bot.domain.names import AccountId
from bot.domain.proof import CLUSTER_PREFIX, LIFETIME, Challenge, Step
from bot.domain.request import label
from handlers import ids
from handlers.views.escape import mrkdwn, preformatted
from handlers.views.parts import Json, bold, context, counted, listed, modal, section, sections, words

FIELDS: Final = 8
"""Fields of 3,000 characters: room for the tokens of one sign-in and three roles, at 4.3 kB each (aws.md §2.4)."""
FIELD_LENGTH: Final = 3_000
FOLD: Final = 2_900
"""Characters of one printed line, so that each line fits one field."""

_OUTPUT: Final = '--query status.token --output text "$@" || echo "[failed:${n}]"; }'
KEY_NONCE: Final = "nonce"
SHOWS: Final = (
    "*What it shows:* somebody who held these one-time commands assumed the role, and the sign-in that came with it "
    "is your own. It holds for that moment and says nothing about later."
)
SENDS: Final = (
    "*What is sent:* one signed address for each line, good for 15 minutes and for nothing but asking AWS who made "
    "it. No secret key leaves your machine. Post the output nowhere else."
)


def opening() -> Json:
    """Stands while the commands are made."""
    return modal(
        title="Prove it",
        blocks=[section("⏳ Making your commands …")],
        callback_id=ids.VIEW_NOTE,
    )


def checking() -> Json:
    """Stands while AWS is asked about the tokens."""
    text = (
        "⏳ Asking AWS about your tokens … If nothing more appears here within half a minute, press *Prove it* again: "
        "tokens are never kept, so an interruption loses them."
    )
    return modal(title="Prove it", blocks=[section(text)], callback_id=ids.VIEW_NOTE)


def prove_form(
    challenge: Challenge,
    nonce: str,
    *,
    left_out: int,
    public_url: str | None,
    account_name: Callable[[AccountId], str],
) -> Json:
    """The commands. With `public_url` they bring the tokens there; otherwise fields take them in parts."""
    by_hand = public_url is None
    blocks: list[Block] = [
        section(_intro(challenge, account_name)),
        *sections(_how(challenge, by_hand=by_hand)),
        preformatted(commands(challenge, nonce, public_url=public_url)),
        section(f"{SHOWS}\n{SENDS}"),
    ]
    if left_out:
        blocks.append(
            section(f"ℹ️ {counted(left_out, 'more role')}: press *Prove it* once more when these are done.")
        )
    minutes = round(LIFETIME.total_seconds() / 60)
    blocks.append(context(f"Good for {minutes} minutes, for you alone, and once for each role."))
    if by_hand:
        blocks += [_field(number) for number in range(FIELDS)]
    return modal(
        title="Prove it",
        submit="Check" if by_hand else None,
        callback_id=ids.VIEW_PROVE,
        private_metadata=json.dumps({KEY_NONCE: nonce}) if by_hand else None,
        blocks=blocks,
    )


def commands(challenge: Challenge, nonce: str, *, public_url: str | None) -> str:
    """One block for bash and zsh, with nothing but the stock AWS CLI and curl.

    A line that fails leaves a marker with its number, and the next one is tried. There are no comments in it:
    an interactive zsh would run them.
    """
    several = len({target.account for target in challenge.targets}) > 1
    lines = [
        "(",
        f"wbproof() {{ n=$1; shift; aws eks get-token --cluster-name {CLUSTER_PREFIX}{nonce} {_OUTPUT}",
    ]
    for number, step in enumerate(challenge.steps):
        if step.role is None and several:
            lines.append(f"export AWS_PROFILE={placeholder(step.account)}")
        lines.append(f"wbproof {number}{_role(challenge.partition, step)}")
    if public_url is not None:
        # Not -f: the person should read why something was not accepted.
        # In quotes: the brackets of an IPv6 address, and a tilde, mean something to zsh.
        lines.append(f") | curl -sS --data-binary @- '{public_url.rstrip('/')}/prove/{nonce}'")
    else:
        lines.append(f") | tr -d '\\n' | fold -w {FOLD}; echo")
    return "\n".join(lines)


def placeholder(account: AccountId) -> str:
    """Stands for the name of the person's profile in an account."""
    return f"PROFILE-{account}"


def result(lines: Sequence[str], *, all_proved: bool) -> Json:
    """What became of the tokens that came through the form."""
    shown = [
        ("✅ " if line.startswith("proved") else "❌ ") + mrkdwn(line[:1].upper() + line[1:])
        for line in lines
    ]
    end = "" if all_proved else "Press *Prove it* once more to try again, with new commands."
    return modal(
        title="Prove it",
        blocks=[*sections(shown), *([context(end)] if end else [])],
        callback_id=ids.VIEW_NOTE,
    )


def _role(partition: str, step: Step) -> str:
    if step.role is None:
        return ""
    return f" --role-arn arn:{partition}:iam::{step.account}:role/{step.role}"


def _intro(challenge: Challenge, account_name: Callable[[AccountId], str]) -> str:
    accounts = list(dict.fromkeys(target.account for target in challenge.targets))
    about = f" of {bold(label(challenge.request))}" if challenge.request is not None else ""
    where = listed([bold(f"{account_name(each) or 'account'} ({each})") for each in accounts], 4)
    roles = counted(len(challenge.targets), "role")
    return (
        f"These commands let you show that you can assume {roles}{about} in "
        f"{counted(len(accounts), 'account')}: {where}."
    )


def _how(challenge: Challenge, *, by_hand: bool) -> list[str]:
    accounts = list(dict.fromkeys(target.account for target in challenge.targets))
    name = bold(challenge.permission_set)
    if len(accounts) == 1:
        profile = (
            f"1. Sign in with {name} in this account. If that is not your default profile, type "
            "`export AWS_PROFILE=` and its name first (the same as `--profile`)."
        )
    else:
        profile = (
            f"1. Sign in with {name} in each account (`aws sso login`), and put the names of your profiles in place "
            f"of `{placeholder(accounts[0])}` and so on (the same as `--profile`)."
        )
    if by_hand:
        paste = "2. Run all of it in bash or zsh, then copy each printed line into a field below, in order."
    else:
        where = "in the thread of the card" if challenge.request is not None else "here, as a direct message"
        paste = (
            "2. Run all of it in bash or zsh. The answer comes in your terminal; what is proved is also said "
            f"{where}."
        )
    return [profile, paste]


def _field(number: int) -> InputBlock:
    return InputBlock(
        block_id=ids.prove_field(number),
        label=words(f"Printed line {number + 1}", 2000),
        optional=number > 0,
        element=PlainTextInputElement(
            action_id=ids.ACTION_TOKEN,
            max_length=FIELD_LENGTH,
            placeholder=words("Paste one printed line", 150),
        ),
    )
