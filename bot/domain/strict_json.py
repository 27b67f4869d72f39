"""JSON that survives the round trip: what could not be written back as it was read is refused.

Policies of other people go through here, so a value may change its white space and its escapes, nothing else.
"""

import json
import re
from collections.abc import Iterable
from typing import Final

MAX_DEPTH: Final = 32
"""A policy that IAM accepts nests seven deep; far beyond that, recursion would not be safe."""

_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_BEYOND_LATIN_1: Final = re.compile(r"[^\x00-\xff]")


class NotStrict(ValueError):
    """The text is not JSON, or not JSON that survives; `detail` is a short reason without any of the text."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def load(text: str) -> object:
    """The value of a JSON text.

    Raises NotStrict, and nothing else: no JSON, a key twice, NaN, a number that Python would write otherwise,
    nesting beyond MAX_DEPTH, half a character.
    """
    if _SURROGATE.search(text):
        raise NotStrict("characters")
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=_float,
            parse_int=_integer,
            parse_constant=_constant,
        )
    except NotStrict:
        raise
    except (ValueError, RecursionError) as error:
        raise NotStrict("not JSON") from error
    _refuse_depth(value)
    return value


def dump(value: object, *, indent: int | None = None, sort_keys: bool = False) -> str:
    """JSON text, compact unless indented.

    Latin-1 characters stay as they are, since an escape costs six bytes of the policy's quota; all others are
    escaped, since AWS's API refuses them otherwise.
    """
    text = json.dumps(
        value,
        ensure_ascii=False,
        allow_nan=False,
        indent=indent,
        sort_keys=sort_keys,
        separators=None if indent else (",", ":"),
    )
    return _BEYOND_LATIN_1.sub(lambda found: json.dumps(found[0])[1:-1], text)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # Python would silently keep the last of two equal keys, and IAM might keep the other one.
    if len({name for name, _ in pairs}) != len(pairs):
        raise NotStrict("duplicate key")
    return dict(pairs)


def _float(text: str) -> float:
    value = float(text)
    if repr(value) != text:
        raise NotStrict("a number that would change")
    return value


def _integer(text: str) -> int:
    value = int(text)
    if str(value) != text:
        raise NotStrict("a number that would change")
    return value


def _constant(_: str) -> object:
    raise NotStrict("not a number")


def _refuse_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for item in level for child in _children(item)]
        if not level:
            return
    raise NotStrict("nested too deep")


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
