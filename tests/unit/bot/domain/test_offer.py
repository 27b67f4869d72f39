"""What the configuration lets a form ask for."""

from datetime import timedelta

import pytest

from bot.domain.errors import Code, Refusal
from bot.domain.names import AccountId, PermissionSetName, RoleName
from bot.domain.offer import check_ask
from bot.domain.request import REASON_LIMIT, TARGET_LIMIT, Ask
from bot.domain.rules import Rules, SetRules
from tests.builders import (
    BUILDER,
    PROD,
    READER,
    SET,
    TEST,
    WEEK,
    a_rule,
    a_target,
    accounts,
    an_ask,
    set_rules,
    some_rules,
)

RULES = some_rules(set_rules(only=[PROD, *accounts(61)]))


def refusal(ask: Ask, rules: Rules = RULES) -> Refusal:
    with pytest.raises(Refusal) as caught:
        check_ask(ask, rules)
    return caught.value


@pytest.mark.parametrize(
    "ask",
    [
        an_ask(),
        an_ask(span=None),
        an_ask(targets=[a_target(), a_target(PROD, READER)]),
        an_ask(reason="x" * REASON_LIMIT),
        an_ask(targets=[a_target(each) for each in accounts(TARGET_LIMIT)]),
    ],
)
def test_what_is_on_offer_may_be_asked_for(ask: Ask) -> None:
    check_ask(ask, RULES)


@pytest.mark.parametrize(
    ("ask", "code", "facts"),
    [
        (
            an_ask(permission_set=PermissionSetName("Admin")),
            Code.SET_NOT_OFFERED,
            {"permission_set": "Admin"},
        ),
        (an_ask(targets=[]), Code.NOTHING_CHOSEN, {}),
        (
            an_ask(targets=[a_target(each) for each in accounts(TARGET_LIMIT + 1)]),
            Code.TOO_MANY_TARGETS,
            {"limit": TARGET_LIMIT, "asked": TARGET_LIMIT + 1},
        ),
        (an_ask(targets=[a_target(TEST)]), Code.ACCOUNT_NOT_OFFERED, {"account": TEST}),
        (an_ask(targets=[a_target(AccountId(""))]), Code.ACCOUNT_NOT_OFFERED, {"account": ""}),
        (
            an_ask(targets=[a_target(), a_target(PROD, RoleName("Admin"))]),
            Code.ROLE_NOT_OFFERED,
            {"role": "Admin"},
        ),
        (an_ask(span=timedelta(days=2)), Code.DURATION_NOT_OFFERED, {}),
        (an_ask(span=timedelta(0)), Code.DURATION_NOT_OFFERED, {}),
        (an_ask(reason=" \n\t"), Code.REASON_MISSING, {}),
        (an_ask(reason=""), Code.REASON_MISSING, {}),
        (an_ask(reason="x" * (REASON_LIMIT + 1)), Code.REASON_TOO_LONG, {"limit": REASON_LIMIT}),
    ],
)
def test_what_is_not_on_offer_is_refused_with_its_facts(
    ask: Ask, code: Code, facts: dict[str, object]
) -> None:
    refused = refusal(ask)

    assert (refused.code, dict(refused.facts)) == (code, facts)


def test_a_duration_has_to_be_offered_for_every_role() -> None:
    rules = some_rules(
        SetRules(
            name=SET,
            accounts=None,
            roles=(READER, BUILDER),
            by_role={READER: a_rule(), BUILDER: a_rule(durations=(timedelta(days=1),))},
        )
    )

    check_ask(an_ask(targets=[a_target(PROD, READER)], span=WEEK), rules)
    refused = refusal(an_ask(targets=[a_target(PROD, READER), a_target()], span=WEEK), rules)

    assert refused.code is Code.DURATION_NOT_OFFERED


def test_a_star_offers_every_account() -> None:
    check_ask(an_ask(targets=[a_target(TEST)]), some_rules(set_rules(only=None)))
