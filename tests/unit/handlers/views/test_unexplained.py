"""The report of statements of unknown origin."""

import pytest

from bot.domain.messages import Answer
from handlers.views.parts import repeated
from handlers.views.unexplained import SHOWN, unexplained
from tests.unit.handlers.views.judge import assert_sound
from tests.unit.handlers.views.stories import SUPPORT


def told(*sids: str, name: str = "DataScientist") -> Answer:
    return Answer(facts=(("permission_set", name), *(("sid", sid) for sid in sids)))


def test_it_names_the_set_the_statements_and_what_to_do() -> None:
    drawn = unexplained(told("WorkbenchAccess01", "WorkbenchAccess02"), support=SUPPORT)

    shown = str(drawn.blocks)
    assert drawn.text.startswith("DataScientist: the inline policy holds 2 statements of unknown origin.")
    assert "WorkbenchAccess01\\nWorkbenchAccess02" in shown
    assert "What an SSO admin can do" in shown


@pytest.mark.parametrize("count", [1, SHOWN, SHOWN + 1, 200])
def test_it_keeps_slacks_limits_with_the_longest_and_strangest_names(count: int) -> None:
    names = [f"WorkbenchAccess<!channel>*`&{number:04d}" * 20 for number in range(count)]

    drawn = unexplained(told(*names, name="<!here>*" * 30), support="<!channel> & #help" * 20)

    assert_sound(repeated(drawn))
    assert ("and 180 more" in str(drawn.blocks)) is (count == 200)
