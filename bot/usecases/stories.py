"""What a message about a request is drawn from."""

from bot.domain.messages import Story
from bot.domain.request import RequestId
from bot.ports.store import Tx


def story_of(tx: Tx, request_id: RequestId | None, outcome: int = 0) -> Story | None:
    """The truth about one request, all of one instant; None without a request. Raises `NotFound`."""
    if request_id is None:
        return None
    request = tx.request(request_id)
    return Story(
        request=request,
        grants=tx.grants_of(request_id),
        pushes=tx.pushes_of(request.ask.permission_set),
        outcome=tx.outcome(request_id, outcome),
        at=tx.now,
        stopped=tx.set_state(request.ask.permission_set).stopped,
    )
