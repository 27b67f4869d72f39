"""What comes from the browser, read with suspicion, and the refusals that go back."""

import json
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

BODY_LIMIT: Final = 64 * 1024
TEXT_LIMIT: Final = 4_000
ID_LIMIT: Final = 255


class NoSuch(Exception):
    """Something that is asked for is not there, or not for this person: 404 with a sentence."""

    status = 404


class BadRequest(NoSuch):
    """The page asked for something that makes no sense: 400 with a sentence."""

    status = 400


class Body:
    """A JSON object from the browser; each reader raises `BadRequest` that names the field."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    @classmethod
    async def of(cls, request: web.Request) -> "Body":
        """The body of a POST, which must be a JSON object and say so."""
        if request.content_type != "application/json":
            raise BadRequest("The Content-Type must be application/json.")
        try:
            fields = json.loads(await request.text())
        except (ValueError, LookupError, RecursionError):
            raise BadRequest("The body is not JSON.") from None
        if not isinstance(fields, dict):
            raise BadRequest("The body must be a JSON object.")
        return cls(fields)

    @classmethod
    def of_query(cls, request: web.Request) -> "Body":
        return cls(request.query)

    def __contains__(self, name: str) -> bool:
        return self._fields.get(name) is not None

    def text(self, name: str, *, longest: int = ID_LIMIT, default: str | None = None) -> str:
        value = self._fields.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or (not value and default is None):
            raise BadRequest(f"{name}: a text is required.")
        if len(value) > longest:
            raise BadRequest(f"{name}: at most {longest} characters.")
        return _whole(name, value)

    def flag(self, name: str) -> bool:
        value = self._fields.get(name, False)
        if not isinstance(value, bool):
            raise BadRequest(f"{name}: true or false is required.")
        return value

    def number(self, name: str, *, least: int, most: int, default: int | None = None) -> int:
        """A whole number, also as digits: a query has nothing else."""
        value = self._fields.get(name, default)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise BadRequest(f"{name}: a whole number from {least} to {most} is required.")
        return value

    def part(self, name: str) -> "Body":
        value = self._fields.get(name)
        if not isinstance(value, dict):
            raise BadRequest(f"{name}: an object is required.")
        return Body(value)

    def chosen(self, name: str = "chosen") -> str | list[str] | None:
        """What an element holds: a text, several option values, or nothing."""
        value = self._fields.get(name)
        if value is None:
            return None
        if isinstance(value, str):
            if len(value) > TEXT_LIMIT:
                raise BadRequest(f"{name}: at most {TEXT_LIMIT} characters.")
            return _whole(name, value)
        if (
            isinstance(value, list)
            and len(value) <= 200
            and all(isinstance(one, str) and len(one) <= ID_LIMIT for one in value)
        ):
            return [_whole(name, one) for one in value]
        raise BadRequest(f"{name}: a text or a list of texts is required.")


def _whole(name: str, text: str) -> str:
    """The text, unless it holds half a character, as a browser can send it and nobody can write it down."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadRequest(f"{name}: this is not a text.") from None
    return text
