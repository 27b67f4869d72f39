"""Everything in a payload is what somebody sent: read strictly, believed little, never a crash."""

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.errors import Code, Refusal
from bot.domain.request import Scope
from handlers import ids
from handlers.payloads import Actor, actor, form_state, noted_form, parse_span, press
from tests.builders import ALICE, CHANNEL, HOME, PROD, READER, SET

NAMES = [
    "user", "user_id", "team", "team_id", "event", "actions", "value", "channel", "container", "channel_id",
    "id", "hash", "state", "values", "private_metadata", "trigger_id", "response_url", "selected_option",
    "selected_options", "request", "permission_set", "user_team", *(
        ids.ACTION_SET, ids.ACTION_ACCOUNTS, ids.ACTION_ROLES, ids.ACTION_SCOPE, ids.ACTION_SPAN,
        ids.ACTION_REASON,
    ),
]  # fmt: skip
STRINGS = [
    "",
    "17",
    "0",
    "-1",
    "١٧",
    "U0ALICE",
    str(PROD),
    "permanent",
    "86400",
    "[]",
    "null",
    "5",
    "[" * 3_000,
]
STRINGS += [
    '{"request": 17, "channel": "C1"}',
    '{"request": {}}',
    '{"permission_set": 7}',
    "\ud800",
    "1" * 5_000,
]
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(STRINGS) | st.text(max_size=4)
)
anything = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner)
    ),
    max_leaves=10,
)
hostile = st.dictionaries(st.sampled_from(NAMES), anything, max_size=6)
quick = settings(max_examples=60, deadline=None)


def an_option(value: str) -> dict[str, object]:
    return {"selected_option": {"text": {"type": "plain_text", "text": value}, "value": value}}


def some_options(*values: str) -> dict[str, object]:
    return {"selected_options": [{"value": value} for value in values]}


def a_view(metadata: object = None, **inputs: object) -> dict[str, Any]:
    values = {f"{action}:{SET}": {action: element} for action, element in inputs.items()}
    given_metadata = metadata if isinstance(metadata, str) else json.dumps(metadata or {})
    return {"id": "V1", "hash": "1.a", "private_metadata": given_metadata, "state": {"values": values}}


# Whatever arrives


@quick
@given(hostile)
def test_no_payload_whatever_breaks_the_reading_of_its_sender(body: dict[str, Any]) -> None:
    who = actor(body)

    assert isinstance(who.user, str)
    assert isinstance(who.team, str)


@quick
@given(hostile)
def test_no_button_whatever_breaks_anything(body: dict[str, Any]) -> None:
    with suppress(Refusal):
        assert 1 <= press(body).request <= 999_999_999


@quick
@given(hostile)
def test_no_request_form_whatever_breaks_anything(view: dict[str, Any]) -> None:
    state = form_state(view)

    assert all(len(account) == 12 and account.isascii() for account in state.accounts)
    assert len(set(state.roles)) == len(state.roles)
    assert state.span is None or state.span >= timedelta(0)


@quick
@given(hostile)
def test_no_small_form_whatever_breaks_anything(view: dict[str, Any]) -> None:
    with suppress(Refusal):
        request, channel, reason = noted_form(view)

        assert request >= 1
        assert isinstance(channel, str)
        assert reason == reason.strip()


@pytest.mark.parametrize("metadata", [5, ["x"], {"request": 17}, True, "{", "[]", "null", "[" * 3_000])
def test_metadata_that_is_no_text_of_ours_is_no_metadata(metadata: object) -> None:
    view = {"private_metadata": metadata}

    assert form_state(view).permission_set is None
    with pytest.raises(Refusal):
        noted_form(view)


# Senders


@pytest.mark.parametrize(
    "body",
    [
        {"user_id": ALICE, "team_id": HOME, "command": "/workbench-access"},
        {"user": {"id": ALICE, "team_id": HOME}, "team": {"id": "T0SHARED"}},
        {"user": {"id": ALICE}, "team": {"id": HOME}},
        {"team_id": HOME, "event": {"type": "app_home_opened", "user": ALICE}},
        {"team_id": "T0SHARED", "event": {"type": "message", "user": ALICE, "user_team": HOME}},
    ],
)
def test_the_sender_is_the_person_in_their_own_workspace(body: dict[str, Any]) -> None:
    assert actor(body) == Actor(user=ALICE, team=HOME)


@pytest.mark.parametrize("body", [{}, {"user": None}, {"user": "U0ALICE"}, {"event": []}, {"user": {}}])
def test_a_payload_without_a_sender_is_nobodys(body: dict[str, Any]) -> None:
    assert actor(body) == Actor(user="", team="")  # type: ignore[arg-type]


# Buttons


def test_a_button_names_its_request_and_its_channel() -> None:
    pressed = press(
        {
            "actions": [{"value": "17"}, {"value": "18"}],
            "channel": {"id": CHANNEL},
            "trigger_id": "1.2",
            "response_url": "https://hooks.slack.test/1",
        }
    )

    assert (pressed.request, pressed.channel) == (17, CHANNEL)
    assert (pressed.trigger_id, pressed.response_url) == ("1.2", "https://hooks.slack.test/1")


def test_a_button_in_a_container_knows_its_channel_too() -> None:
    body = {"actions": [{"value": "17"}], "container": {"channel_id": CHANNEL}}

    assert press(body).channel == CHANNEL


@pytest.mark.parametrize(
    "value", ["", "0", "017", "17 ", " 17", "17\n", "-1", "1.0", "WA-17", "1e3", "1234567890"]
)
def test_a_value_that_none_of_our_buttons_carries_is_not_found(value: str) -> None:
    with pytest.raises(Refusal) as caught:
        press({"actions": [{"value": value}]})

    assert caught.value.code is Code.NOT_FOUND


# The request form


def test_a_filled_in_form_is_read_whatever_set_its_blocks_belong_to() -> None:
    state = form_state(
        a_view(
            **{
                ids.ACTION_SET: an_option(SET),
                ids.ACTION_ACCOUNTS: some_options(PROD, "222222222222", PROD),
                ids.ACTION_ROLES: some_options(READER, READER),
                ids.ACTION_SCOPE: an_option("only_me"),
                ids.ACTION_SPAN: an_option("86400"),
                ids.ACTION_REASON: {"value": " Because "},
            }
        )
    )

    assert (state.view_id, state.hash) == ("V1", "1.a")
    assert state.permission_set == SET
    assert state.accounts == (PROD, "222222222222")
    assert state.roles == (READER,)
    assert state.scope is Scope.ONLY_ME
    assert (state.span, state.span_chosen) == (timedelta(days=1), True)
    assert state.reason == " Because "


def test_an_empty_form_chooses_nothing() -> None:
    state = form_state(a_view())

    assert state.permission_set is None
    assert (state.accounts, state.roles, state.reason) == ((), (), "")
    assert (state.span, state.span_chosen, state.scope) == (None, False, Scope.EVERYONE)


def test_permanent_is_a_choice_and_nothing_is_none() -> None:
    chosen = form_state(a_view(**{ids.ACTION_SPAN: an_option("permanent")}))
    unchosen = form_state(a_view(**{ids.ACTION_SPAN: {"selected_option": None}}))

    assert (chosen.span, chosen.span_chosen) == (None, True)
    assert (unchosen.span, unchosen.span_chosen) == (None, False)


def test_the_only_set_stands_in_the_metadata() -> None:
    assert form_state(a_view({"permission_set": SET})).permission_set == SET


def test_a_chosen_set_wins_over_the_metadata() -> None:
    view = a_view({"permission_set": "Old"}, **{ids.ACTION_SET: an_option(SET)})

    assert form_state(view).permission_set == SET


def test_what_is_no_account_number_is_no_account() -> None:
    typed = some_options("1", "x" * 12, "１" * 12, f"{PROD}0", PROD)

    assert form_state(a_view(**{ids.ACTION_ACCOUNTS: typed})).accounts == (PROD,)


@pytest.mark.parametrize("scope", ["everyone", "ONLY_ME", "admin", ""])
def test_only_the_exact_word_narrows_the_scope(scope: str) -> None:
    assert form_state(a_view(**{ids.ACTION_SCOPE: an_option(scope)})).scope is Scope.EVERYONE


@pytest.mark.parametrize("value", ["", "0", "-86400", "forever", "1e9", "8640 0", "9" * 20])
def test_a_forged_duration_is_one_that_nobody_offers(value: str) -> None:
    state = form_state(a_view(**{ids.ACTION_SPAN: an_option(value)}))

    assert parse_span(value) == timedelta(0)
    assert (state.span, state.span_chosen) == (timedelta(0), True)


# Small forms


def test_a_small_form_names_its_request_its_channel_and_the_reason() -> None:
    view = a_view({"request": 17, "channel": CHANNEL}, **{ids.ACTION_REASON: {"value": "  Not this week\n"}})

    assert noted_form(view) == (17, CHANNEL, "Not this week")


def test_a_small_form_without_a_question_has_no_reason() -> None:
    assert noted_form(a_view({"request": 17, "channel": CHANNEL})) == (17, CHANNEL, "")


@pytest.mark.parametrize("number", ["", 0, -1, True, 1.5, "WA-17", None, [], {}, 10**30])
def test_a_small_form_of_no_request_is_not_found(number: object) -> None:
    with pytest.raises(Refusal) as caught:
        noted_form(a_view({"request": number}))

    assert caught.value.code is Code.NOT_FOUND
