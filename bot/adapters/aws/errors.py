"""The one place where botocore's errors become ours, and where it is decided what is worth another try."""

import re
from enum import Enum

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    NoAuthTokenError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ServiceNotInRegionError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.parsers import ResponseParserError

from bot.domain.errors import AccessError, Code, Misconfigured, NotFound, Provisioning, Refusal, Unavailable

LONGEST_REASON = 500

AWS_ERRORS = (ClientError, BotoCoreError, ResponseParserError)
"""Everything that a boto3 call raises on purpose; anything else is a bug of ours."""

_THROTTLING = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "SlowDown",
    }
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})
_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "OptInRequired",
    }
)
_MISSING = frozenset({"ResourceNotFoundException", "NoSuchEntity", "AccountNotFoundException"})
_UNREACHABLE = (
    HTTPClientError,
    BotoConnectionError,
    IncompleteReadError,
    ResponseParserError,
    # The container's or machine's own credential service did not answer.
    CredentialRetrievalError,
    MetadataRetrievalError,
)
_SETUP = (
    NoCredentialsError,
    PartialCredentialsError,
    NoRegionError,
    ProfileNotFound,
    ServiceNotInRegionError,
    NoAuthTokenError,
    TokenRetrievalError,
    SSOError,
)

_NO_REGION = (
    "AWS_DEFAULT_REGION is not set: the Region of IAM Identity Center, for example "
    "AWS_DEFAULT_REGION=eu-central-1."
)

_TOO_LARGE = re.compile(r"is (?P<size>\d+) bytes which has exceeded the maximum limit of (?P<limit>\d+)")
"""Identity Center's words for an inline policy that does not fit (aws.md §1.1)."""


class Trouble(Enum):
    """What kind of failure a call met, as far as another try is concerned."""

    CONFLICT = "conflict"
    """An earlier write has not propagated; AWS asks for a retry with back-off, botocore never does one."""
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    FINAL = "final"
    """Trying again would give the same answer."""


def trouble(error: Exception) -> Trouble:
    """Whether the same call may succeed a moment later."""
    if isinstance(error, _UNREACHABLE):
        return Trouble.UNREACHABLE
    if not isinstance(error, ClientError):
        return Trouble.FINAL
    code, status = _code(error), _status(error)
    if code == "ConflictException":
        return Trouble.CONFLICT
    if code in _THROTTLING or status == 429:
        return Trouble.THROTTLED
    return Trouble.UNREACHABLE if status >= 500 else Trouble.FINAL


def retry_after(error: Exception) -> float:
    """Seconds that AWS asks to wait; 0 when it does not say."""
    if not isinstance(error, ClientError):
        return 0.0
    asked = error.response.get("RetryAfterSeconds", 0)
    return float(asked) if isinstance(asked, int | float) else 0.0


def translate(error: Exception, service: str, operation: str) -> AccessError | Misconfigured:
    """Our error for one of `AWS_ERRORS`; to be raised `from error`."""
    where = f"{service}:{operation}"
    match trouble(error):
        case Trouble.CONFLICT:
            return Provisioning(Code.CONFLICT, operation=where, reason=_reason(error))
        case Trouble.THROTTLED:
            return Unavailable(Code.THROTTLED, operation=where, reason=_reason(error))
        case Trouble.UNREACHABLE:
            return Unavailable(Code.AWS_UNAVAILABLE, operation=where, reason=_reason(error))
        case Trouble.FINAL if isinstance(error, ClientError):
            return _refused(error, service, where)
        case Trouble.FINAL if isinstance(error, NoRegionError):
            # The one variable that boto3 reads; AWS_REGION, which other SDKs read, is none to it.
            return Misconfigured([_NO_REGION])
        case Trouble.FINAL if isinstance(error, _SETUP):
            return Misconfigured([f"AWS cannot be asked: {_reason(error)}"])
        case Trouble.FINAL:
            return Provisioning(Code.PROVISIONING_FAILED, operation=where, reason=_reason(error))


def _refused(error: ClientError, service: str, where: str) -> AccessError:
    code, reason = _code(error), _reason(error)
    if code in _DENIED or code in _CREDENTIALS or _status(error) == 403:
        return Provisioning(Code.ACCESS_DENIED, operation=where, reason=reason)
    if code in _MISSING:
        missing = Code.PERMISSION_SET_MISSING if service == "sso-admin" else Code.NOT_FOUND
        return NotFound(missing, operation=where, reason=reason)
    if found := _TOO_LARGE.search(error.response.get("Error", {}).get("Message", "")):
        return Refusal(Code.NO_ROOM, size=int(found["size"]), limit=int(found["limit"]))
    return Provisioning(Code.PROVISIONING_FAILED, operation=where, reason=f"{code}: {reason}")


def one_line(text: str) -> str:
    """AWS's words as they may be stored and shown: one line, not endless."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_REASON else line[: LONGEST_REASON - 1] + "…"


def _code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def _status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def _reason(error: Exception) -> str:
    if not isinstance(error, ClientError):
        return one_line(str(error) or type(error).__name__)
    message = error.response.get("Error", {}).get("Message", "") or _code(error)
    # KMS_…: Identity Center is encrypted with a customer's key that this role may not use (aws.md §1.1).
    detail = error.response.get("Reason")
    return one_line(f"{message} ({detail})" if isinstance(detail, str) and detail else message)
