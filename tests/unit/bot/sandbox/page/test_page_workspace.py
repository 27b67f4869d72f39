"""What the workspace double keeps for the page: what is unread, what is newest, and what has changed."""

import pytest

from bot.sandbox.scene import ALICE, APPROVALS, BEN, CHRIS, GENERAL, workspace
from bot.sandbox.slack.records import Ephemeral, Message, View
from bot.sandbox.slack.workspace import Workspace


@pytest.fixture
def room() -> Workspace:
    return workspace()


def test_what_others_wrote_is_unread_until_one_looks(room: Workspace) -> None:
    for number in range(3):
        room.post(GENERAL, room.content(f"Message {number}"), user=ALICE)
    of_ben, of_alice = room.unread(BEN, GENERAL), room.unread(ALICE, GENERAL)

    room.mark_read(BEN, GENERAL)
    after = room.unread(BEN, GENERAL)
    room.post(GENERAL, room.content("Later"), user=ALICE)

    assert (of_ben, of_alice, after, room.unread(BEN, GENERAL)) == (3, 0, 0, 1)
    assert room.unread(CHRIS, GENERAL) == 4


def test_replies_and_what_was_deleted_are_not_unread(room: Workspace) -> None:
    card = room.post(APPROVALS, room.content("A card"))
    room.mark_read(BEN, APPROVALS)
    room.post(APPROVALS, room.content("A reply"), thread_ts=card.ts)
    room.delete(room.post(APPROVALS, room.content("A mistake")))

    assert room.unread(BEN, APPROVALS) == 0


def test_nothing_to_read_can_be_read(room: Workspace) -> None:
    room.mark_read(BEN, GENERAL)

    assert room.unread(BEN, GENERAL) == 0


def test_the_newest_come_first_and_replies_stand_in_their_thread(room: Workspace) -> None:
    first = room.post(APPROVALS, room.content("First"))
    second = room.post(APPROVALS, room.content("Second"))
    reply = room.post(APPROVALS, room.content("A reply"), thread_ts=first.ts)
    elsewhere = room.post(GENERAL, room.content("Elsewhere"), user=ALICE)
    again = room.post(APPROVALS, room.content("Another"), thread_ts=first.ts)

    assert list(room.latest(APPROVALS)) == [second, first]
    assert room.messages(APPROVALS) == [first, second, reply, again]
    assert room.replies(APPROVALS, first.ts) == [first, reply, again]
    assert list(room.latest(GENERAL)) == [elsewhere]

    room.delete(reply)
    assert room.replies(APPROVALS, first.ts) == [first, again]
    room.delete(first)
    assert room.replies(APPROVALS, first.ts) == [again]
    assert list(room.latest(APPROVALS)) == [second]


def test_a_watcher_is_told_what_is_new_or_different(room: Workspace) -> None:
    seen: list[Message | Ephemeral | View] = []
    room.watchers.append(seen.append)

    message = room.post(GENERAL, room.content("New"), user=ALICE)
    room.edit(message, room.content("Different"))
    alone = room.post_ephemeral(GENERAL, ALICE, room.content("Only for Alice"))
    view = room.open_view(ALICE, {"type": "modal", "blocks": []})
    room.update_view(view, {"type": "modal", "blocks": []})
    room.close_view(view)
    home = room.publish_home(ALICE, {"type": "home", "blocks": []})
    room.delete(message)
    room.add_user("U0NEW", "new")

    assert seen == [message, message, alone, view, view, view, home, message]
