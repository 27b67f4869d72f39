"""“Prove it”, from the button to the thread, with tokens that botocore signs as the AWS CLI does."""

import sqlite3
from contextlib import closing
from datetime import timedelta

from bot.sandbox.scene import PRODUCTION, SANDBOX
from tests.integration.conftest import BUILDER, READ_ONLY, World, buttons, words
from tests.integration.proving import (
    BY_CURL,
    Terminal,
    arn,
    both,
    commands,
    nonce_of,
    opened,
    proofs_in,
    send,
    sign_in,
)
from tests.integration.tokens import role_token


async def test_what_alice_proves_stands_in_the_thread(world: World) -> None:
    world.rules = BY_CURL
    await world.start()
    card = await world.granted()
    results = await world.dm(world.alice, "Verification results")

    block = await commands(world, world.alice, results)
    nonce = nonce_of(block)
    reply = await send(world, nonce, await both(world, nonce, BUILDER))
    said = await world.seen(
        lambda: next((m for m in world.replies(card) if "Proved:" in words(m)), None), what="the proof"
    )

    assert reply.status == 200
    assert reply.text.startswith(
        f"proved: alice@example.com as {BUILDER} in Workbench Sandbox ({SANDBOX}) at "
    )
    assert f"Proved:* <@U0ALICE> as *{BUILDER}* in Workbench Sandbox ({SANDBOX})" in words(said)
    assert f"--role-arn {arn(BUILDER)}" in block
    assert len(proofs_in(world)) == 1


async def test_somebody_else_who_presses_the_button_is_told_whose_it_is(world: World) -> None:
    world.rules = BY_CURL
    await world.start()
    card = await world.granted()

    await world.ben.click(await world.results(card=card), "Prove it")
    told = await world.told(world.ben, "Only")

    assert "Only the person who sent WA-1" in told
    assert world.ben.open_view is None


async def test_the_commands_run_in_a_shell_and_go_on_after_one_that_fails(world: World) -> None:
    """The block itself, in bash, with real curl and a stand-in for `aws` that prints what was signed before."""
    world.rules = BY_CURL
    await world.start()
    card = await world.granted(accounts=(SANDBOX, PRODUCTION), roles=(BUILDER, READ_ONLY))
    results = await world.dm(world.alice, "Verification results")
    block = await commands(world, world.alice, results)
    terminal = Terminal(world, world.folder / "terminal")
    for account in (SANDBOX, PRODUCTION):
        profile = f"{account}-science"
        block = block.replace(f"PROFILE-{account}", profile)
        for role in (None, BUILDER, READ_ONLY):
            if (account, role) != (PRODUCTION, READ_ONLY):
                await terminal.can(profile, account, role, nonce_of(block))

    shown = await terminal.run(block)
    said = await world.seen(
        lambda: next((words(m) for m in world.replies(card) if "Proved:" in words(m)), None), what="the proof"
    )

    lines = shown.splitlines()
    assert sorted(line.split(" ")[0] for line in lines) == ["not", "proved:", "proved:", "proved:"]
    (no,) = [line for line in lines if line.startswith("not")]
    assert no.startswith(
        f"not proved: {READ_ONLY} in Workbench Production ({PRODUCTION}), because the AWS CLI"
    )
    assert said.count("Proved:*") == 3
    assert len(proofs_in(world)) == 1


async def test_what_failed_at_first_can_be_proved_later_and_what_is_proved_counts_once(world: World) -> None:
    world.rules = BY_CURL
    await world.start()
    nonce = await opened(world, roles=(BUILDER, READ_ONLY))
    first = await both(world, nonce, BUILDER)

    partly = await send(world, nonce, [*first, "[failed:2]"])
    again = await send(world, nonce, [*first, (await both(world, nonce, READ_ONLY))[1]])
    over = await send(world, nonce, first)
    await world.seen(lambda: len(proofs_in(world)) == 2, what="both proofs")

    assert [line.split(":")[0] for line in partly.text.splitlines()] == ["proved", "not proved"]
    assert f"proved before: {BUILDER} in Workbench Sandbox ({SANDBOX}); once is enough" in again.text
    assert f"proved: alice@example.com as {READ_ONLY}" in again.text
    assert (over.status, "not open any more" in over.text) == (404, True)
    assert sorted(text.count("Proved:*") for text in proofs_in(world)) == [1, 1]


async def test_ten_minutes_later_the_answer_is_that_of_a_nonce_that_never_was(world: World) -> None:
    world.rules = BY_CURL
    await world.start()
    nonce = await opened(world)
    tokens = await both(world, nonce, BUILDER)

    world.clock.advance(timedelta(minutes=10, seconds=1))
    late = await send(world, nonce, tokens)
    unknown = await send(world, "0" * 40, tokens)
    strange = await send(world, "..no-nonce", tokens)

    assert late == unknown == strange
    assert late.status == 404
    assert proofs_in(world) == []


async def test_a_nonce_takes_ten_deliveries(world: World) -> None:
    world.rules = BY_CURL
    await world.start()
    nonce = await opened(world)

    statuses = [(await send(world, nonce, "hello")).status for _ in range(11)]
    right = await send(world, nonce, await both(world, nonce, BUILDER))

    assert statuses == [200] * 10 + [404]
    assert right.status == 404
    assert proofs_in(world) == []


async def test_more_than_the_tokens_can_be_is_not_read(world: World) -> None:
    world.rules = BY_CURL
    await world.start()
    nonce = await opened(world)

    long = await send(world, nonce, b"x" * 1_000_000)
    right = await send(world, nonce, await both(world, nonce, BUILDER))

    assert (long.status, long.text[:10]) == (413, "not proved")
    assert right.text.startswith("proved: ")


async def test_an_address_that_asks_too_often_waits(world: World) -> None:
    await world.start()

    statuses = [(await send(world, "0" * 40, "x")).status for _ in range(32)]

    assert statuses == [404] * 30 + [429] * 2


async def test_without_a_public_address_the_tokens_go_through_the_form_in_parts(world: World) -> None:
    await world.start()
    await world.granted(roles=(BUILDER, READ_ONLY))
    block = await commands(world, world.alice, await world.dm(world.alice, "Verification results"))
    nonce = nonce_of(block)
    printed = "".join([*(await both(world, nonce, BUILDER)), (await both(world, nonce, READ_ONLY))[1]])
    view = world.alice.open_view
    assert view is not None

    for number, start in enumerate(range(0, len(printed), 700)):
        await world.alice.select(
            view, "paste_token", printed[start : start + 700], block_id=f"token:{number}"
        )
    ack = await world.alice.submit(view)
    screen = await world.screen(world.alice, "Proved:")
    await world.seen(lambda: proofs_in(world), what="the proof in the thread")

    assert ack.ok, ack
    assert screen.count("✅ Proved: alice@example.com as ") == 2
    assert block.rstrip().endswith("| fold -w 2900; echo")
    assert "curl" not in block


async def test_verify_offers_a_proof_that_is_told_by_direct_message(world: World) -> None:
    world.rules = BY_CURL
    await world.start()
    await world.granted()
    await world.alice.command(f"/workbench-access verify {SANDBOX}")
    await world.told(world.alice, "What you have")

    block = await commands(world, world.alice, world.alice.ephemerals()[-1])
    nonce = nonce_of(block)
    reply = await send(world, nonce, await both(world, nonce, BUILDER))
    said = await world.dm(world.alice, "Proved:")

    assert f"proved: alice@example.com as {BUILDER}" in reply.text
    assert words(said).count("Proved:*") == 1


async def test_the_results_offer_it_to_all_and_the_card_does_not(world: World) -> None:
    world.rules = BY_CURL
    await world.start()
    card = await world.granted()

    thread, copy = await world.results(card=card), await world.dm(world.alice, "Verification results")

    assert buttons(thread) == ["Prove it"]
    assert buttons(copy) == ["Prove it", "I'm done"]
    assert "Prove it" not in buttons(card)


async def test_a_silent_aws_proves_nothing_and_costs_nothing(world: World) -> None:
    world.rules = BY_CURL
    await world.start()
    nonce = await opened(world)
    tokens = await both(world, nonce, BUILDER)

    world.aws.faults.http("sts", "GetCallerIdentity", status=503, times=2)
    down = await send(world, nonce, tokens)
    up = await send(world, nonce, tokens)

    assert f"not proved: {BUILDER} in Workbench Sandbox ({SANDBOX}), because AWS did not answer" in down.text
    assert up.text.startswith("proved: ")


async def test_a_proof_needs_the_same_persons_sign_in_in_each_account(world: World) -> None:
    world.rules = BY_CURL
    await world.start()
    nonce = await opened(world, accounts=(SANDBOX, PRODUCTION))
    there = sign_in(world, account=PRODUCTION)

    reply = await send(
        world,
        nonce,
        [
            *(await both(world, nonce, BUILDER)),
            await role_token(world.aws, there, nonce, arn(BUILDER, PRODUCTION)),
        ],
    )

    assert f"proved: alice@example.com as {BUILDER} in Workbench Sandbox" in reply.text
    assert "not proved" in reply.text
    assert "no token of your own sign-in in that account" in reply.text


async def test_what_is_proved_is_proven_to_verify(world: World) -> None:
    world.rules = BY_CURL
    await world.start()
    nonce = await opened(world)

    await world.alice.command("/workbench-access verify")
    before = await world.told(world.alice, "What you have")
    await send(world, nonce, await both(world, nonce, BUILDER))
    await world.alice.command("/workbench-access verify")
    after = await world.told(world.alice, "PROVEN")

    assert "PROVEN" not in before
    assert "1 role checked: 1 PROVEN" in after


async def test_the_first_proof_of_only_me_shows_that_aws_honours_it(world: World) -> None:
    world.rules = f'member_role = "WorkbenchAccessVerifier"\n{BY_CURL}'
    world.org.deploy_member_role(SANDBOX)
    await world.start()
    nonce = await opened(world, scope="Only me")

    reply = await send(world, nonce, await both(world, nonce, BUILDER))
    with closing(sqlite3.connect(world.folder / "access.db")) as database:
        stored = database.execute("SELECT role, only_me FROM proofs").fetchall()

    assert reply.text.startswith("proved: ")
    assert stored == [(BUILDER, 1)]
