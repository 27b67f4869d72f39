"""Where somebody else's edit waits to be provisioned, and where only our own rounds left an older version."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain.grant import Copies, PushStatus
from bot.domain.names import AccountId
from bot.domain.policy import foreign_fingerprint
from bot.domain.rounds import waiting_edits
from tests.builders import PROD, SET, TEST, WEEK, a_foreign, a_grant, a_policy, a_push
from tests.fakes.clock import NOON

NOWHERE = Copies(permission_set=SET)


def test_accounts_that_our_own_rounds_left_behind_are_no_foreign_edit() -> None:
    held = a_policy([a_grant()], foreign=[a_foreign()])
    document = a_policy(foreign=[a_foreign()])

    assert waiting_edits([PROD], document, [a_push(held)], NOWHERE) == ()


def test_an_edit_of_somebody_else_waits_where_another_foreign_part_was_provisioned() -> None:
    held = a_policy(foreign=[a_foreign()])
    document = a_policy(foreign=[a_foreign(), a_foreign("Extra")])

    assert waiting_edits([PROD], document, [a_push(held)], NOWHERE) == (PROD,)


def test_where_we_never_provisioned_an_older_version_is_somebody_elses_edit() -> None:
    assert waiting_edits([TEST, PROD], "", [], NOWHERE) == (PROD, TEST)
    assert waiting_edits([PROD], "", [a_push(None)], NOWHERE) == (PROD,)


def test_an_account_at_the_latest_version_waits_for_nothing() -> None:
    assert waiting_edits([], a_policy(foreign=[a_foreign()]), [a_push("")], NOWHERE) == ()


def seen_with(document: str, *, at: datetime = NOON) -> Copies:
    """PROD was at the latest version of this document."""
    return NOWHERE.seen(foreign_fingerprint(document), {PROD}, at=at)


def test_an_account_that_was_up_to_date_before_our_first_put_has_only_our_statements_missing() -> None:
    before = a_policy(foreign=[a_foreign()])
    after = a_policy([a_grant()], foreign=[a_foreign()])

    assert waiting_edits([PROD, TEST], after, [], seen_with(before)) == (TEST,)


def test_where_an_older_foreign_part_was_seen_the_present_one_waits() -> None:
    document = a_policy(foreign=[a_foreign(), a_foreign("Extra")])

    assert waiting_edits([PROD], document, [], seen_with(a_policy(foreign=[a_foreign()]))) == (PROD,)


@pytest.mark.parametrize(
    ("later", "waiting"), [(-1, ()), (1, (PROD,))], ids=["pushed before", "pushed after"]
)
def test_of_a_look_and_a_push_the_later_one_says_what_an_account_holds(
    later: int, waiting: tuple[AccountId, ...]
) -> None:
    document = a_policy(foreign=[a_foreign("New")])
    push = a_push(a_policy(foreign=[a_foreign("Old")]), started_at=NOON + timedelta(minutes=later))

    assert waiting_edits([PROD], document, [push], seen_with(document)) == waiting


def test_a_provisioning_for_a_grant_that_failed_leaves_nothing_known_of_the_account() -> None:
    document = a_policy(foreign=[a_foreign()])
    failed = a_push(None, status=PushStatus.FAILED, started_at=NOON + timedelta(minutes=1))

    assert waiting_edits([PROD], document, [failed], seen_with(document)) == (PROD,)
    assert waiting_edits([PROD], document, [replace(failed, levelling=True)], seen_with(document)) == ()


def test_a_foreign_edit_that_was_seen_after_a_push_may_have_travelled_over_it() -> None:
    held = a_policy(foreign=[a_foreign("Old")])
    between = foreign_fingerprint(a_policy(foreign=[a_foreign("New")]))
    push = a_push(held, started_at=NOON + timedelta(hours=1))
    first = seen_with(held)
    second = first.seen(between, {PROD}, at=NOON + timedelta(hours=2))
    third = second.seen(foreign_fingerprint(held), set(), at=NOON + timedelta(hours=3))

    assert waiting_edits([PROD], held, [push], first) == ()
    assert waiting_edits([PROD], held, [push], second) == (PROD,)
    assert waiting_edits([PROD], held, [push], third) == (PROD,)


def test_looks_add_up_until_somebody_else_changes_the_policy() -> None:
    first = seen_with(a_policy(foreign=[a_foreign()]))

    second = first.seen(first.foreign_part, {TEST}, at=NOON + WEEK)
    third = second.seen("another", {TEST}, at=NOON + WEEK)

    assert (second.accounts, second.since) == (frozenset({PROD, TEST}), NOON)
    assert (third.accounts, third.since) == (frozenset({TEST}), NOON + WEEK)
