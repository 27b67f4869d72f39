"""Plain outcomes, told to the one person who brought them about."""

from enum import StrEnum
from typing import assert_never

from handlers.views.parts import counted
from handlers.views.wording.pen import FactValues, Pen


class Said(StrEnum):
    """What an answer without a code says; stored with the answer, never rename a value."""

    REQUESTED = "requested"
    APPROVED = "approved"
    APPROVAL_COUNTED = "approval_counted"
    DENIED = "denied"
    CANCELLED = "cancelled"
    ALREADY_CANCELLED = "already_cancelled"
    RETRYING = "retrying"
    ALREADY_RETRYING = "already_retrying"
    ENDING = "ending"
    STILL_WORKING = "still_working"


def said(key: str, facts: FactValues) -> str:
    """The sentence of one outcome, as mrkdwn. Raises ValueError for a key that is none."""
    pen = Pen(facts, "", markup=True)
    match Said(key):
        case Said.REQUESTED:
            return (
                f"{pen.request} is on its way to the approvers. "
                "A direct message keeps you up to date; you can cancel it there."
            )
        case Said.APPROVED:
            return (
                f"You approved {pen.request}. The change begins now; the thread of the card shows how it "
                "goes."
            )
        case Said.APPROVAL_COUNTED:
            return (
                f"Your approval of {pen.request} counts: {pen.number('have', 1)} of {pen.number('need', 2)}. "
                "Nothing is changed before the others have agreed."
            )
        case Said.DENIED:
            return f"You denied {pen.request}. The requester reads your reason."
        case Said.CANCELLED:
            return f"You cancelled {pen.request}. Nothing was changed in AWS."
        case Said.ALREADY_CANCELLED:
            return f"{pen.request} had been cancelled already. There is nothing left to do."
        case Said.RETRYING:
            return f"{pen.request} is being tried again; the thread of the card shows how it goes."
        case Said.ALREADY_RETRYING:
            return f"{pen.request} is being tried again already; the thread of the card shows how it goes."
        case Said.ENDING:
            roles = f" to {counted(pen.integer('targets'), 'role')}" if pen.integer("targets") else ""
            return (
                f"The access of {pen.request}{roles} is being ended. It is over once AWS has confirmed it; a "
                "message says so then. Sessions that are open at that moment last at most one hour longer."
            )
        case Said.STILL_WORKING:
            return f"{pen.request} is still being worked on. The card changes when it is done."
        case _ as never:
            assert_never(never)
