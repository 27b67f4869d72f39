"""What comes from a browser is read with suspicion."""

import re
from typing import Any

import pytest

from bot.sandbox.page.wire import ID_LIMIT, TEXT_LIMIT, BadRequest, Body


@pytest.mark.parametrize(
    "value", [None, "", 5, ["U0ALICE"], {"id": 1}, True, "x" * (ID_LIMIT + 1), "half \ud800"]
)
def test_a_text_is_a_text_that_is_there_and_not_too_long(value: Any) -> None:
    with pytest.raises(BadRequest, match=r"^as: "):
        Body({"as": value}).text("as")


def test_a_text_may_be_empty_only_where_something_stands_for_it() -> None:
    assert Body({"query": ""}).text("query", default="") == ""
    assert Body({}).text("query", default="x") == "x"


@pytest.mark.parametrize("value", ["true", 1, 0, [], {}])
def test_only_true_and_false_are_flags(value: Any) -> None:
    with pytest.raises(BadRequest, match=r"^all: "):
        Body({"all": value}).flag("all")


@pytest.mark.parametrize(
    "value", [None, True, 0, 11, -1, 1.5, "1.5", "", "²", "-1", "9" * 5_000, float("inf"), [1]]
)
def test_a_number_is_whole_and_within_its_bounds(value: Any) -> None:
    with pytest.raises(BadRequest, match=re.escape("limit: a whole number from 1 to 10 is required.")):
        Body({"limit": value}).number("limit", least=1, most=10)


def test_a_query_writes_numbers_as_digits() -> None:
    assert Body({"limit": "7"}).number("limit", least=1, most=10) == 7


@pytest.mark.parametrize(
    "value", [5, {"a": 1}, [1], ["x"] * 201, ["x" * 256], "x" * (TEXT_LIMIT + 1), ["\udfff"]]
)
def test_what_a_field_holds_is_a_text_or_a_list_of_option_values(value: Any) -> None:
    with pytest.raises(BadRequest, match=r"^chosen: "):
        Body({"chosen": value}).chosen()
