"""The one short id that stands on every card and in every command."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import Code, Refusal
from bot.domain.request import RequestId, RequestStatus, label, parse_label
from tests.builders import a_request


@given(st.integers(1, 999_999_999))
def test_a_label_is_read_back(number: int) -> None:
    assert parse_label(label(RequestId(number))) == number


@pytest.mark.parametrize("text", ["WA-17", "wa-17", "Wa-17", "17", "  WA-17\n", "\t17 "])
def test_people_may_type_a_label_as_they_like(text: str) -> None:
    assert parse_label(text) == 17


@pytest.mark.parametrize(
    "text",
    [
        *("", "WA-", "WA-0", "0", "017", "WA-017", "WA 17", "WA-1 7", "WA--17", "-17", "17.0", "WA-17/3"),
        *("1234567890", "WA-1234567890", "١٧", "ＷＡ-17", "WA-17\x00", "WA-17; DROP TABLE"),
    ],
)
def test_anything_else_is_not_found(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        parse_label(text)

    assert caught.value.code is Code.NOT_FOUND


def test_a_refusal_repeats_no_more_than_forty_characters_of_what_was_typed() -> None:
    with pytest.raises(Refusal) as caught:
        parse_label(" " + "x" * 500)

    assert caught.value.facts["id"] == "x" * 40


def test_a_request_is_pending_until_it_is_ruled_on() -> None:
    assert [status for status in RequestStatus if a_request(status).is_pending] == [RequestStatus.PENDING]
    assert a_request().label == "WA-17"
