"""Progress, verification results and the self-check: exact levels, remedies, commands."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.errors import Code
from bot.domain.evaluate import Answer
from bot.domain.grant import GrantStatus, PushStatus
from bot.domain.messages import Story
from bot.domain.names import AccountId
from bot.domain.verification import Check, Link, Verification
from handlers.views.outcome import results, results_copy
from handlers.views.parts import Message
from handlers.views.progress import progress
from handlers.views.self_check import self_check_message
from tests.unit.handlers.views.judge import assert_sound, readable
from tests.unit.handlers.views.stories import (
    ENDS,
    HOSTILE,
    NOW,
    PROD,
    SET,
    SUPPORT,
    a_push,
    a_request,
    a_story,
    an_outcome,
    approved,
    predicted,
    targets,
    verified,
)

ONE, TWO, THREE, FOUR = targets()


def rows(message: Message) -> list[list[str]]:
    (table,) = [block for block in message.blocks if block["type"] == "table"]
    return [[cell_text(cell) for cell in row] for row in table["rows"]]


def cell_text(cell: dict[str, Any]) -> str:
    if cell["type"] == "raw_text":
        return str(cell["text"])
    return str(cell["elements"][0]["elements"][0]["fallback"])


def of(*verifications: Verification) -> Story:
    return an_outcome(approved(GrantStatus.ACTIVE), verifications)


def test_progress_shows_each_account_and_never_says_granted() -> None:
    story = approved(GrantStatus.PROVISIONING)
    on_its_way = replace(story, pushes=(a_push(PROD, PushStatus.IN_PROGRESS),))

    text = readable(progress(on_its_way, support=SUPPORT))

    assert "0 of 2 accounts finished" in text
    assert "🔄 Provisioning: prod · 111111111111" in text
    assert "⏳ Waiting: test · 222222222222" in text
    assert "granted" not in text.lower()


def test_an_old_push_is_no_progress() -> None:
    story = approved(GrantStatus.PROVISIONING)
    old = a_push(PROD, PushStatus.SUCCEEDED, NOW - timedelta(days=7))
    new = a_push(PROD, PushStatus.SUCCEEDED, NOW)

    assert "⏳ Waiting: prod" in readable(progress(replace(story, pushes=(old,)), support=SUPPORT))
    assert "being read back: prod" in readable(progress(replace(story, pushes=(new,)), support=SUPPORT))


def test_a_provisioning_that_brings_accounts_level_is_nobodys_progress() -> None:
    story = approved(GrantStatus.PROVISIONING)
    levelling = replace(a_push(PROD, PushStatus.IN_PROGRESS), levelling=True)

    assert "⏳ Waiting: prod" in readable(progress(replace(story, pushes=(levelling,)), support=SUPPORT))


def test_progress_counts_what_is_settled() -> None:
    done = progress(approved(GrantStatus.ACTIVE), support=SUPPORT)
    failed = progress(approved(GrantStatus.FAILED), support=SUPPORT)

    assert "2 of 2 accounts finished" in readable(done)
    assert "Accounts: 2 done." in done.text
    assert "⛔ Failed: prod" in readable(failed)


def test_levels_stand_in_capitals_only_where_they_are_reached() -> None:
    message = results(of(verified(ONE), predicted(TWO), verified(THREE, Link.ASSIGNED)), support=SUPPORT)

    heading, *found = rows(message)

    assert heading == ["Account", "Role", "Result", "Until", "What to do"]
    assert [row[2] for row in found] == ["⛔ not configured", "✅ CONFIGURED", "✅ PREDICTED"]
    assert [row[3] for row in found] == ["no access", "2026-11-29 10:00 UTC", "no end"]
    assert found[0][4] == "Not assigned: note 1"
    assert message.text.endswith("3 roles checked: 1 PREDICTED, 1 CONFIGURED, 1 needs attention.")


def test_an_end_that_is_not_known_is_not_called_none() -> None:
    unclear = replace(predicted(ONE), is_endless=False)

    _, row = rows(results(of(unclear), support=SUPPORT))

    assert row[3] == "unknown"


LEVELS = ("CONFIGURED", "PREDICTED", "PROVEN", "granted", "verified")


def test_results_told_after_the_end_claim_nothing_that_is_over() -> None:
    story = replace(of(verified(ONE)), at=ENDS + timedelta(minutes=1))
    over = replace(story, grants=tuple(replace(grant, ends_at=ENDS) for grant in story.grants))

    for message in (results(over, support=SUPPORT), results_copy(over, support=SUPPORT)):
        text = message.text + readable(message)

        assert not any(level in text for level in LEVELS)
        assert "assume-role" not in text
        assert "Prove it" not in text
        assert "This comes late" in text
        assert rows(message)[1][2:] == [
            "⌛ time is up",
            "2026-11-29 10:00 UTC",
            "Request it again, if needed",
        ]
        assert message.text.endswith("1 role checked: 1 is over or ending by now.")


@pytest.mark.parametrize(
    ("status", "word"), [(GrantStatus.ENDING, "⌛ ending"), (GrantStatus.ENDED, "⌛ ended since")]
)
def test_results_told_after_it_was_taken_away_say_so(status: GrantStatus, word: str) -> None:
    message = results(an_outcome(approved(status), [predicted(ONE)]), support=SUPPORT)
    text = message.text + readable(message)

    assert rows(message)[1][2:] == [word, "see the card", "Request it again, if needed"]
    assert not any(level in text for level in LEVELS)


def test_what_is_over_hides_neither_what_is_there_nor_what_failed() -> None:
    story = of(verified(ONE), predicted(TWO), verified(THREE, Link.ASSIGNED))
    mixed = replace(story, at=ENDS + timedelta(minutes=1))

    message = results(mixed, support=SUPPORT)

    assert [row[2] for row in rows(message)[1:]] == ["⌛ time is up", "⛔ not configured", "✅ PREDICTED"]
    assert message.text.endswith("1 PREDICTED, 1 is over or ending by now, 1 needs attention.")
    commands = [line for line in readable(message).splitlines() if "assume-role" in line]
    assert len(commands) == 1
    assert TWO.account in commands[0]


def test_where_no_level_is_reached_none_stands_in_capitals() -> None:
    message = results(of(verified(ONE, Link.ALLOWED, code=Code.NOT_ALLOWED)), support=SUPPORT)
    text = message.text + readable(message)

    assert not any(level in text for level in ("CONFIGURED", "PREDICTED", "PROVEN", "granted", "verified"))
    assert "Permission denied: the inline policy of DataScientist" in text
    assert "assume-role" not in text
    assert SUPPORT in text


def test_unknown_is_shown_as_unknown() -> None:
    broken = verified(ONE, Link.PROVISIONED, answer=Answer.UNKNOWN, code=Code.THROTTLED)

    message = results(of(broken), support=SUPPORT)

    assert rows(message)[1][2:] == ["❔ unknown", "unknown", "Provisioned: note 1"]
    assert "“Provisioned” is not known." in readable(message)


def test_a_remedy_is_told_once_however_many_rows_need_it() -> None:
    broken = [verified(each, Link.ASSIGNED, code=Code.NOT_ASSIGNED) for each in targets()]

    text = readable(results(of(*broken), support=SUPPORT))

    assert text.count("Not assigned: DataScientist is not assigned to the requester in these accounts") == 1
    assert text.count("Not assigned: note 1") == 4


def test_the_requester_is_addressed_in_the_copy() -> None:
    broken = of(verified(ONE, Link.ASSIGNED, code=Code.NOT_ASSIGNED))

    assert "is not assigned to you in prod (111111111111)" in readable(results_copy(broken, support=SUPPORT))


def test_the_commands_are_whole_lines_to_copy() -> None:
    text = readable(results(of(verified(ONE)), support=SUPPORT))

    assert (
        "aws sts assume-role --role-arn arn:aws:iam::111111111111:role/Workbench-BuilderRole "
        "--role-session-name TestSession"
    ) in text
    assert "Workbench-ReadOnlyRole --role" not in text


def test_the_results_say_what_was_not_seen_and_what_outlasts_the_end() -> None:
    text = readable(results(of(verified(ONE)), support=SUPPORT))

    assert "whether the role exists there is unknown" in text
    assert "at most one hour longer" in text


def test_a_failed_change_shows_aws_words_as_data() -> None:
    story = approved(GrantStatus.FAILED, reason=HOSTILE)
    message = results(an_outcome(story, [verified(t, Link.PROVISIONED) for t in targets()]), support=SUPPORT)

    assert rows(message)[1][2] == "⛔ failed"
    assert rows(message)[1][4] == "Provisioning failed: note 1"
    assert_sound(message)


def test_sixty_ordinary_results_fit_into_one_table() -> None:
    asked = targets(20, [*[t.role for t in (ONE, TWO)], a_request().ask.targets[0].role])[:60]
    story = an_outcome(a_story(a_request(asked=asked), GrantStatus.ACTIVE), [verified(t) for t in asked])

    message = results(story, support=SUPPORT)

    assert_sound(message)
    assert len(rows(message)) == 61 or "more role" in readable(message)


def test_what_aws_allowed_already_is_said() -> None:
    story = of(verified(ONE), verified(TWO))
    assert story.outcome is not None
    known = replace(story.outcome, already_allowed=((ONE.account, ONE.role),))

    assert "AWS already allowed 1 of them; nothing was written for it." in readable(
        results(replace(story, outcome=known), support=SUPPORT)
    )


def test_results_without_an_outcome_promise_nothing() -> None:
    assert "not there yet" in results(approved(GrantStatus.ACTIVE), support=SUPPORT).text


def test_the_self_check_covers_several_sets_in_one_table() -> None:
    reports = [
        (SET, [verified(ONE), verified(TWO, Link.NOT_DENIED, code=Code.EXPLICIT_DENY, detail="DenyAll")])
    ]
    several = [*reports, (type(SET)("Analyst"), [verified(THREE)])]

    message = self_check_message(several, account_names={PROD: "prod"}, support=SUPPORT)

    assert rows(message)[0][0] == "Permission set"
    assert "a statement “DenyAll” in the inline policy of DataScientist" in readable(message)
    assert_sound(message)
    assert rows(self_check_message(reports, account_names={}, support=SUPPORT))[0][0] == "Account"


@pytest.mark.parametrize("account", [None, AccountId("111111111111")])
def test_a_self_check_with_nothing_to_check_says_how_to_start(account: AccountId | None) -> None:
    message = self_check_message([], account_names={}, support=SUPPORT, account=account)

    assert "/workbench-access request" in message.text
    assert_sound(message)


def test_the_self_check_keeps_slacks_limits() -> None:
    links = [None, *Link]
    reports = [
        (
            type(SET)(f"{number}" * 32),
            [
                verified(t, links[i % 8], detail=HOSTILE * 9, code=Code.EXPLICIT_DENY)
                for i, t in enumerate(targets(60))
            ],
        )
        for number in range(5)
    ]

    assert_sound(self_check_message(reports, account_names={PROD: HOSTILE}, support=SUPPORT))


# What the accounts themselves say


def with_check(verification: Verification, check: Check) -> Verification:
    others = tuple(each for each in verification.checks if each.link is not check.link)
    order = list(Link)
    return replace(verification, checks=tuple(sorted((*others, check), key=lambda c: order.index(c.link))))


def test_a_role_that_trusts_others_says_whom_and_what_to_set() -> None:
    broken = Check(
        link=Link.TRUSTED, answer=Answer.NO, code=Code.NOT_TRUSTED, names=("Analyst", HOSTILE, "MLOps")
    )

    message = results(of(with_check(predicted(ONE), broken)), support=SUPPORT)

    assert (
        "Workbench-BuilderRole in prod (111111111111) does not admit DataScientist; now it admits Analyst"
        in (readable(message))
    )
    assert "WORKBENCH_SSO_GROUPS" in readable(message)
    assert_sound(message)


def test_an_account_that_could_not_be_looked_into_says_why_and_keeps_its_level() -> None:
    closed = Check(
        link=Link.ROLE_EXISTS, answer=Answer.UNKNOWN, code=Code.ACCESS_DENIED, detail="not authorized"
    )

    message = results(of(with_check(verified(ONE), closed)), support=SUPPORT)

    assert rows(message)[1][2:5:2] == ["✅ CONFIGURED", "Nothing, try it: note 1"]
    assert "prod (111111111111) could not be looked into." in readable(message)
    assert "not authorized" in readable(message)
    assert "seen from the management account alone" not in readable(message)
    assert_sound(message)


def test_how_to_see_further_is_said_once_and_only_where_nothing_was_seen() -> None:
    blind = readable(results(of(verified(ONE), verified(TWO)), support=SUPPORT))

    assert blind.count("`member_role`") == 1
    assert "`member_role`" not in readable(results(of(predicted(ONE)), support=SUPPORT))


def test_a_proof_stands_with_its_time_and_an_old_one_beside_the_level() -> None:
    recent = replace(verified(ONE), proven_at=NOW - timedelta(minutes=3))
    old = replace(verified(TWO), proven_at=NOW - timedelta(days=3))

    message = results(of(recent, old), support=SUPPORT)

    text = json.dumps(message.blocks, ensure_ascii=False)
    assert "✅ PROVEN: " in text
    assert "✅ CONFIGURED, last proven " in text
    assert "*PROVEN* means: the requester has assumed the role" in readable(message)
    assert message.text.endswith("2 roles checked: 1 PROVEN, 1 CONFIGURED.")
    assert_sound(message)


def test_only_me_says_what_it_still_waits_for() -> None:
    untried = replace(predicted(ONE), is_untried=True)

    message = results(of(untried), support=SUPPORT)

    assert rows(message)[1][2] == "✅ CONFIGURED"
    assert "nobody here has tried yet" in readable(message)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            Code.SCP,
            "SCP: a service control policy of the organisation does not let DataScientist do this in prod",
        ),
        (Code.BOUNDARY, "Boundary: the permissions boundary “Fence” of DataScientist leaves no room"),
    ],
)
def test_what_limits_the_set_is_named_with_who_can_mend_it(code: Code, words: str) -> None:
    broken = Check(
        link=Link.SIMULATED, answer=Answer.NO, code=code, detail="Fence" if code is Code.BOUNDARY else ""
    )

    assert words in readable(results(of(with_check(predicted(ONE), broken)), support=SUPPORT))
