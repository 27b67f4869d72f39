"""The doctor's modal and the Home tab against Slack's limits and hostile text."""

from datetime import UTC, datetime

import pytest

from bot.domain.diagnosis import About, Area, diagnosis
from bot.domain.request import RequestId, Unreadable
from bot.usecases.doctor import misconfigured
from handlers.views.diagnosis import diagnosis_modal, looking, not_for_you, sorry
from handlers.views.home_tab import home_tab, sorry_tab
from tests.unit.handlers.views.judge import assert_sound, readable
from tests.unit.handlers.views.test_every_screen import EXTREME, LONG_SUPPORT, ORDINARY

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOSTILE = "<!channel> <@U1> *_`~ \u202e\x00 <https://evil.example|AWS> " * 60


def me(subject: str = "") -> About:
    return About(area=Area.AWS, check="action", subject=subject)


def test_what_is_wrong_comes_first_with_what_to_do() -> None:
    found = diagnosis(
        [me("a").ok("fine"), me("b").warning("hm", "look"), me("c").failure("bad", "mend it")], NOW
    )

    said = readable(diagnosis_modal(found))

    assert said.index("*Failure*") < said.index("*Warning*") < said.index("What is well")
    assert said.index("bad") < said.index("mend it") < said.index("hm")
    assert "1 failure" in said


def test_when_all_is_well_it_says_so_first() -> None:
    modal = diagnosis_modal(diagnosis([me().ok("fine")], NOW))

    assert "All well" in modal["blocks"][0]["text"]["text"]


@pytest.mark.parametrize("number", [0, 1, 30, 31, 400])
def test_however_much_is_wrong_it_fits_a_modal(number: int) -> None:
    bad = [me(f"{index} {HOSTILE}").failure(HOSTILE, HOSTILE) for index in range(number)]
    well = [About(area=area, check="x", subject=HOSTILE).ok(HOSTILE) for area in Area for _ in range(number)]

    modal = diagnosis_modal(diagnosis([*bad, *well], NOW))

    assert_sound(modal, "modal")
    if number > 30:
        assert f"… and {number - 30} more" in readable(modal)


def test_the_other_screens_of_the_doctor() -> None:
    for screen in (looking(), sorry(HOSTILE), not_for_you(LONG_SUPPORT)):
        assert_sound(screen, "modal")
    assert_sound(diagnosis_modal(misconfigured([HOSTILE], NOW)), "modal")


@pytest.mark.parametrize("shown", [0, 1, 20, 60])
@pytest.mark.parametrize("may_diagnose", [True, False])
def test_the_home_tab_keeps_slacks_limits_however_much_there_is(shown: int, may_diagnose: bool) -> None:
    pending = [story for story in [*EXTREME, *ORDINARY] if story.request.is_pending]

    for start in range(0, len(EXTREME), 9):
        mine = (EXTREME[start:] + EXTREME + ORDINARY)[:shown]
        tab = home_tab(
            mine, (pending * 20)[:shown], may_diagnose=may_diagnose, aws_answers=False, support=LONG_SUPPORT
        )
        assert_sound(tab, "home")
        assert ("Run doctor" in readable(tab)) == may_diagnose
        lost = [Unreadable(id=RequestId(10**9 + each), incident="1a2b3c4d") for each in range(shown)]
        tab = home_tab(
            mine, pending, may_diagnose=True, aws_answers=False, support=LONG_SUPPORT, unreadable=lost
        )
        assert_sound(tab, "home")
        assert ("cannot be read" in readable(tab)) == bool(lost)


def test_the_page_for_those_who_are_not_served() -> None:
    assert_sound(sorry_tab(HOSTILE, support=LONG_SUPPORT), "home")
