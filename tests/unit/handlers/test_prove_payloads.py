"""What the “Prove it” button and its form bring, read strictly: the fields are a stranger's until STS has spoken."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.errors import Code, Refusal
from handlers import ids
from handlers.payloads import pasted_tokens, pressed_set


def pressed(value: object) -> dict[str, Any]:
    return {"actions": [{"value": value}], "trigger_id": "t"}


def submitted(fields: dict[int, object], metadata: object = '{"nonce": "abc"}') -> dict[str, Any]:
    values = {ids.prove_field(number): {ids.ACTION_TOKEN: {"value": text}} for number, text in fields.items()}
    return {"state": {"values": values}, "private_metadata": metadata}


def test_a_button_names_a_set_and_perhaps_an_account() -> None:
    assert pressed_set(pressed("DataScientist")) == ("DataScientist", None, "t")
    assert pressed_set(pressed("DataScientist/111111111111")) == ("DataScientist", "111111111111", "t")


@pytest.mark.parametrize(
    "value", ["", "/111111111111", "A/1", "A/1111111111111", "A B", "A/x", "x" * 33, None]
)
def test_a_value_that_no_button_carries_is_refused(value: object) -> None:
    with pytest.raises(Refusal) as refused:
        pressed_set(pressed(value)) if value is not None else pressed_set({"actions": [{}]})

    assert refused.value.code is Code.SET_NOT_OFFERED


def test_the_fields_are_joined_in_the_order_of_their_numbers() -> None:
    fields: dict[int, object] = {10: "k", 9: "j", 1: "b", 0: "a", 2: None}
    fields.update({number: str(number) for number in range(3, 9)})

    assert pasted_tokens(submitted(fields)) == ("abc", "ab345678jk")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, json_values, st.dictionaries(st.integers(0, 3), json_values, max_size=4))
def test_whatever_is_forged_is_read_without_an_error(
    state: Any, metadata: Any, fields: dict[int, object]
) -> None:
    for view in ({"state": state, "private_metadata": metadata}, submitted(fields, metadata)):
        nonce, text = pasted_tokens(view)

        assert isinstance(nonce, str)
        assert isinstance(text, str)
