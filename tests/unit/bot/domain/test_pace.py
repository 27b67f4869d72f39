"""Slack's pace: the limits of its documentation hold in any minute, whenever calls are asked for."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.pace import ANSWERS, EDITS, POSTS, Pace, hold, take_turn
from tests.fakes.clock import NOON

MINUTE = timedelta(minutes=1)
LIMITS = [(EDITS, 50), (ANSWERS, 100), (POSTS, 60 + POSTS.burst)]

pauses = st.lists(st.sampled_from([0.0, 0.1, 0.7, 3.0, 20.0, 61.0]), min_size=80, max_size=300)


def turns(pace: Pace, waits: list[float]) -> list[datetime]:
    """The turns of those who ask one after the other, with such pauses between."""
    now, full_until, given_out = NOON, None, []
    for wait in waits:
        now += timedelta(seconds=wait)
        turn, full_until = take_turn(full_until, pace, now=now)
        given_out.append(turn)
    return given_out


def most_in_a_minute(instants: list[datetime]) -> int:
    return max(sum(start <= each <= start + MINUTE for each in instants) for start in instants)


@pytest.mark.parametrize(("pace", "limit"), LIMITS)
@given(waits=pauses)
def test_no_minute_has_more_calls_than_slack_allows(pace: Pace, limit: int, waits: list[float]) -> None:
    assert most_in_a_minute(turns(pace, waits)) <= limit


@pytest.mark.parametrize(("pace", "limit"), LIMITS)
def test_no_minute_of_a_long_rush_has_more_calls_than_slack_allows(pace: Pace, limit: int) -> None:
    rush = turns(pace, [0.0] * 400)

    assert most_in_a_minute(rush) <= limit
    assert len([turn for turn in rush if turn == NOON]) == pace.burst


def test_after_a_pause_the_queue_begins_at_the_steady_pace() -> None:
    until = NOON + timedelta(seconds=30)
    held = hold(NOON, POSTS, first=None, until=until)
    full_until, given_out = held.full_until, [held.turn]

    for _ in range(3):
        turn, full_until = take_turn(full_until, POSTS, now=NOON)
        given_out.append(turn)

    assert given_out == [until + POSTS.every * number for number in range(4)]


@given(
    waiting=st.integers(1, 40),
    seconds=st.lists(st.floats(0, 90), min_size=1, max_size=5),
)
def test_refusals_move_who_waits_behind_the_pause_and_keep_them_a_pace_apart(
    waiting: int, seconds: list[float]
) -> None:
    full_until, booked = None, []
    for _ in range(POSTS.burst + waiting):
        turn, full_until = take_turn(full_until, POSTS, now=NOON)
        booked.append(turn)
    booked = booked[POSTS.burst :]
    assert full_until is not None

    for each in seconds:
        held = hold(full_until, POSTS, first=min(booked), until=NOON + timedelta(seconds=each))
        full_until, booked = held.full_until, [held.turn, *(turn + held.later for turn in booked)]
    last, _ = take_turn(full_until, POSTS, now=NOON)
    order = sorted([*booked, last])

    assert order[0] >= NOON + timedelta(seconds=max(seconds[0], 1))
    assert order[-1] == last
    assert all(later - earlier >= POSTS.every for earlier, later in pairwise(order))
