"""The card's facts: what was left unknown is never taken for a yes."""

from datetime import UTC, datetime

import pytest

from bot.domain.evaluate import Answer
from bot.domain.names import AccountId, RoleName
from bot.domain.precheck import Facts, Finding


def facts(*answers: Answer) -> Facts:
    return Facts(
        checked_at=datetime(2030, 1, 7, tzinfo=UTC),
        findings=tuple(
            Finding(account=AccountId(f"{number:012d}"), role=RoleName("Workbench-BuilderRole"), works=answer)
            for number, answer in enumerate(answers)
        ),
        account_names=(),
        holders=None,
        diff="",
        bytes_before=0,
        bytes_after=0,
        waiting_edits=(),
        benefiting_approvers=(),
        approvals_needed=1,
    )


@pytest.mark.parametrize("other", [Answer.UNKNOWN, Answer.NO])
def test_one_answer_that_is_no_yes_keeps_all_from_counting_as_working(other: Answer) -> None:
    assert facts(Answer.YES, Answer.YES).all_work
    assert not facts(Answer.YES, other).all_work
