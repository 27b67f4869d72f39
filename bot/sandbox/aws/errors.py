"""Errors as AWS puts them on the wire: a code that clients match on, and a sentence."""

from __future__ import annotations

from typing import Any


class ServiceError(Exception):
    """An answer that the calling SDK turns into its ClientError with `code`.

    `fields` are further members of the JSON body, e.g. ResourceType of the identity store.
    """

    def __init__(self, code: str, message: str, *, status: int = 400, **fields: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields


def not_found(message: str, **fields: Any) -> ServiceError:
    return ServiceError("ResourceNotFoundException", message, **fields)


def invalid(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def conflict() -> ServiceError:
    """The text that was seen from the real service while an earlier write still ran."""
    return ServiceError("ConflictException", "There is a conflicting operation in process.")


def throttled(message: str = "Rate exceeded") -> ServiceError:
    return ServiceError("ThrottlingException", message)


def denied(message: str) -> ServiceError:
    return ServiceError("AccessDeniedException", message)
