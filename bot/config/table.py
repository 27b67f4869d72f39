"""One table of the rules file: reads a key as what it must be, or notes what is wrong under its full name."""

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Final

from bot.config.problems import Problems, Shape, did_you_mean, shown

LONGEST: Final = timedelta(days=365)
PERMANENT: Final = "permanent"
UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
DURATION_WORDS: Final = "a duration: a whole number with m, h, d or w, at most a year"


def parse_duration(text: str) -> timedelta | None:
    """`15m`, `1h`, `7d` or `2w` as a span of more than nothing and at most a year; None for anything else."""
    match = re.fullmatch(r"([0-9]{1,6})([mhdw])", text.strip())
    if match is None:
        return None
    span = timedelta(**{UNITS[match[2]]: int(match[1])})
    return span if timedelta() < span <= LONGEST else None


class Table:
    """A TOML table at a dotted key. Every reader answers None for an absent or faulty key."""

    def __init__(self, data: Mapping[str, object], at: str, problems: Problems) -> None:
        self._data = data
        self.at = at
        self.problems = problems

    def wrong(self, wrong: str, example: str = "") -> None:
        """Note a problem with the table itself."""
        self.problems.add(self.at, wrong, example)

    def wrong_key(self, key: str, wrong: str, example: str = "", *, index: int | None = None) -> None:
        """Note a problem with a key, named in full as TOML would write it, or with one item of its list."""
        item = "" if index is None else f"[{index}]"
        self.problems.add(f"{self._full(key)}{item}", wrong, example)

    def _full(self, key: str) -> str:
        own = key if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", key) else shown(key)
        return f"{self.at}.{own}" if self.at else own

    def has(self, key: str) -> bool:
        """Whether the key is there, whatever its value."""
        return key in self._data

    def get(self, key: str) -> object:
        """The raw value."""
        return self._data.get(key)

    def is_empty(self) -> bool:
        """Whether nothing at all is written here."""
        return not self._data

    def names(self) -> list[str]:
        """All keys, in the order of the file."""
        return list(self._data)

    def keys_of_shape(self, shape: Shape) -> list[str]:
        """The keys that are names of the given shape; every other one is a problem."""
        for key in self._data:
            if not shape.fits(key):
                self.wrong_key(key, f"is not {shape.words}", shape.example)
        return [key for key in self._data if shape.fits(key)]

    def only(self, known: Collection[str]) -> None:
        """Note every key that is not known: a misspelt rule would otherwise silently not hold."""
        for key in self._data:
            if key not in known:
                self.wrong_key(
                    key, f"is not a known key{did_you_mean(key, known)}; known are {', '.join(known)}"
                )

    def table(self, key: str) -> "Table":
        """The table under `key`; empty if it is absent or no table."""
        value = self._data.get(key, {})
        if not isinstance(value, dict):
            self.wrong_key(key, f"must be a table, but is {shown(value)}", f"[{self._full(key)}]")
            value = {}
        return Table(value, self._full(key), self.problems)

    def text(self, key: str, shape: Shape, *, required: bool = True) -> str | None:
        """A text of the given shape."""
        if not self._is_there(key, f'{key} = "{shape.example}"', required):
            return None
        return self._shaped(key, self._data[key], shape)

    def words(self, key: str, example: str, *, required: bool = True) -> str | None:
        """A text of any shape, on one line."""
        if not self._is_there(key, f"{key} = {example}", required):
            return None
        value = self._data[key]
        if isinstance(value, str) and value.strip() and value.isprintable():
            return value.strip()
        self.wrong_key(key, f"must be a text on one line, but is {shown(value)}", f"{key} = {example}")
        return None

    def texts(
        self, key: str, shape: Shape, *, may_be_empty: bool = False, example: str = ""
    ) -> tuple[str, ...] | None:
        """A list of texts of the given shape, each at most once."""
        items = self._items(key, example or f'{key} = ["{shape.example}"]', may_be_empty=may_be_empty)
        if items is None:
            return None
        read = [self._shaped(key, item, shape, index=index) for index, item in enumerate(items)]
        good = [item for item in read if item is not None]
        for item in sorted({item for item in good if good.count(item) > 1}):
            self.wrong_key(key, f"names {shown(item)} more than once")
        return tuple(good)

    def integer(self, key: str, least: int, most: int) -> int | None:
        """A whole number between two bounds, both allowed."""
        value = self._data.get(key, least)
        # In Python true is an int, in TOML it is none.
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            wrong = f"must be a whole number from {least} to {most}, but is {shown(value)}"
            self.wrong_key(key, wrong, f"{key} = {least}")
            return least
        return value if self.has(key) else None

    def boolean(self, key: str) -> bool | None:
        """True or false."""
        value = self._data.get(key)
        if isinstance(value, bool):
            return value
        if self.has(key):
            self.wrong_key(key, f"must be true or false, but is {shown(value)}", f"{key} = false")
        return None

    def duration(self, key: str) -> timedelta | None:
        """A span of time."""
        value = self._data.get(key)
        span = parse_duration(value) if isinstance(value, str) else None
        if span is None and self.has(key):
            self.wrong_key(key, f"{shown(value)} is not {DURATION_WORDS}", f'{key} = "3d"')
        return span

    def durations(self, key: str) -> tuple[timedelta | None, ...] | None:
        """A list of spans, each at most once, however written; None in the list is `permanent`."""
        items = self._items(key, f'{key} = ["1d", "7d", "{PERMANENT}"]')
        written: dict[timedelta | None, object] = {}
        for index, item in enumerate(items or ()):
            span = parse_duration(item) if isinstance(item, str) else None
            if span is None and item != PERMANENT:
                wrong = f'{shown(item)} is not {DURATION_WORDS}, or "{PERMANENT}"'
                self.wrong_key(key, wrong, '"1d"', index=index)
            elif span in written:
                self.wrong_key(
                    key, f"{shown(item)} is as long as {shown(written[span])} before it", index=index
                )
            else:
                written[span] = item
        return tuple(written) or None

    def _is_there(self, key: str, example: str, required: bool) -> bool:
        if required and not self.has(key):
            self.wrong_key(key, "is missing", example)
        return self.has(key)

    def _items(self, key: str, example: str, *, may_be_empty: bool = False) -> list[object] | None:
        if not self.has(key):
            return None
        value = self._data[key]
        if not isinstance(value, list):
            self.wrong_key(key, f"must be a list, but is {shown(value)}", example)
            return None
        if not value and not may_be_empty:
            self.wrong_key(key, "is empty", example)
            return None
        return value

    def _shaped(self, key: str, value: object, shape: Shape, *, index: int | None = None) -> str | None:
        if isinstance(value, str) and shape.fits(value):
            return value
        quotes = "" if isinstance(value, str) else ", in quotes"
        self.wrong_key(key, f"{shown(value)} is not {shape.words}{quotes}", f'"{shape.example}"', index=index)
        return None
