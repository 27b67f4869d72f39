"""The sts service: who am I, and AssumeRole by the simulator's own evaluation."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from bot.sandbox.aws.access import assume
from bot.sandbox.aws.errors import ServiceError

if TYPE_CHECKING:
    from bot.sandbox.aws.organisation import AwsOrganisation
    from bot.sandbox.aws.sessions import Caller

Parameters = dict[str, str]
Answer = dict[str, Any]


class Sts:
    def __init__(self, org: AwsOrganisation) -> None:
        self._org = org

    def answer(self, operation: str, caller: Caller, _region: str, parameters: Parameters) -> Answer:
        """Raises ServiceError."""
        if operation == "GetCallerIdentity":
            return {"UserId": caller.user_id, "Account": caller.account, "Arn": caller.arn}
        if operation == "AssumeRole":
            return self._assume_role(caller, parameters)
        raise ServiceError("InvalidAction", f"{operation} is not simulated.")

    def _assume_role(self, caller: Caller, parameters: Parameters) -> Answer:
        arn, name = parameters.get("RoleArn", ""), parameters.get("RoleSessionName", "")
        if not re.fullmatch(r"[\w+=,.@-]{2,64}", name, re.ASCII):
            raise ServiceError("ValidationError", "Value at 'roleSessionName' failed to satisfy constraint")
        if not re.fullmatch(r"arn:aws[a-z-]*:iam::\d{12}:role/.+", arn):
            raise ServiceError("ValidationError", f"{arn} is invalid")
        seconds = self._duration(caller, parameters)
        extra = {"sts:RoleSessionName": name}
        if "ExternalId" in parameters:
            extra["sts:ExternalId"] = parameters["ExternalId"]
        decision = assume(self._org, caller, arn, extra)
        if not decision.allowed:
            # One and the same sentence for a missing role and a refusing one, as AWS has it.
            tail = f" with {decision.because}" if decision.explicit else ""
            raise ServiceError(
                "AccessDenied",
                f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}{tail}",
                status=403,
            )
        role = self._org.roles.by_arn(arn)
        assert role is not None
        keys, assumed, expires_at = self._org.sessions.open_role(role, name, seconds)
        return {
            "Credentials": {
                "AccessKeyId": keys["aws_access_key_id"],
                "SecretAccessKey": keys["aws_secret_access_key"],
                "SessionToken": keys["aws_session_token"],
                "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expires_at)),
            },
            "AssumedRoleUser": {"AssumedRoleId": assumed.user_id, "Arn": assumed.arn},
        }

    def _duration(self, caller: Caller, parameters: Parameters) -> float:
        text = parameters.get("DurationSeconds", "3600")
        if not text.isdigit() or not 900 <= int(text) <= 43_200:
            raise ServiceError("ValidationError", "Value at 'durationSeconds' failed to satisfy constraint")
        if caller.role_id is not None and int(text) > 3600:
            raise ServiceError(
                "ValidationError",
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
                "role chaining",
            )
        return float(text)
