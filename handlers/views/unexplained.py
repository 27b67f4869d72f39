"""Statements that look like ours and that this database does not explain: for the approvers, once."""

from bot.domain.messages import Answer
from handlers.views.escape import mrkdwn, one_line, preformatted
from handlers.views.parts import Message, bold, context, counted, header, message, section

SHOWN = 20
"""More Sids than this help nobody who has the policy open beside them."""


def unexplained(told: Answer, *, support: str) -> Message:
    """To the approvals channel; `told.facts` are those of `bot.worker.unexplained`."""
    name = str(dict(told.facts).get("permission_set", ""))
    sids = [str(value) for key, value in told.facts if key == "sid"]
    listed = [one_line(sid, 100) for sid in sids[:SHOWN]]
    if len(sids) > SHOWN:
        listed.append(f"and {len(sids) - SHOWN} more")
    what = counted(len(sids), "statement")
    return message(
        f"{mrkdwn(one_line(name, 80))}: the inline policy holds {what} of unknown origin. Nothing was touched.",
        [
            header(f"{one_line(name, 80)} · Statements of unknown origin"),
            section(
                f"🔎 *Found, and left alone*: the inline policy of {bold(name)} holds {what} that no request in "
                "this bot's database explains, although the names are the bot's:"
            ),
            preformatted("\n".join(listed), 3_000),
            section(
                "This happens after the database was lost or restored from a backup, or when a second bot "
                "serves the same organization. Nobody loses access by it, and the bot neither changes nor ends "
                "these statements."
            ),
            section(
                "*What an SSO admin can do:* nothing, where another bot looks after them. Otherwise open the "
                "permission set in IAM Identity Center: a statement with a date in its `Condition` ends by "
                "itself; remove by hand what nobody needs any more, then provision the permission set."
            ),
            context(
                f"This is said once for these statements. Questions? Ask {mrkdwn(one_line(support, 100))}."
            ),
        ],
    )
