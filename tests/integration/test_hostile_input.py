"""Nothing that people or AWS write is ever parsed by Slack, believed by the bot, or kept in its log."""

import logging
import time

import pytest

from bot.sandbox.scene import ADMINS, ALICE, BEN, CHRIS, DATA_SCIENTIST, FOREIGN, SANDBOX
from bot.sandbox.slack.actor import Actor
from bot.sandbox.slack.delivery import FORM, Ack, Signing
from bot.sandbox.slack.records import Ephemeral, Message
from bot.sandbox.slack.render import as_text, mentions
from tests.integration.conftest import PATIENCE, World, statement, words

OURS = {f"<@{ALICE}>", f"<@{BEN}>", f"<@{CHRIS}>", f"<!subteam^{ADMINS}>"}
HOSTILE = (
    "<!channel> <!here> <@U0DANA> <!subteam^S0SSOADMINS> @here @everyone <https://evil.example|AWS>\n"
    "✅ *Approved* by <@U0BEN>\n> quoted\n```code```\n&lt;!channel&gt; \u202egnp.exe\u202c \u2066x\u2069 \x00\x07"
)


def all_mentions(world: World) -> set[str]:
    """Whom any version of anything that was ever shown has notified."""
    workspace = world.slack.workspace
    shown: list[Message | Ephemeral] = [*workspace.all_messages, *workspace.all_ephemerals]
    return {one for each in shown for content in each.versions for one in mentions(content)}


# Words


async def test_a_hostile_reason_mentions_nobody_and_leaves_its_frame_nowhere(world: World) -> None:
    await world.start()

    card = await world.asked(reason=HOSTILE)
    await world.ben.click(card, "Details")
    details = await world.screen(world.ben, "gnp.exe")
    view = world.ben.open_view
    assert view is not None
    in_details = mentions(view)
    await world.ben.click(card, "Approve")
    await world.results()
    await world.settled(card)

    assert all_mentions(world) <= OURS
    assert in_details <= OURS
    assert "\u202e" not in "".join([*world.all_read(), details])
    lines = as_text(card.versions[0]).splitlines()
    assert [line for line in lines if "Approved* by" in line] == ["> ✅ *Approved* by <@U0BEN>"]


async def test_the_approvers_are_called_once_and_only_while_they_are_needed(world: World) -> None:
    await world.start()

    card = await world.granted()

    first, last = card.versions[0], card.versions[-1]
    assert words(first.blocks).count(f"<!subteam^{ADMINS}>") == 1
    assert f"<!subteam^{ADMINS}>" not in first.text
    assert f"<!subteam^{ADMINS}>" not in mentions(last)


@pytest.mark.parametrize("letter", ["x", "🐍", "\n", "&", "<"])
async def test_the_longest_reason_is_shown_whole_or_shortened_and_is_accepted(
    world: World, letter: str
) -> None:
    await world.start()

    card = await world.granted(reason="Because " + letter * 985 + " end")

    assert "Because" in words(card)
    assert world.allowed()


async def test_hostile_names_of_accounts_mention_nobody(world: World) -> None:
    world.org.accounts[SANDBOX].name = "<!here> & *x* <@U0DANA> ` ~ \u202egnp"
    await world.start()

    card = await world.granted()
    await world.alice.command("/workbench-access verify")
    await world.told(world.alice, "role checked")

    assert all_mentions(world) <= OURS
    assert "<!here> & " in as_text(card)
    assert "\u202e" not in "".join(world.all_read())


async def test_hostile_words_of_aws_mention_nobody(world: World) -> None:
    world.org.provisioning.fail_in(
        SANDBOX, "<!channel> policy *x* <https://evil.example|click> \u202egnp" * 20
    )
    await world.start()
    card = await world.asked()

    await world.ben.click(card, "Approve")
    await world.results()
    await world.reads(card, "Failed")
    await world.dm(world.alice, "Verification results")

    assert all_mentions(world) <= OURS
    assert "<!channel> policy *x*" in as_text(card)


async def test_a_hostile_reason_of_a_denial_mentions_nobody(world: World) -> None:
    await world.start()
    card = await world.asked()
    await world.ben.click(card, "Deny")
    view = await world.modal(world.ben)

    await world.ben.select(view, "type_reason", HOSTILE)
    await world.ben.submit(view)
    await world.reads(card, "Denied")
    await world.dm(world.alice, "Denied")

    assert all_mentions(world) <= OURS


async def test_hostile_words_after_the_command_mention_nobody(world: World) -> None:
    await world.start()

    await world.alice.command("/workbench-access verify <!channel>")
    await world.alice.command("/workbench-access <!channel>")
    await world.alice.command("/workbench-access request <!channel>")
    await world.answers(world.alice, 2)

    assert all_mentions(world) == set()


async def test_a_real_name_that_looks_like_a_mention_is_no_mention(world: World) -> None:
    world.slack.workspace.users[ALICE].real_name = "<!channel>"
    await world.start()

    await world.granted()

    assert all_mentions(world) <= OURS


# Buttons

FORGED = [
    "WA-1",
    "0",
    "-1",
    "01",
    "1.0",
    "1e3",
    "999999999999999999999",
    "1; DROP TABLE requests",
    "١",
    "",
    "null",
]


@pytest.mark.parametrize(
    ("button", "value"),
    [("Approve", value) for value in FORGED]
    + [
        (button, value) for button in ("Deny", "Details") for value in ("WA-1", "0", "1; DROP TABLE requests")
    ],
)
async def test_a_forged_value_of_a_button_is_answered_and_does_nothing(
    world: World, button: str, value: str
) -> None:
    await world.start()
    card = await world.asked()

    ack = await world.ben.click(card, button, forge={"actions": [{"value": value}]})
    await world.told(world.ben, "Ids look like WA-17")

    assert ack.ok
    assert "Waiting for approval" in words(card)


@pytest.mark.parametrize("button", ["Approve", "Deny", "Details"])
async def test_a_button_of_a_request_that_this_database_does_not_know_is_answered(
    world: World, button: str
) -> None:
    await world.start()
    card = await world.asked()

    await world.ben.click(card, button, forge={"actions": [{"value": "999999"}]})
    await _reads(world, world.ben, "There is no request")

    assert "Waiting for approval" in words(card)


async def test_a_deny_form_of_a_request_that_this_database_does_not_know_is_answered(world: World) -> None:
    await world.start()
    card = await world.asked()
    await world.ben.click(card, "Deny")
    view = await world.modal(world.ben)
    await world.ben.select(view, "type_reason", "Because")

    forged = {"view": {"private_metadata": '{"request": 999999, "channel": "C0APPROVALS"}'}}
    await world.ben.submit(view, forge=forged)

    await world.told(world.ben, "There is no request")


@pytest.mark.parametrize("metadata", ["", "{", "[]", '{"request": "1; DROP"}', '{"request": null}', "5"])
async def test_a_deny_form_with_forged_metadata_is_answered_at_the_field(world: World, metadata: str) -> None:
    await world.start()
    card = await world.asked()
    await world.ben.click(card, "Deny")
    view = await world.modal(world.ben)
    await world.ben.select(view, "type_reason", "Because")

    ack = await world.ben.submit(view, forge={"view": {"private_metadata": metadata}})

    assert "Ids look like WA-17" in ack.errors["reason"]
    assert "Waiting for approval" in words(card)


async def test_a_deny_form_cannot_send_its_answer_to_another_channel(world: World) -> None:
    await world.start()
    card = await world.asked()
    await world.ben.click(card, "Deny")
    view = await world.modal(world.ben)
    await world.ben.select(view, "type_reason", "Because")

    forged = {"view": {"private_metadata": '{"request": 1, "channel": "C0NOWHERE"}'}}
    await world.ben.submit(view, forge=forged)
    await world.reads(card, "Denied")
    await _reads(world, world.ben, "You denied WA-1")


async def test_a_button_of_an_older_card_says_what_has_become_of_the_request(world: World) -> None:
    await world.start()
    card = await world.granted()

    await world.chris.click(card, "Approve", version=0)
    await world.told(world.chris, f"approved by <@{BEN}>")
    await world.chris.click(card, "Deny", version=0)

    await world.screen(world.chris, "decided already")


async def test_a_button_pressed_on_the_requesters_copy_with_an_approvers_action_is_checked(
    world: World,
) -> None:
    await world.start()
    card = await world.asked()
    copy = await world.dm(world.alice, "Waiting for approval")

    await world.alice.click(copy, "Details", forge={"actions": [{"action_id": "approve"}]})

    await world.told(world.alice, "your own request")
    assert "Waiting for approval" in words(card)


# Payloads that are not Slack's

SECRET_WORDS = "payload of nobody's business"


async def send(world: World, body: bytes, content_type: str = FORM, signing: Signing | None = None) -> Ack:
    return await world.slack.send_raw(body, world.slack.delivery.signed_headers(body, content_type, signing))


def now(shift: int = 0) -> str:
    return str(int(time.time()) + shift)


SIGNATURES = {
    "wrong secret": lambda: Signing(secret="somebody-else"),
    "no signature": lambda: Signing(signature=""),
    "cut signature": lambda: Signing(signature="v0=abc"),
    "signature of text": lambda: Signing(signature="ünïcödé".encode().decode("latin-1")),
    "old": lambda: Signing(timestamp=now(-301)),
    "from the future": lambda: Signing(timestamp=now(400)),
    "no timestamp": lambda: Signing(timestamp=""),
    "timestamp of words": lambda: Signing(timestamp="yesterday"),
    "negative timestamp": lambda: Signing(timestamp="-" + now()),
    "decimal timestamp": lambda: Signing(timestamp=now() + ".5"),
    "huge timestamp": lambda: Signing(timestamp="9" * 400),
    "other digits": lambda: Signing(timestamp="١٧٠٠٠٠٠٠٠٠".encode().decode("latin-1")),
}


BODIES = {
    "command": (f"command=/workbench-access&text={SECRET_WORDS}".encode(), FORM),
    "event": (f'{{"type":"event_callback","event":"{SECRET_WORDS}"}}'.encode(), "application/json"),
    "broken payload": (f"payload={{{SECRET_WORDS}".encode(), FORM),
}


@pytest.mark.parametrize(
    ("how", "what"), [*((how, "command") for how in SIGNATURES), *(("wrong secret", what) for what in BODIES)]
)
async def test_what_is_not_signed_by_slack_gets_401_and_is_not_logged(
    world: World, caplog: pytest.LogCaptureFixture, how: str, what: str
) -> None:
    caplog.set_level(logging.INFO)
    await world.start()

    ack = await send(world, *BODIES[what], SIGNATURES[how]())

    assert ack.status == 401
    assert SECRET_WORDS not in caplog.text


BROKEN = {
    "broken payload": (f"payload={{{SECRET_WORDS}".encode(), FORM),
    "payload of a list": (b"payload=[1,2]", FORM),
    "payload of null": (b"payload=null", FORM),
    "broken JSON": (f"{{{SECRET_WORDS}".encode(), "application/json"),
    "a list": (b"[1,2]", "application/json"),
    "a number": (b"5", "application/json"),
    "nothing": (b"", FORM),
    "bytes": (b"\xff\xfe\x00", FORM),
    "no fields": (b"x=y", FORM),
    "actions without names": (b'payload={"type":"block_actions","user":{"id":"U0BEN"},"actions":[{}]}', FORM),
    "a view of text": (b'payload={"type":"view_submission","user":{"id":"U0BEN"},"view":"V1"}', FORM),
    "deep": (b"payload=" + b"[" * 5_000 + b"]" * 5_000, FORM),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_what_is_no_payload_is_refused_and_not_logged_even_when_it_is_signed(
    world: World, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    caplog.set_level(logging.INFO)
    await world.start()

    ack = await send(world, *BROKEN[what])
    healthy = await world.alice.command("/workbench-access help")

    assert ack.status is not None
    assert ack.status < 500
    assert SECRET_WORDS not in caplog.text
    assert healthy.ok


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
@pytest.mark.parametrize("signing", [None, Signing(secret="somebody-else")], ids=["signed", "unsigned"])
async def test_an_endless_body_is_refused(world: World, signing: Signing | None) -> None:
    await world.start()

    ack = await send(world, b"text=" + b"x" * 2_000_000, FORM, signing)

    assert ack.status in {401, 413}
    assert (await world.alice.command("/workbench-access help")).ok


async def test_slacks_challenge_is_answered_when_the_address_is_entered(world: World) -> None:
    await world.start()

    right = await world.slack.delivery.url_verification("abc123")
    wrong = await world.slack.delivery.url_verification("abc123", Signing(secret="somebody-else"))

    assert right.body in ({"challenge": "abc123"}, "abc123")
    assert wrong.status == 401


async def test_a_persons_reason_is_never_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await world.start()

    await world.granted(reason=SECRET_WORDS)

    ours = [r for r in caplog.records if r.name.partition(".")[0] in {"bot", "handlers"}]
    assert ours
    assert SECRET_WORDS not in "\n".join(f"{record.getMessage()} {record.__dict__}" for record in ours)


async def test_a_policy_is_never_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.console_edit(statement("Allow", "Elsewhere", sid="SomebodysBusiness"))
    caplog.set_level(logging.INFO)
    await world.start()

    await world.granted()

    assert "SomebodysBusiness" not in caplog.text
    assert FOREIGN["Statement"] == world.foreign()[:1]
    assert DATA_SCIENTIST in "".join(world.all_read())


async def _reads(world: World, who: Actor, has: str) -> None:
    """Wherever it is said: alone in the channel, in a form or in a direct message."""

    def said() -> bool:
        view = who.open_view
        shown: list[Message | object] = [*who.ephemerals(), *who.dm(), *([view.blocks] if view else [])]
        return any(has in words(each) for each in shown)

    await world.slack.wait_for(said, timeout=PATIENCE, what=f"{has!r} for {who.id}")
