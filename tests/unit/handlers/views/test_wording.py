"""Every code and outcome has a sentence: what happened, why, what next; nothing is overstated."""

import re

import pytest

from bot.domain.errors import Code
from bot.domain.evaluate import Answer
from bot.domain.verification import Check, Link
from handlers.views.wording import (
    SELF_HELP,
    Said,
    brief,
    code_of,
    name,
    not_known,
    remedy,
    said,
    sentence,
    sentence_mrkdwn,
    unknown,
)
from tests.unit.handlers.views.judge import FOREIGN_CALLS, HIDDEN, OWN_SEQUENCES
from tests.unit.handlers.views.stories import HOSTILE, SUPPORT

KEYS = (
    *("permission_set", "account", "account_name", "role", "detail", "sid", "reason"),
    *("operation", "id", "label", "email", "status", "by"),
)
FACTS: dict[str, str | int] = {
    "permission_set": "DataScientist",
    "account": "111111111111",
    "account_name": "prod",
    "role": "Workbench-BuilderRole",
    "label": "WA-17",
    "by": "U0BOB",
    "at": 1_795_341_600,
    "status": "approved",
}
LINKS = [Code.NOT_ASSIGNED, Code.NOT_PROVISIONED, Code.EXPLICIT_DENY, Code.ROLE_NOT_FOUND, Code.NOT_TRUSTED]


@pytest.mark.parametrize("code", Code)
@pytest.mark.parametrize("facts", [{}, FACTS])
def test_every_code_is_a_sentence_with_or_without_facts(code: Code, facts: dict[str, str | int]) -> None:
    for text in (sentence(code, facts, support=SUPPORT), sentence_mrkdwn(code, facts, support=SUPPORT)):
        assert re.match(r"[A-Z]", text)
        assert text.endswith(".")
        assert "  " not in text
        assert "None" not in text
        assert " ." not in text
        assert ".." not in text


@pytest.mark.parametrize("code", Code)
def test_failures_close_with_the_support_contact(code: Code) -> None:
    assert (SUPPORT in sentence(code, FACTS, support=SUPPORT)) is (code not in SELF_HELP)


@pytest.mark.parametrize("code", Code)
def test_no_sentence_about_a_refusal_claims_access(code: Code) -> None:
    text = sentence(code, FACTS, support=SUPPORT)

    assert not re.search(r"granted|verified|CONFIGURED|PREDICTED|PROVEN", text, re.IGNORECASE)


@pytest.mark.parametrize("code", Code)
def test_hostile_facts_stay_text(code: Code) -> None:
    facts: dict[str, str | int] = dict.fromkeys(KEYS, HOSTILE)

    in_mrkdwn = sentence_mrkdwn(code, facts, support="<!channel>")
    in_plain = sentence(code, facts, support=SUPPORT)

    assert not any(call in in_mrkdwn for call in FOREIGN_CALLS)
    assert "<" not in OWN_SEQUENCES.sub("", in_mrkdwn)
    assert "\n" not in in_mrkdwn + in_plain
    assert not HIDDEN.search(in_mrkdwn + in_plain)


def test_field_errors_carry_no_markup() -> None:
    for code in Code:
        assert not re.search(r"[<>`]|&[a-z]+;", sentence(code, FACTS, support=SUPPORT)), code


def test_whoever_is_late_reads_who_decided_and_when() -> None:
    text = sentence_mrkdwn(Code.ALREADY_DECIDED, FACTS, support=SUPPORT)

    assert text.startswith("WA-17 has been decided already: approved by <@U0BOB>, <!date^1795341600^")
    assert "2026-11-22 10:00 UTC" in text


def test_a_decision_by_the_bot_names_nobody() -> None:
    facts: dict[str, str | int] = {"label": "WA-17", "by": "", "status": "expired"}

    assert "already: expired." in sentence(Code.ALREADY_DECIDED, facts, support=SUPPORT)


def test_the_requester_is_addressed_and_others_read_about_the_requester() -> None:
    assert "assigned to you in prod" in sentence(Code.NOT_ASSIGNED, FACTS, support=SUPPORT)
    assert "assigned to the requester in prod" in remedy(Code.NOT_ASSIGNED, FACTS, support=SUPPORT)


@pytest.mark.parametrize("code", LINKS)
def test_each_broken_link_is_named_and_says_who_can_mend_it(code: Code) -> None:
    text = remedy(code, FACTS, support=SUPPORT)

    assert text.startswith(f"{name(code)}: ")
    assert re.search("SSO admin|looks after Workbench|deploys Workbench", text)


def test_a_role_that_does_not_trust_the_set_names_the_setting_of_the_stack() -> None:
    assert "WORKBENCH_SSO_GROUPS" in remedy(Code.NOT_TRUSTED, FACTS, support=SUPPORT)


def test_a_refused_write_names_the_tag() -> None:
    refused: dict[str, str | int] = {**FACTS, "operation": "sso-admin:PutInlinePolicyToPermissionSet"}

    assert "workbench-access=managed" in sentence(Code.ACCESS_DENIED, refused, support=SUPPORT)
    assert "workbench-access=managed" not in sentence(Code.ACCESS_DENIED, FACTS, support=SUPPORT)


def test_a_refusal_of_slack_is_not_blamed_on_aws() -> None:
    refused: dict[str, str | int] = {"error": "missing_scope"}

    assert "Slack does not allow" in sentence(Code.ACCESS_DENIED, refused, support=SUPPORT)
    assert "Slack refused to do this: “missing_scope”" in sentence(
        Code.SLACK_UNAVAILABLE, refused, support=SUPPORT
    )


def test_an_unknown_id_is_quoted() -> None:
    assert "no request “WA-99”" in sentence(Code.NOT_FOUND, {"id": "WA-99"}, support=SUPPORT)
    assert "no such request" in sentence(Code.NOT_FOUND, {}, support=SUPPORT)


def test_what_others_may_not_see_is_not_denied_and_what_nobody_named_is_asked_for() -> None:
    assert "that you may see" in sentence(Code.NOT_FOUND, {"id": "WA-99"}, support=SUPPORT)
    assert "Please name a request." in sentence(Code.NOT_FOUND, {"id": ""}, support=SUPPORT)


def test_nothing_to_end_does_not_claim_that_there_is_no_access() -> None:
    text = sentence(Code.NOT_ACTIVE, FACTS, support=SUPPORT)

    assert text.startswith("Nothing of WA-17 can be ended: ")
    assert "is being ended already" in text
    assert "/workbench-access status" in text


def test_an_ending_is_not_called_ended() -> None:
    text = said("ending", {"label": "WA-17", "targets": 4})

    assert text.startswith("The access of WA-17 to 4 roles is being ended.")
    assert "once AWS has confirmed it" in text
    assert "at most one hour longer" in text
    assert "The access of WA-17 is being ended." in said("ending", {"label": "WA-17"})


def test_an_unknown_deny_does_not_read_as_a_deny() -> None:
    check = Check(link=Link.NOT_DENIED, answer=Answer.UNKNOWN, code=Code.EXPLICIT_DENY, detail="Sid")

    text = unknown(check, FACTS, support=SUPPORT)

    assert "not known" in text
    assert "always wins" not in text
    assert "may deny" in not_known(Code.EXPLICIT_DENY)


@pytest.mark.parametrize("link", Link)
def test_a_link_without_a_code_is_named_all_the_same(link: Link) -> None:
    assert name(code_of(Check(link=link, answer=Answer.NO)))
    assert unknown(Check(link=link, answer=Answer.UNKNOWN), {}, support=SUPPORT).endswith("to look again.")


@pytest.mark.parametrize("code", Code)
def test_short_names_fit_into_a_table(code: Code) -> None:
    assert len(name(code)) <= 30
    assert brief(code).startswith(name(code))


@pytest.mark.parametrize("key", Said)
def test_every_plain_outcome_is_a_sentence(key: Said) -> None:
    text = said(key.value, {"label": "WA-17", "have": 1, "need": 2})

    assert "WA-17" in text
    assert text.endswith(".")
    assert "granted" not in text.lower()


def test_a_counted_approval_says_how_many_are_missing() -> None:
    assert "1 of 2" in said("approval_counted", {"label": "WA-17", "have": 1, "need": 2})


def test_an_unknown_outcome_is_a_bug() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        said("nonsense", {})
