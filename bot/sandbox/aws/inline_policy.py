"""What Identity Center accepts as an inline policy, with the words of its refusals."""

from __future__ import annotations

import json
import re
from typing import Any

from bot.sandbox.aws.errors import invalid

LONGEST = 32_768
MOST_BYTES = 10_240
"""Without white space; the limit that is met in practice (Quotas and limits in IAM Identity Center)."""

_PATTERN = re.compile(r"[\t\n\r\x20-\xFF]+")
_STATEMENT_KEYS = {
    "Sid",
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}
_VERSIONS = {"2012-10-17", "2008-10-17"}


def check_inline_policy(text: Any) -> None:
    """Raise ValidationException unless Identity Center would take this text."""
    if not isinstance(text, str) or not 1 <= len(text) <= LONGEST:
        raise _constraint(f"Member must have length less than or equal to {LONGEST}")
    if not _PATTERN.fullmatch(text):
        raise _constraint(
            r"Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+"
        )
    size = len(re.sub(r"\s", "", text).encode())
    if size > MOST_BYTES:
        raise invalid(
            "Current size of the non-whitespace characters present in the InlinePolicy Document is "
            f"{size} bytes which has exceeded the maximum limit of {MOST_BYTES} bytes"
        )
    try:
        document = json.loads(text, object_pairs_hook=_no_duplicates)
    except ValueError:
        raise _malformed("Syntax errors in policy.") from None
    _check_document(document)


def _constraint(rule: str) -> Exception:
    return invalid(
        "1 validation error detected: Value at 'inlinePolicy' failed to satisfy constraint: " + rule
    )


def _malformed(why: str) -> Exception:
    return invalid(f"The policy is not valid. {why}")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError("duplicate key")
    return dict(pairs)


def _check_document(document: Any) -> None:
    if not isinstance(document, dict) or set(document) - {"Version", "Id", "Statement"}:
        raise _malformed("Syntax errors in policy.")
    if document.get("Version", "2008-10-17") not in _VERSIONS:
        raise _malformed("Unsupported policy version.")
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise _malformed("Missing required field Statement.")
    for statement in statements:
        _check_statement(statement)
    sids = [statement["Sid"] for statement in statements if statement.get("Sid")]
    if len(sids) != len(set(sids)):
        raise _malformed("Statement IDs (SID) in a single policy must be unique.")


def _check_statement(statement: Any) -> None:
    if not isinstance(statement, dict) or set(statement) - _STATEMENT_KEYS:
        raise _malformed("Syntax errors in policy.")
    if statement.get("Effect") not in {"Allow", "Deny"}:
        raise _malformed("Effect must be Allow or Deny.")
    for one, other in (("Action", "NotAction"), ("Resource", "NotResource")):
        if (one in statement) == (other in statement):
            raise _malformed(f"Policy statement must contain one of {one} and {other}.")
        if not _strings(statement.get(one, statement.get(other))):
            raise _malformed(f"{one} must be a string or a list of strings.")
    if not re.fullmatch(r"[A-Za-z0-9]*", str(statement.get("Sid", ""))):
        raise _malformed("Statement IDs (SID) must be alpha-numeric.")
    if not isinstance(statement.get("Condition", {}), dict):
        raise _malformed("Syntax errors in policy.")


def _strings(value: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    return bool(values) and all(isinstance(one, str) and one for one in values)
