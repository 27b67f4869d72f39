"""Each error of AWS becomes one of ours."""

from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from bot.adapters.aws.errors import LONGEST_REASON, Trouble, retry_after, translate, trouble
from bot.domain.errors import (
    AccessError,
    Code,
    Misconfigured,
    NotFound,
    Provisioning,
    Refusal,
    Unavailable,
)


def client_error(code: str, message: str = "Words.", status: int = 400, **more: Any) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **more,
    }
    return ClientError(response, "Operation")


def translated(error: Exception, service: str = "sso-admin") -> AccessError:
    ours = translate(error, service, "Operation")
    assert isinstance(ours, AccessError)
    return ours


@pytest.mark.parametrize(
    ("error", "family", "code"),
    [
        (client_error("ThrottlingException"), Unavailable, Code.THROTTLED),
        (client_error("TooManyRequestsException"), Unavailable, Code.THROTTLED),
        (client_error("429", status=429), Unavailable, Code.THROTTLED),
        (client_error("InternalServerException", status=500), Unavailable, Code.AWS_UNAVAILABLE),
        (client_error("503", status=503), Unavailable, Code.AWS_UNAVAILABLE),
        (ConnectTimeoutError(endpoint_url="x"), Unavailable, Code.AWS_UNAVAILABLE),
        (ReadTimeoutError(endpoint_url="x"), Unavailable, Code.AWS_UNAVAILABLE),
        (EndpointConnectionError(endpoint_url="x"), Unavailable, Code.AWS_UNAVAILABLE),
        (ResponseParserError("a page of HTML"), Unavailable, Code.AWS_UNAVAILABLE),
        (CredentialRetrievalError(provider="x", error_msg="y"), Unavailable, Code.AWS_UNAVAILABLE),
        (client_error("AccessDeniedException"), Provisioning, Code.ACCESS_DENIED),
        (client_error("ExpiredTokenException"), Provisioning, Code.ACCESS_DENIED),
        (client_error("403", status=403), Provisioning, Code.ACCESS_DENIED),
        (client_error("ConflictException"), Provisioning, Code.CONFLICT),
        (client_error("ValidationException"), Provisioning, Code.PROVISIONING_FAILED),
        (client_error("ServiceQuotaExceededException"), Provisioning, Code.PROVISIONING_FAILED),
        (ParamValidationError(report="x"), Provisioning, Code.PROVISIONING_FAILED),
        (client_error("ResourceNotFoundException"), NotFound, Code.PERMISSION_SET_MISSING),
    ],
)
def test_an_error_of_aws_becomes_one_of_ours(error: Exception, family: type, code: Code) -> None:
    ours = translated(error)

    assert type(ours) is family
    assert ours.code is code
    assert ours.facts["operation"] == "sso-admin:Operation"
    assert ours.facts["reason"]


def test_something_missing_elsewhere_is_no_missing_permission_set() -> None:
    ours = translated(client_error("ResourceNotFoundException"), "identitystore")

    assert (type(ours), ours.code) == (NotFound, Code.NOT_FOUND)


def test_a_policy_that_does_not_fit_is_refused_with_its_size_and_the_limit() -> None:
    text = (
        "Current size of the non-whitespace characters present in the InlinePolicy Document is 10405 bytes "
        "which has exceeded the maximum limit of 10240 bytes"
    )

    ours = translated(client_error("ValidationException", text))

    assert (type(ours), ours.code) == (Refusal, Code.NO_ROOM)
    assert ours.facts == {"size": 10405, "limit": 10240}


def test_no_credentials_is_for_the_operator_to_mend() -> None:
    ours = translate(NoCredentialsError(), "sso-admin", "Operation")

    assert isinstance(ours, Misconfigured)
    assert "credentials" in str(ours)


def test_the_reason_is_one_line_and_not_endless() -> None:
    ours = translated(client_error("AccessDeniedException", "one\n two\t" + "x" * 2000))

    reason = str(ours.facts["reason"])
    assert reason.startswith("one two x")
    assert len(reason) == LONGEST_REASON


def test_the_reason_names_a_key_that_may_not_be_used() -> None:
    ours = translated(client_error("AccessDeniedException", "No.", Reason="KMS_AccessDeniedException"))

    assert ours.facts["reason"] == "No. (KMS_AccessDeniedException)"


def test_an_error_without_words_still_has_a_reason() -> None:
    assert translated(client_error("ConflictException", "")).facts["reason"] == "ConflictException"


def test_aws_may_say_how_long_to_wait() -> None:
    assert retry_after(client_error("ThrottlingException", RetryAfterSeconds=7)) == 7.0
    assert retry_after(client_error("ThrottlingException")) == 0.0
    assert retry_after(ReadTimeoutError(endpoint_url="x")) == 0.0


def test_a_refusal_is_not_worth_another_try() -> None:
    assert trouble(client_error("AccessDeniedException", status=400)) is Trouble.FINAL
    assert trouble(ParamValidationError(report="x")) is Trouble.FINAL
