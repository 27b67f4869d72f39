"""A person at a terminal: reads the commands out of the form, runs them, and sends what they print."""

import asyncio
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bot.sandbox.aws.sessions import Credentials
from bot.sandbox.scene import DATA_SCIENTIST, RULES, SANDBOX
from bot.sandbox.slack.actor import Actor
from bot.sandbox.slack.records import Ephemeral, Message
from tests.integration.conftest import World, words
from tests.integration.tokens import get_token, role_token

PUBLIC_URL = "http://127.0.0.1:1"
BY_CURL = f'public_url = "{PUBLIC_URL}"\n{RULES}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the terminal showed."""

    status: int
    text: str


def sign_in(
    world: World, who: str = "alice", account: str = SANDBOX, name: str = DATA_SCIENTIST
) -> Credentials:
    """`aws sso login`, and the profile of one account."""
    return world.org.sign_in(f"{who}@example.com", name, account)


def arn(role: str, account: str = SANDBOX) -> str:
    return f"arn:aws:iam::{account}:role/{role}"


async def commands(world: World, who: Actor, where: Message | Ephemeral, button: str = "Prove it") -> str:
    """Press the button and copy the commands out of the form."""
    await who.click(where, button)
    await world.screen(who, "aws eks get-token")
    view = who.open_view
    assert view is not None
    block = next(each for each in view.blocks if each["type"] == "rich_text")
    return str(block["elements"][0]["elements"][0]["text"])


def nonce_of(block: str) -> str:
    found = re.search(r"wbv-([0-9a-f]{32,})", block)
    assert found is not None, block
    return found[1]


async def opened(world: World, **fields: Any) -> str:
    """Alice has been granted something and has her commands; their nonce."""
    await world.granted(**fields)
    results = await world.dm(world.alice, "Verification results")
    return nonce_of(await commands(world, world.alice, results))


async def both(world: World, nonce: str, role: str, account: str = SANDBOX) -> list[str]:
    """The identity token and the role's, as the stock CLI makes them."""
    session = sign_in(world, account=account)
    return [get_token(session, nonce), await role_token(world.aws, session, nonce, arn(role, account))]


async def send(world: World, nonce: str, body: str | bytes | list[str]) -> Reply:
    """What curl does."""
    assert world.serving is not None
    text = "\n".join([*body, ""]) if isinstance(body, list) else body
    url = f"http://127.0.0.1:{world.serving.port}/prove/{nonce}"
    async with aiohttp.ClientSession() as session, session.post(url, data=text) as answer:
        return Reply(status=answer.status, text=await answer.text())


def proofs_in(world: World) -> list[str]:
    """Everything that anybody was told about a proof."""
    return [words(message) for message in world.slack.workspace.all_messages if "Proved:" in words(message)]


AWS = """\
#!/bin/sh
# Stands for the AWS CLI: prints what is prepared for the profile and the role, or fails as the CLI does.
case "$1 $2" in "eks get-token") ;; *) exit 252 ;; esac
role=me
while [ $# -gt 0 ]; do
  [ "$1" = --role-arn ] && role=${2##*/}
  shift
done
prepared=$(dirname "$0")/${AWS_PROFILE:-default}/$role
[ -f "$prepared" ] && exec cat "$prepared"
echo "An error occurred (AccessDenied) when calling the AssumeRole operation" >&2
exit 254
"""


@dataclass(slots=True)
class Terminal:
    """A shell in which `aws` prints prepared tokens and `curl` is the real one."""

    world: World
    folder: Path

    async def can(self, profile: str, account: str, role: str | None, nonce: str) -> None:
        """From now on `aws eks get-token` answers with this profile for this role, or for the person."""
        session = sign_in(self.world, account=account)
        token = (
            get_token(session, nonce)
            if role is None
            else await role_token(self.world.aws, session, nonce, arn(role, account))
        )
        prepared = self.folder / profile / (role or "me")
        prepared.parent.mkdir(parents=True, exist_ok=True)
        prepared.write_text(token + "\n")

    async def run(self, block: str, shell: str = "bash") -> str:
        """Paste the commands into an interactive shell's place; what appears, errors apart."""
        assert self.world.serving is not None
        program = self.folder / "aws"
        program.write_text(AWS)
        program.chmod(0o755)
        script = block.replace(PUBLIC_URL, f"http://127.0.0.1:{self.world.serving.port}")
        process = await asyncio.create_subprocess_exec(
            shell,
            "-c",
            script,
            env={"PATH": f"{self.folder}:{os.environ['PATH']}"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        shown, _ = await process.communicate()
        return shown.decode()
