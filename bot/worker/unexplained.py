"""Managed statements that this database does not explain: never touched, and reported to the approvers.

They are those of a database that was lost or restored, or of a second bot (docs/operations.md says what to do).
"""

import hashlib
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from itertools import chain, count

from bot.domain.errors import Refusal
from bot.domain.messages import Answer, MessageKind
from bot.domain.names import ChannelId, PermissionSetName
from bot.domain.policy import parse, unexplained
from bot.log import get_logger
from bot.ports.store import Tx
from bot.worker.set_view import SetView

log = get_logger(__name__)


def find(view: SetView, document: str) -> tuple[str, ...]:
    """The Sids of managed statements that neither this database has written nor a grant in it wants."""
    wanted = view.plan(document).sids
    return unexplained(parse(document), view.state.sids | wanted)


def remembered(view: SetView) -> frozenset[str] | None:
    """Those in the policy as we last saw it; None where that one could not be read."""
    try:
        return frozenset(find(view, view.state.document or ""))
    except Refusal:
        return None


def report(
    tx: Tx,
    name: PermissionSetName,
    sids: Sequence[str],
    before: AbstractSet[str] | None,
    channel: ChannelId,
) -> None:
    """Slack owes one message for these Sids, each time that one of them appears.

    They are reported once as long as they stand there. After a policy that could not be read (`before` is None)
    it is not known whether they had gone: what was reported at any time is not reported again.
    """
    found = sorted(sids)
    digest = hashlib.sha256("\n".join(found).encode()).hexdigest()[:16]
    first = f"set/{name}:unexplained:{digest}"
    if before is not None and before >= set(found):
        return
    if before is None and tx.message(first) is not None:
        return
    keys = chain([first], (f"{first}:{number}" for number in count(2)))
    key = next(key for key in keys if tx.message(key) is None)
    log.warning("statements_unexplained", permission_set=name, sids=found)
    facts = (("permission_set", name), *(("sid", sid) for sid in found))
    tx.owe(key, MessageKind.UNEXPLAINED, channel, answer=Answer(facts=facts))
