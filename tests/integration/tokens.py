"""What `aws eks get-token` prints, made by botocore as the AWS CLI makes it, from a person's session in the double."""

import asyncio
import base64
from typing import Any

import boto3
from botocore.config import Config

from bot.sandbox.aws.server import AwsDouble
from bot.sandbox.aws.sessions import Credentials

REGION = "eu-central-1"
_OWN_ADDRESSES = Config(ignore_configured_endpoint_urls=True)  # type: ignore[call-arg]  # newer than the stubs
"""Else boto3 would sign for the double's address."""


def presigned(credentials: Credentials, cluster: str | None, *, region: str = REGION, **options: Any) -> str:
    """The URL inside a token: awscli's `eks/get_token.py`, with its two handlers and its sixty seconds."""
    config = _OWN_ADDRESSES.merge(Config(**options))
    client = boto3.client("sts", region_name=region, config=config, **credentials)
    if cluster is not None:
        client.meta.events.register(
            "before-sign.sts.GetCallerIdentity",
            lambda request, **_: request.headers.add_header("x-k8s-aws-id", cluster),
        )
    url = client.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    return str(url)


def token_of(url: str) -> str:
    """A URL as the CLI prints it."""
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def url_of(token: str) -> str:
    encoded = token.removeprefix("k8s-aws-v1.")
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()


def get_token(credentials: Credentials, nonce: str, **options: Any) -> str:
    """`aws eks get-token --cluster-name wbv-<nonce>`."""
    return token_of(presigned(credentials, f"wbv-{nonce}", **options))


async def assumed(aws: AwsDouble, credentials: Credentials, role_arn: str, name: str = "") -> Credentials:
    """The role's session, as `--role-arn` gets it; raises ClientError where AWS says no."""

    def assume() -> Credentials:
        client = boto3.client("sts", region_name=REGION, endpoint_url=aws.endpoint_url, **credentials)
        answer = client.assume_role(RoleArn=role_arn, RoleSessionName=name or "EKSGetTokenAuth")[
            "Credentials"
        ]
        client.close()
        return Credentials(
            aws_access_key_id=answer["AccessKeyId"],
            aws_secret_access_key=answer["SecretAccessKey"],
            aws_session_token=answer["SessionToken"],
        )

    return await asyncio.to_thread(assume)


async def role_token(
    aws: AwsDouble, credentials: Credentials, nonce: str, role_arn: str, **options: Any
) -> str:
    """`aws eks get-token --cluster-name wbv-<nonce> --role-arn <role>`."""
    return get_token(await assumed(aws, credentials, role_arn), nonce, **options)
