"""The sandbox's page from outside: what each person sees, what Slack would say, and what the switches do."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.scene import ALICE, APPROVALS, BEN, CHRIS, DANA, GENERAL, STRANGER
from bot.sandbox.slack.render import mentions
from tests.integration.page_visitor import PATIENCE, Visitor, visiting

MARKUP = "<!channel> <@U0BEN> <script>alert(1)</script> & more"


@pytest.fixture
async def visitor(tmp_path: Path) -> AsyncIterator[Visitor]:
    """A page with nobody but the doubles behind it: these tests need no bot."""
    async with visiting(tmp_path, with_bot=False) as made:
        yield made


def modal(title: str = "A form") -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": "type_reason", "max_length": 20}
    field = {
        "type": "input",
        "block_id": "reason",
        "label": {"type": "plain_text", "text": "Reason"},
        "element": element,
    }
    return {
        "type": "modal",
        "title": {"type": "plain_text", "text": title},
        "submit": {"type": "plain_text", "text": "Send"},
        "blocks": [field],
    }


# What each person sees


async def test_what_is_typed_is_text_and_mentions_nobody(visitor: Visitor) -> None:
    await visitor.post("api/say", **{"as": ALICE, "channel": GENERAL, "text": MARKUP})

    (stored,) = visitor.page.stage.workspace.all_messages
    (shown,) = await visitor.messages(BEN, GENERAL)
    assert mentions(stored) == set()
    assert shown["text"] == (
        "&lt;!channel&gt; &lt;@U0BEN&gt; &lt;script&gt;alert(1)&lt;/script&gt; &amp; more"
    )


async def test_people_see_their_own_channels_and_no_others(visitor: Visitor) -> None:
    workspace = visitor.page.stage.workspace
    card = workspace.post(APPROVALS, workspace.content("A card"))

    places = {
        who: [c["id"] for c in (await visitor.get("api/workspace", **{"as": who}))["channels"]]
        for who in (ALICE, DANA, STRANGER)
    }
    of_alice = await visitor.not_found("api/channel", **{"as": ALICE, "channel": APPROVALS})
    thread = {"as": ALICE, "channel": APPROVALS, "ts": card.ts}
    await visitor.not_found("api/thread", **thread)
    unread = await visitor.get("api/workspace", **{"as": DANA})

    assert places == {
        ALICE: [GENERAL, "D0ALICE"],
        DANA: [GENERAL, APPROVALS, "D0DANA"],
        STRANGER: [APPROVALS],
    }
    assert of_alice == "Alice Smith is not in this channel."
    assert {c["id"]: c["unread"] for c in unread["channels"]} == {GENERAL: 0, APPROVALS: 1, "D0DANA": 0}
    assert [m["text"] for m in await visitor.messages(DANA, APPROVALS)] == ["A card"]


async def test_a_message_for_one_person_is_seen_by_that_person_alone(visitor: Visitor) -> None:
    workspace = visitor.page.stage.workspace
    alone = workspace.post_ephemeral(APPROVALS, BEN, workspace.content("Only for Ben"))

    (shown,) = await visitor.messages(BEN, APPROVALS)

    assert (shown["text"], shown["ephemeral"], shown["user"]) == ("Only for Ben", True, workspace.bot_user_id)
    assert await visitor.messages(CHRIS, APPROVALS) == []
    where = {"channel": APPROVALS, "ts": alone.ts, "ephemeral": True}
    status, _ = await visitor.refused(
        "api/click", **{"as": CHRIS}, message=where, block_id="x", action_id="approve"
    )
    assert status == 404


async def test_nobody_touches_a_form_on_somebody_elses_screen(visitor: Visitor) -> None:
    workspace = visitor.page.stage.workspace
    view = workspace.open_view(ALICE, modal())
    there = {"view": view.id, "block_id": "reason", "action_id": "type_reason"}

    refused = [
        await visitor.refused("api/input", **{"as": BEN}, **there, chosen="Mine"),
        await visitor.refused("api/submit", **{"as": BEN}, view=view.id),
        await visitor.refused("api/close", **{"as": BEN}, view=view.id),
    ]
    of_ben = await visitor.get("api/workspace", **{"as": BEN})

    assert {status for status, _ in refused} == {404}
    assert of_ben["views"] == []
    assert workspace.stack(ALICE) == [view]
    assert view.values["reason"]["type_reason"]["value"] is None


async def test_what_a_person_fills_in_is_kept_and_checked_before_it_is_sent(visitor: Visitor) -> None:
    workspace = visitor.page.stage.workspace
    view = workspace.open_view(ALICE, modal())
    there = {"as": ALICE, "view": view.id, "block_id": "reason", "action_id": "type_reason"}

    empty = await visitor.post("api/submit", **{"as": ALICE, "view": view.id})
    await visitor.post("api/input", **there, chosen="x" * 21)
    long = await visitor.post("api/submit", **{"as": ALICE, "view": view.id})
    await visitor.post("api/input", **there, chosen="Short")
    workspace.update_view(view, modal("Redrawn"))
    wrong_kind, _ = await visitor.refused("api/input", **there, chosen=["a", "list"])
    (shown,) = (await visitor.get("api/workspace", **{"as": ALICE}))["views"]

    assert (empty["ok"], empty["payload_id"]) == (False, 0)
    assert empty["errors"] == {"reason": "Please complete this required field."}
    assert long["errors"] == {"reason": "Must be at most 20 characters."}
    assert wrong_kind == 400
    assert (shown["title"], shown["version"]) == ("Redrawn", 2)
    assert shown["values"]["reason"]["type_reason"]["value"] == "Short"
    assert shown["errors"] == {}
    assert await visitor.get("api/payloads") == []


async def test_news_reach_whom_they_concern_and_nobody_else(visitor: Visitor) -> None:
    workspace = visitor.page.stage.workspace
    start = visitor.page.hub.seq
    card = workspace.post(APPROVALS, workspace.content("A card"))
    workspace.post(APPROVALS, workspace.content("A reply"), thread_ts=card.ts)
    workspace.edit(card, workspace.content("A card, decided"))
    workspace.post_ephemeral(APPROVALS, CHRIS, workspace.content("Only for Chris"))
    workspace.open_view(BEN, modal())
    gone = workspace.post(APPROVALS, workspace.content("A mistake"))
    workspace.delete(gone)
    await visitor.post("api/say", **{"as": ALICE, "channel": GENERAL, "text": "The end"})

    seen = {who: await _until_the_end(visitor, who, start) for who in (ALICE, BEN, CHRIS)}

    assert seen[ALICE] == ["message The end"]
    assert seen[BEN] == [
        "message A reply",
        "message A card, decided (1 reply)",
        "views A form",
        "gone",
        "message The end",
    ]
    assert seen[CHRIS] == [
        "message A reply",
        "message A card, decided (1 reply)",
        "message Only for Chris",
        "gone",
        "message The end",
    ]


async def _until_the_end(visitor: Visitor, who: str, start: int) -> list[str]:
    seen: list[str] = []
    async with asyncio.timeout(PATIENCE), aclosing(visitor.events(who, after=start)) as news:
        async for _, name, data in news:
            if name in {"message", "gone", "views"}:
                said = data.get("text") or (data["views"][0]["title"] if name == "views" else "")
                replies = f" ({data['reply_count']} reply)" if data.get("reply_count") else ""
                seen.append(f"{name} {said}{replies}".strip())
            if seen[-1:] == ["message The end"]:
                break
    return seen


async def test_a_full_channel_is_read_page_by_page(visitor: Visitor) -> None:
    workspace = visitor.page.stage.workspace
    for number in range(2_000):
        workspace.post(GENERAL, workspace.content(f"Message {number}"), user=ALICE)

    newest = await visitor.get("api/channel", **{"as": BEN, "channel": GENERAL, "limit": "100"})
    before = newest["messages"][0]["ts"]
    older = await visitor.get(
        "api/channel", **{"as": BEN, "channel": GENERAL, "limit": "100", "before": before}
    )

    assert [m["text"] for m in newest["messages"]] == [f"Message {n}" for n in range(1_900, 2_000)]
    assert [m["text"] for m in older["messages"]] == [f"Message {n}" for n in range(1_800, 1_900)]
    assert (newest["more"], older["more"]) == (True, True)


async def test_one_more_message_in_a_full_channel_is_one_event_and_its_unread_mark(visitor: Visitor) -> None:
    workspace = visitor.page.stage.workspace
    for number in range(2_000):
        workspace.post(GENERAL, workspace.content(f"Message {number}"), user=ALICE)
    before = visitor.page.hub.seq

    workspace.post(GENERAL, workspace.content("One more"), user=ALICE)

    assert visitor.page.hub.seq - before == 2


# What Slack would say, and the bot that is not there


async def test_a_bot_that_is_not_there_is_told_as_slack_tells_it(visitor: Visitor) -> None:
    line = {"as": ALICE, "channel": GENERAL, "text": "/workbench-access request"}

    deaf = await visitor.post("api/command", **line)
    unknown = await visitor.post("api/command", **{**line, "text": "/remind me"})
    elsewhere = await visitor.post("api/command", **{**line, "channel": APPROVALS})
    direct = await visitor.post("api/say", **{**line, "channel": "D0ALICE"})
    (payload,) = await visitor.get("api/payloads")

    assert (deaf["ok"], deaf["error"], deaf["payload_id"]) == (False, "dispatch_failed", 1)
    assert deaf["sentence"] == "/workbench-access failed with the error “dispatch_failed”"
    assert (unknown["ok"], unknown["sentence"]) == (False, "/remind is not a valid command.")
    assert (elsewhere["ok"], elsewhere["payload_id"]) == (False, 0)
    assert (direct["ok"], direct["error"]) == (False, "restricted_action")
    assert (payload["kind"], payload["as"], payload["summary"]) == ("command", ALICE, line["text"])
    assert payload["answer"]["status"] is None
    assert len(payload["headers"]["X-Slack-Signature"]) < 20


# What breaks, and is mended


async def test_switches_change_what_aws_holds_and_can_be_taken_back(visitor: Visitor) -> None:
    start = await visitor.get("api/switches")
    account, role = "111111111111", "Workbench-BuilderRole"
    wishes: list[dict[str, Any]] = [
        {"name": "slow_provisioning"},
        {"name": "throttle"},
        {"name": "slack_down"},
        {"name": "wrong_trust", "account": account},
        {"name": "scp_deny", "account": account},
        {"name": "delete_role", "account": account, "role": role},
    ]

    for wish in wishes:
        await visitor.post("api/switch", **wish, value=True)
    await visitor.post("api/switch", name="fail_account", value=account)
    await visitor.post("api/switch", name="member_role", account=account, value=False)
    broken = await visitor.get("api/switches")
    shown = (await visitor.get("api/aws"))["accounts"][0]
    for wish in reversed(wishes):
        await visitor.post("api/switch", **wish, value=False)
    await visitor.post("api/switch", name="fail_account", value=None)
    mended = await visitor.post("api/switch", name="member_role", account=account, value=True)

    assert broken["slow_provisioning"]
    assert broken["throttle"]
    assert broken["slack_down"]
    assert broken["fail_account"] == account
    assert broken["deleted_roles"][account] == [role]
    assert role not in broken["wrong_trust"][account]
    assert len(broken["wrong_trust"][account]) == 2
    assert not broken["member_role"][account]
    assert broken["scp_deny"][account]
    assert {r["name"]: (r["exists"], r["trusts"]) for r in shown["roles"]}[role] == (False, ["DataScientist"])
    assert mended["switches"] == start


async def test_an_edit_in_the_console_is_shown_as_one(visitor: Visitor) -> None:
    before = await visitor.get("api/policy", set="DataScientist")

    for _ in range(6):
        await visitor.post("api/switch", name="console_edit", set="DataScientist")
    (shown,) = [s for s in (await visitor.get("api/aws"))["sets"] if s["name"] == "DataScientist"]

    assert shown["changed_by"] == "console"
    assert shown["previous_text"] != shown["policy_text"]
    assert json.loads(before["policy"])["Statement"][0] in shown["policy"]["Statement"]
    assert len(shown["policy"]["Statement"]) == 5
    assert {a["state"] for a in shown["accounts"]} == {"latest"}
    assert 0 < shown["bytes"] < shown["limit"]
