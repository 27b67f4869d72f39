"""The guided tour over HTTP, from the first command to the end of the access, with a bot that is killed on the way."""

import asyncio
import json
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

from bot.sandbox.scene import ALICE, DATA_SCIENTIST, GENERAL, SANDBOX
from tests.integration.page_visitor import BUILDER, PATIENCE, Visitor, visiting

DIRECT = "D0ALICE"


async def step(visitor: Visitor, number: int) -> None:
    """Wait until the tour is at this step; 6 is its end."""

    async def look() -> bool | None:
        tour = await visitor.get("api/tour")
        done = [each["n"] for each in tour["steps"] if each["done"]]
        return True if done == list(range(1, number)) and tour["finished"] == (number == 6) else None

    await visitor.until(look)


async def test_the_tour_can_be_followed_to_its_end_though_the_bot_is_killed(tmp_path: Path) -> None:
    async with visiting(tmp_path) as visitor:
        await visitor.running()
        # Without the role that lets the bot look into the account, what it can say is “configured”.
        await visitor.post("api/switch", name="member_role", account=SANDBOX, value=False)
        await visitor.post("api/tour", do="start")
        await step(visitor, 1)

        card = await visitor.asks()
        await step(visitor, 2)
        assert not await visitor.can()

        await visitor.post("api/switch", name="slow_provisioning", value=True)
        assert (await visitor.approves(card))["ok"]
        await step(visitor, 3)
        killed = await visitor.post("api/bot", do="kill")
        deaf = await visitor.post(
            "api/command", **{"as": ALICE, "channel": GENERAL, "text": "/workbench-access help"}
        )
        assert (killed["state"], killed["pid"], killed["ready"]) == ("stopped", None, None)
        assert (deaf["ok"], deaf["error"]) == (False, "dispatch_failed")
        assert "dispatch_failed" in deaf["sentence"]
        # AWS finishes meanwhile, with nobody there to see it.
        await visitor.post("api/clock", advance_seconds=30)
        await visitor.post("api/switch", name="slow_provisioning", value=False)
        started = await visitor.post("api/bot", do="start")
        assert (started["state"], started["restarts"]) == ("running", 1)

        results = await visitor.results(card)
        told = await visitor.table(ALICE, DIRECT)
        assert "CONFIGURED" in json.dumps(results["blocks"])
        assert "CONFIGURED" in json.dumps(told["blocks"])
        assert await visitor.can()
        await step(visitor, 3)
        await visitor.post("api/read", **{"as": ALICE, "channel": DIRECT})
        await step(visitor, 4)

        await visitor.post("api/switch", name="remove_ours", set=DATA_SCIENTIST)
        asked = await visitor.post(
            "api/command", **{"as": ALICE, "channel": GENERAL, "text": "/workbench-access verify"}
        )
        report = await visitor.table(ALICE, GENERAL, ephemeral=True)
        assert asked["ok"]
        assert not await visitor.can()
        assert "CONFIGURED" not in json.dumps(report["blocks"]).replace("NOT CONFIGURED", "")
        await step(visitor, 5)

        before = (await visitor.get("api/bot"))["pid"]
        await visitor.post("api/clock", advance_seconds=2 * 86_400)
        after = await visitor.get("api/bot")
        await step(visitor, 6)
        assert after["state"] == "running"
        assert after["pid"] != before
        assert "the clock" in after["note"]
        last = (await visitor.messages(ALICE, DIRECT))[-1]
        assert "ended" in last["text"].casefold()


async def test_people_try_their_access_with_a_session_of_their_own(tmp_path: Path) -> None:
    async with visiting(tmp_path, with_bot=False) as visitor:
        where = {"set": DATA_SCIENTIST, "account": SANDBOX, "role": BUILDER}

        not_yet = await visitor.post("api/assume", **{"as": ALICE}, **where)
        never = await visitor.post("api/assume", **{"as": "U0DANA"}, **where)
        stranger = await visitor.post("api/assume", **{"as": "U0STRANGER"}, **where)

        assert (not_yet["ok"], "AccessDenied" in not_yet["sentence"]) == (False, True)
        assert (never["ok"], "is not assigned" in never["sentence"]) == (False, True)
        assert (stranger["ok"], "is not known" in stranger["sentence"]) == (False, True)


async def test_after_a_reset_everything_is_as_at_the_start(tmp_path: Path) -> None:
    async with visiting(tmp_path) as visitor:
        async with aclosing(visitor.events(ALICE)) as news:
            first = asyncio.create_task(anext(news))
            await visitor.post("api/say", **{"as": ALICE, "channel": GENERAL, "text": "Hello"})
            await visitor.post("api/switch", name="scp_deny", account=SANDBOX, value=True)
            visitor.page.stage.clock.advance(timedelta(days=1))
            await first

            await visitor.post("api/reset")

            async with asyncio.timeout(PATIENCE):
                while (await anext(news))[1] != "reload":
                    pass
        assert await visitor.messages(ALICE, GENERAL) == []
        assert not any((await visitor.get("api/switches"))["scp_deny"].values())
        assert visitor.page.stage.clock.shift == 0
        await visitor.running()
        asked = await visitor.post(
            "api/command", **{"as": ALICE, "channel": GENERAL, "text": "/workbench-access help"}
        )
        assert asked["ok"]
