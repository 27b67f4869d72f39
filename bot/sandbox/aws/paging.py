"""Pages of a list, with opaque tokens."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from bot.sandbox.aws.errors import ServiceError, invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def page(
    items: Sequence[Any],
    parameters: dict[str, Any],
    *,
    size: int,
    refuse: Callable[[str], ServiceError] = invalid,
) -> tuple[list[Any], dict[str, str]]:
    """The asked-for page and the members that go with it: NextToken, unless it is the last one."""
    wanted = parameters.get("MaxResults", size)
    if not isinstance(wanted, int) or not 1 <= wanted <= 100:
        raise refuse("Value at 'maxResults' failed to satisfy constraint: Member must be between 1 and 100")
    token = parameters.get("NextToken")
    start = 0
    if token:
        try:
            start = int(base64.urlsafe_b64decode(token).removeprefix(b"from:"))
        except (ValueError, binascii.Error):
            raise refuse("The pagination token is invalid.") from None
    end = start + min(wanted, size)
    more = {"NextToken": base64.urlsafe_b64encode(b"from:%d" % end).decode()} if end < len(items) else {}
    return list(items[start:end]), more
