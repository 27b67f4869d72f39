"""The answer of `/workbench-access verify`, told to the caller alone."""

from collections.abc import Mapping, Sequence

from bot.domain.names import AccountId, PermissionSetName
from bot.domain.verification import Level, Verification
from handlers import ids
from handlers.views.escape import mrkdwn, one_line
from handlers.views.outcome import PREDICTED, configured
from handlers.views.parts import Message, account_words, context, header, message, section, when
from handlers.views.verification_table import Checked, summary, table

Reports = Sequence[tuple[PermissionSetName, Sequence[Verification]]]


def self_check_message(
    reports: Reports,
    *,
    account_names: Mapping[AccountId, str],
    support: str,
    account: AccountId | None = None,
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
    levels = {each.verification.level for each in checked}
    meanings = [configured(you=True)] if Level.CONFIGURED in levels else []
    meanings += [PREDICTED] if Level.PREDICTED in levels else []
    blocks += [section(text) for text in meanings]
    at = max(each.verification.checked_at for each in checked)
    blocks.append(
        context(f"Checked {when(at)}. For one account, add its id: `{ids.COMMAND} verify 111111111111`.")
    )
    return message(f"Self-check{where} for {sets}: {summary(checked)}.", blocks)


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
