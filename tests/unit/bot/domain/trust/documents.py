"""What the tests of trust policies share: a session, documents, and what comes of both."""

import json
from dataclasses import replace
from typing import Any

from bot.domain.names import AccountId, PermissionSetName, RoleArn
from bot.domain.sso_session import SsoSession
from bot.domain.three_valued import Answer
from bot.domain.trust import TrustVerdict, trusts

Json = dict[str, Any]
ACCOUNT, OTHER = AccountId("111111111111"), AccountId("222222222222")
ROLE = RoleArn(f"arn:aws:iam::{ACCOUNT}:role/Workbench-BuilderRole")
SSO = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/"
SSO_ROLE = f"{SSO}eu-central-1/AWSReservedSSO_DataScientist_0123456789abcdef"
STS_ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_DataScientist_0123456789abcdef"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
YES, NO, UNKNOWN = Answer.YES, Answer.NO, Answer.UNKNOWN

SESSION = SsoSession(
    partition="aws",
    account=ACCOUNT,
    permission_set=PermissionSetName("DataScientist"),
    region="eu-central-1",
    role_arn=SSO_ROLE,
    role_id="AROAEXAMPLE0000000001",
    user_name="alice@example.com",
    organisation="o-example1234",
)
NOT_THERE_YET = replace(SESSION, role_arn=None, role_id=None)


def a_session(
    name: str, region: str = "eu-central-1", known: bool = True, partition: str = "aws"
) -> SsoSession:
    segment = "" if region == "us-east-1" else f"{region}/"
    base = f"arn:{partition}:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/{segment}"
    return replace(
        SESSION,
        partition=partition,
        permission_set=PermissionSetName(name),
        region=region,
        role_arn=f"{base}AWSReservedSSO_{name}_0123456789abcdef" if known else None,
    )


def a_document(*statements: Json, version: str | None = "2012-10-17") -> str:
    """Statements that admit the account, except for what they say otherwise."""
    default: Json = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": "sts:AssumeRole"}
    head = {} if version is None else {"Version": version}
    return json.dumps(head | {"Statement": [default | each for each in statements]})


def ask(document: str | Json, session: SsoSession = SESSION, role: RoleArn = ROLE) -> TrustVerdict:
    return trusts(document, session=session, role_arn=role)


def answer(*statements: Json, session: SsoSession = SESSION, version: str | None = "2012-10-17") -> Answer:
    return ask(a_document(*statements, version=version), session).answer


def under(operator: str, key: str, value: object) -> Json:
    return {"Condition": {operator: {key: value}}}
