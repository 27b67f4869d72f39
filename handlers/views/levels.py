"""What the reached levels say, and where their sight ends: told once, below the table."""

from collections.abc import Sequence
from typing import Final

from bot.domain.verification import Level
from handlers.views.verification_table import Checked

PREDICTED: Final = (
    "*PREDICTED* means: the role exists, trusts this permission set, and IAM's own simulation says yes. "
    "Only trying it proves it."
)
FURTHER: Final = (
    "Whoever operates Workbench Access can let it see further, with a read-only role there: `member_role` in its "
    "README."
)
UNTRIED: Final = (
    "“Only me” hangs on a condition that nobody here has tried yet, so it stays *CONFIGURED* until one proof has "
    "shown that AWS honours it."
)


def meanings(checked: Sequence[Checked], *, you: bool) -> list[str]:
    """One paragraph for each level that stands in the table, as mrkdwn."""
    found = [each.verification for each in checked if not each.since]
    levels = {each.level for each in found}
    lines = []
    if Level.CONFIGURED in levels:
        blind = any(each.level is Level.CONFIGURED and not each.was_looked_into for each in found)
        lines.append(configured(you=you, blind=blind))
    if any(each.level is Level.CONFIGURED and each.is_untried for each in found):
        lines.append(UNTRIED)
    if Level.PREDICTED in levels:
        lines.append(PREDICTED)
    if Level.PROVEN in levels:
        lines.append(proven(you=you))
    return lines


def configured(*, you: bool, blind: bool) -> str:
    """What CONFIGURED means, and where its sight ends; `blind`: the accounts themselves were not asked."""
    holds = "you hold" if you else "the requester holds"
    means = (
        "*CONFIGURED* means: the inline policy allows it, none of its statements denies it, AWS has "
        f"provisioned it, and {holds} the permission set there."
    )
    if not blind:
        return f"{means} More is not known for sure: see the notes."
    return (
        f"{means} This is seen from the management account alone: whether the role exists there is unknown "
        f"until somebody tries it. {FURTHER}"
    )


def proven(*, you: bool) -> str:
    """What PROVEN means, and that it is of that moment."""
    who = "you have" if you else "the requester has"
    return f"*PROVEN* means: {who} assumed the role at that time and shown it to Workbench Access."
