"""How these tests build a client: quickly, and with little patience."""

from collections.abc import Callable
from functools import cache
from typing import Any

import boto3
from botocore.client import BaseClient
from botocore.config import Config

from bot.adapters.aws.client import Patience
from bot.sandbox.aws.sessions import BOT_KEY, BOT_SECRET

IMPATIENT = Patience(reads=1.0, writes=1.0, first_pause=0.001, longest_pause=0.01)
"""Real time: long enough for a loaded machine, and pauses that nobody notices."""


@cache
def shared_session() -> boto3.Session:
    """Loading the service models takes most of a client's making."""
    return boto3.Session()


def maker(endpoint_url: str, region: str) -> Callable[[str, dict[str, str]], BaseClient]:
    """What `AwsClient` makes its clients with, only faster."""

    def make(service: str, credentials: dict[str, str]) -> BaseClient:
        keys = credentials or {"aws_access_key_id": BOT_KEY, "aws_secret_access_key": BOT_SECRET}
        config = Config(retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=2)
        session: Any = shared_session()
        client: BaseClient = session.client(
            service, region_name=region, endpoint_url=endpoint_url, config=config, **keys
        )
        return client

    return make
