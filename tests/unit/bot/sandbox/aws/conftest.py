"""A small organisation behind its front door, and stock boto3 clients that knock on it."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from bot.sandbox.aws import BOT_KEY, BOT_SECRET, AwsDouble, AwsOrganisation, Credentials, ManualClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

PROD, DEV = "111111111111", "222222222222"
# One session for all tests: it keeps botocore's service models, which are slow to read.
_SESSION = boto3.Session()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def org(clock: ManualClock) -> AwsOrganisation:
    """Alice holds DataScientist in prod; Workbench is deployed in prod and dev for that set."""
    org = AwsOrganisation(clock=clock)
    org.add_account(PROD, "prod")
    org.add_account(DEV, "dev")
    org.add_user("alice@example.com", display_name="Alice")
    org.add_user("bob@example.com", display_name="Bob")
    org.add_group("Scientists", ["bob@example.com"])
    org.add_permission_set("DataScientist")
    org.assign("alice@example.com", "DataScientist", PROD)
    for account in (PROD, DEV):
        org.deploy_workbench(account, sso_groups=["DataScientist"])
    return org


@pytest.fixture
def stopwatch() -> ManualClock:
    """Measures rates: it stands still, so all calls of a test fall into one moment."""
    return ManualClock(0.0)


@pytest.fixture
async def aws(org: AwsOrganisation, stopwatch: ManualClock) -> AsyncIterator[AwsDouble]:
    async with AwsDouble(org, monotonic=stopwatch) as aws:
        yield aws


class Caller:
    """Calls one API as one principal, in a thread, without botocore's retries."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def __call__(self, method: str, **parameters: Any) -> Any:
        return await asyncio.to_thread(getattr(self.client, method), **parameters)

    async def refused(self, method: str, **parameters: Any) -> tuple[str, str]:
        """Code and message of the refusal that is expected."""
        with pytest.raises(ClientError) as caught:
            await self(method, **parameters)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]


@pytest.fixture
def connect(aws: AwsDouble) -> Iterator[Callable[..., Caller]]:
    """`connect("sts")` is the bot; `connect("sts", credentials)` is whoever holds them."""
    clients: list[Any] = []

    def open_client(
        service: str, credentials: Credentials | None = None, region: str | None = None
    ) -> Caller:
        keys: dict[str, Any] = dict(
            credentials or {"aws_access_key_id": BOT_KEY, "aws_secret_access_key": BOT_SECRET}
        )
        make: Any = _SESSION.client
        client = make(
            service,
            endpoint_url=aws.endpoint_url,
            region_name=region or aws.org.region,
            config=Config(retries={"total_max_attempts": 1}, max_pool_connections=50),
            **keys,
        )
        clients.append(client)
        return Caller(client)

    yield open_client
    for client in clients:
        client.close()


class Admin:
    """The bot's sso-admin client, with the ARNs filled in."""

    def __init__(self, call: Caller, org: AwsOrganisation) -> None:
        self.call = call
        self._org = org

    def _where(self, permission_set: str | None) -> dict[str, str]:
        where = {"InstanceArn": self._org.instance_arn}
        if permission_set is not None:
            where["PermissionSetArn"] = self._org.permission_set(permission_set).arn
        return where

    async def __call__(
        self, method: str, permission_set: str | None = "DataScientist", **parameters: Any
    ) -> Any:
        return await self.call(method, **self._where(permission_set), **parameters)

    async def refused(
        self, method: str, permission_set: str | None = "DataScientist", **parameters: Any
    ) -> tuple[str, str]:
        return await self.call.refused(method, **self._where(permission_set), **parameters)

    async def put(self, document: Any, permission_set: str = "DataScientist") -> None:
        text = document if isinstance(document, str) else json.dumps(document)
        await self("put_inline_policy_to_permission_set", permission_set, InlinePolicy=text)

    async def provision(self, account: str | None = PROD, permission_set: str = "DataScientist") -> str:
        """Begin, for one account or for all; answers the request's id."""
        target = (
            {"TargetType": "ALL_PROVISIONED_ACCOUNTS"}
            if account is None
            else {"TargetType": "AWS_ACCOUNT", "TargetId": account}
        )
        answer = await self("provision_permission_set", permission_set, **target)
        return str(answer["PermissionSetProvisioningStatus"]["RequestId"])

    async def status(self, request: str) -> dict[str, Any]:
        answer = await self(
            "describe_permission_set_provisioning_status", None, ProvisionPermissionSetRequestId=request
        )
        status: dict[str, Any] = answer["PermissionSetProvisioningStatus"]
        return status


@pytest.fixture
def admin(connect: Callable[..., Caller], org: AwsOrganisation) -> Admin:
    return Admin(connect("sso-admin"), org)


@pytest.fixture
def grant() -> Callable[..., dict[str, Any]]:
    """A policy that allows to assume one Workbench role, perhaps on a condition."""

    def document(
        account: str = PROD, role: str = "Workbench-BuilderRole", condition: Any = None
    ) -> dict[str, Any]:
        statement: dict[str, Any] = {
            "Sid": "WorkbenchAccess1",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": [f"arn:aws:iam::{account}:role/{role}"],
        }
        if condition is not None:
            statement["Condition"] = condition
        return {"Version": "2012-10-17", "Statement": [statement]}

    return document
