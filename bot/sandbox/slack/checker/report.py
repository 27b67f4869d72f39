"""Collects what is wrong with a payload, each with the JSON pointer to the place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that Slack would refuse."""

    pointer: str
    message: str

    def __str__(self) -> str:
        return f"{self.message} [json-pointer:{self.pointer}]"


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in the payload where something can be said; children share the list of problems."""

    problems: list[Problem]
    pointer: str = ""

    def __getitem__(self, part: str | int) -> Spot:
        return Spot(self.problems, f"{self.pointer}/{part}")

    def say(self, message: str) -> None:
        self.problems.append(Problem(self.pointer, message))

    def keys(self, value: Any, required: Iterable[str], optional: Iterable[str]) -> bool:
        """Whether it is an object with all of the one and nothing beyond the other."""
        if not isinstance(value, dict):
            self.say("must provide an object")
            return False
        required = set(required)
        for missing in sorted(required - value.keys()):
            self.say(f"missing required field: {missing}")
        for unknown in sorted(value.keys() - required - set(optional)):
            self.say(f"invalid additional property: {unknown}")
        return required <= value.keys()

    def string(self, value: Any, longest: int, *, shortest: int = 1) -> bool:
        if not isinstance(value, str):
            self.say("must provide a string")
            return False
        if len(value) > longest:
            self.say(f"must be less than {longest + 1} characters")
        if len(value) < shortest:
            self.say(f"must be more than {shortest - 1} characters")
        return True

    def items(self, value: Any, most: int, *, fewest: int = 1) -> list[Any]:
        """The list's items, with a word about a wrong count."""
        if not isinstance(value, list):
            self.say("must provide an array")
            return []
        if len(value) > most:
            self.say(f"no more than {most} items allowed")
        if len(value) < fewest:
            self.say(f"no fewer than {fewest} items required")
        return value

    def one_of(self, value: Any, allowed: Iterable[str]) -> None:
        if not isinstance(value, str) or value not in set(allowed):
            self.say(f"must be one of {sorted(allowed)}")

    def boolean(self, value: Any) -> None:
        if not isinstance(value, bool):
            self.say("must provide a boolean")

    def integer(self, value: Any, low: int, high: int) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            self.say("must provide an integer")
        elif not low <= value <= high:
            self.say(f"must be between {low} and {high}")
