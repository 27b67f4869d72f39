"""Store what a person did before anything comes of it: an acknowledged click survives a kill."""

from dataclasses import dataclass
from datetime import timedelta

from bot.domain.messages import ClickKind
from bot.domain.names import ChannelId, SlackTeamId, SlackUserId
from bot.domain.request import RequestId
from bot.ports.store import Store, Tx

BEFORE_ACK = timedelta(seconds=2)
"""Slack waits three seconds for the ack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordClick:
    """One short transaction; `bot.usecases.decide_request` decides right after."""

    store: Store

    async def __call__(
        self,
        kind: ClickKind,
        request: RequestId,
        *,
        by: SlackUserId,
        team: SlackTeamId,
        channel: ChannelId | SlackUserId,
        note: str = "",
    ) -> None:
        """Store the click; the answer goes to `channel`, or to the person where that is empty."""

        def record(tx: Tx) -> None:
            tx.add_click(kind=kind, request=request, by=by, team=team, channel=channel or by, note=note)

        await self.store.run(record, within=BEFORE_ACK)
