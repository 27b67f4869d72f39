"""Alice's open challenge with everything behind it, and without Slack: for tokens and answers that must not count."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.aws.sts import StsTokenVerifier, proof_session
from bot.adapters.storage.store import SqlStore
from bot.domain.names import AccountId, IdentityUserId, PermissionSetName, RoleName, SlackTeamId, SlackUserId
from bot.domain.proof import Challenge, Flaw, Report
from bot.domain.request import Target
from bot.sandbox.aws.server import AwsDouble
from bot.sandbox.aws.sessions import Credentials
from bot.sandbox.clock import ShiftedClock
from bot.sandbox.scene import DATA_SCIENTIST, PRODUCTION, SANDBOX, organisation
from bot.usecases.prove_access import ProveAccess, fingerprint
from tests.builders import some_rules
from tests.fakes.identity_center import FakeIdentityCenter
from tests.fakes.people import FakeDirectory
from tests.integration.tokens import get_token, role_token

HOST = "sts.eu-central-1.amazonaws.com"
ROLE = "Workbench-BuilderRole"
NONCE = "7e" * 20
OTHER_NONCE = "5a" * 20
ARN = f"arn:aws:iam::{SANDBOX}:role/{ROLE}"


@dataclass
class Endpoint:
    """Where boto3 would ask STS."""

    url: str
    error: Exception | None = None
    """What a client factory says that cannot make a client."""

    async def where(self) -> str:
        if self.error is not None:
            raise self.error
        return self.url


@dataclass(kw_only=True)
class Desk:
    """Alice's open challenge, and everything that stands behind `POST /prove`."""

    aws: AwsDouble
    store: SqlStore
    prove: ProveAccess
    clock: ShiftedClock
    sts: Endpoint

    def session(self, who: str = "alice", account: str = SANDBOX, name: str = DATA_SCIENTIST) -> Credentials:
        return self.aws.org.sign_in(f"{who}@example.com", name, account)

    def me(self, **options: Any) -> str:
        """Alice's own identity token, as it should be."""
        return get_token(self.session(), NONCE, **options)

    async def role(self, **options: Any) -> str:
        """The role's token, as it should be."""
        return await role_token(self.aws, self.session(), NONCE, ARN, **options)

    async def deliver(self, *tokens: str) -> Report:
        return await self.prove(NONCE, "\n".join(tokens))

    async def flaws(self, *tokens: str) -> list[Flaw | None]:
        """What was said about the one role, and about tokens that fit nowhere; nothing may have been stored."""
        report = await self.deliver(*tokens)
        stored = await self.store.run(lambda tx: tx.proofs_of(SlackUserId("U0ALICE")))
        assert bool(stored) == (None in [finding.flaw for finding in report.findings])
        return [finding.flaw for finding in report.findings]


def a_challenge(clock: ShiftedClock) -> Challenge:
    return Challenge(
        id=fingerprint(NONCE),
        team=SlackTeamId("T0HOME"),
        user=SlackUserId("U0ALICE"),
        identity=IdentityUserId("alice-id"),
        sso_user="alice@example.com",
        partition="aws",
        permission_set=PermissionSetName(DATA_SCIENTIST),
        targets=(Target(account=AccountId(SANDBOX), role=RoleName(ROLE)),),
        request=None,
        issued_at=clock.now(),
    )


@asynccontextmanager
async def a_desk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """Alice may assume every role of her account; no proxy stands between."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    clock = ShiftedClock()
    async with AsyncExitStack() as stack:
        org = organisation()
        for account in (SANDBOX, PRODUCTION):
            statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
            org.console_edit(DATA_SCIENTIST, {"Version": "2012-10-17", "Statement": [statement]})
            org.provision_now(DATA_SCIENTIST, account)
        aws = await stack.enter_async_context(AwsDouble(org))
        store = SqlStore(f"sqlite:///{folder / 'access.db'}", clock=clock)
        await store.open()
        stack.push_async_callback(store.close)
        session = await stack.enter_async_context(proof_session())
        sts = Endpoint(aws.endpoint_url)
        prove = ProveAccess(
            store=store,
            rules=some_rules(),
            clock=clock,
            identity_center=FakeIdentityCenter(),
            directory=FakeDirectory(),
            verifier=StsTokenVerifier(session, endpoint=sts.where, clock=clock),
        )
        await store.run(lambda tx: tx.add_challenge(a_challenge(clock)))
        yield Desk(aws=aws, store=store, clock=clock, sts=sts, prove=prove)
