"""The answer of `/workbench-access verify`, told to the caller alone."""

from collections.abc import Mapping, Sequence
from typing import Final

from slack_sdk.models.blocks import Block

from bot.domain.names import AccountId, PermissionSetName
from bot.domain.verification import Verification
from handlers import ids
from handlers.views.escape import mrkdwn, one_line
from handlers.views.levels import meanings
from handlers.views.parts import (
    Message,
    account_words,
    button,
    buttons,
    context,
    header,
    message,
    section,
    when,
)
from handlers.views.verification_table import Checked, summary, table

_PROVABLE: Final = 5
PROVE_YOURS: Final = (
    "Does it really work? *Prove it* has commands for you that show it, with the AWS CLI alone."
)

Reports = Sequence[tuple[PermissionSetName, Sequence[Verification]]]


def self_check_message(
    reports: Reports,
    *,
    account_names: Mapping[AccountId, str],
    support: str,
    account: AccountId | None = None,
    prove_in: AccountId | None = None,
) -> Message:
    """What the caller really has, per permission set; says how to start where there is nothing to check.

    A failure of the check as a whole is an `answer`, not this.
    """
    checked = [
        Checked(permission_set=name, verification=each)
        for name, verifications in reports
        for each in verifications
    ]
    if not checked:
        return _nothing(account, account_names)
    asked = account_words(account, account_names.get(account, "")) if account is not None else ""
    where = f" in {mrkdwn(asked)}" if asked else ""
    sets = ", ".join(mrkdwn(one_line(name, 40)) for name, found in list(reports)[:5] if found)
    blocks = [
        header("What you have"),
        section(f"{sets}{where}: {summary(checked)}."),
        *table(checked, account_names, support=support, you=True, more="the answer for one account"),
    ]
    blocks += [section(text) for text in meanings(checked, you=True)]
    blocks += _proof(checked, prove_in)
    at = max(each.verification.checked_at for each in checked)
    blocks.append(
        context(f"Checked {when(at)}. For one account, add its id: `{ids.COMMAND} verify 111111111111`.")
    )
    return message(f"Self-check{where} for {sets}: {summary(checked)}.", blocks)


def _proof(checked: Sequence[Checked], account: AccountId | None) -> list[Block]:
    """One button for each permission set that reaches a level."""
    sets = list(dict.fromkeys(each.permission_set for each in checked if each.is_reached))[:_PROVABLE]
    if not sets:
        return []
    where = f"/{account}" if account is not None else ""
    pressed = [
        button(
            "Prove it" if len(sets) == 1 else f"Prove {name}",
            ids.ACTION_PROVE_SET,
            f"{name}{where}",
            names=f"Prove what {name} allows",
        )
        for name in sets
    ]
    # An action_id stands once in a block.
    return [section(PROVE_YOURS), *(buttons(each) for each in pressed)]


def _nothing(account: AccountId | None, names: Mapping[AccountId, str]) -> Message:
    if account is None:
        text = (
            "There is nothing to check yet: you have not asked for access here. "
            f"To start, type `{ids.COMMAND} request`; to check one account, type `{ids.COMMAND} verify` "
            "and its id."
        )
    else:
        where = mrkdwn(account_words(account, names.get(account, "")))
        text = f"No role is configured for {where}. To ask for access, type `{ids.COMMAND} request`."
    return message(text, [section(text)])
