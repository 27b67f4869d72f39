"""The modal that asks an approver for the reason of a denial; the requester reads it."""

import json
from typing import Final

from slack_sdk.models.blocks import InputBlock, PlainTextInputElement

from bot.domain.names import ChannelId, SlackUserId
from bot.domain.request import REASON_LIMIT, RequestId, label
from handlers import ids
from handlers.views.parts import Json, modal, person, section, words

KEY_REQUEST: Final = "request"
KEY_CHANNEL: Final = "channel"


def deny_form(
    request: RequestId, *, channel: ChannelId | SlackUserId, requester: SlackUserId | None = None
) -> Json:
    """Asks why; `private_metadata` is JSON with the request's number and the channel for the answer."""
    reader = person(requester) if requester is not None else "The requester"
    return modal(
        title=f"Deny {label(request)}",
        submit="Deny",
        close="Go back",
        callback_id=ids.VIEW_DENY,
        private_metadata=json.dumps({KEY_REQUEST: request, KEY_CHANNEL: channel}),
        blocks=[
            section(f"{reader} reads your reason, and so does everybody in the approvals channel."),
            InputBlock(
                block_id=ids.BLOCK_REASON,
                label=words("Reason", 2_000),
                hint=words("Say what would have to change for a yes.", 2_000),
                element=PlainTextInputElement(
                    action_id=ids.ACTION_REASON,
                    multiline=True,
                    max_length=REASON_LIMIT,
                    focus_on_load=True,
                    placeholder=words("Why do you deny this request?", 150),
                ),
            ),
        ],
    )
