"""The request form, the denial, help and answers."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.errors import Code
from bot.domain.evaluate import Answer as Known
from bot.domain.messages import Answer
from bot.domain.names import AccountId, ChannelId, PermissionSetName, RoleName
from bot.domain.request import REASON_LIMIT, RequestId
from bot.sandbox.slack.checker import check_options
from handlers import ids
from handlers.views.answer import answer
from handlers.views.deny_form import deny_form
from handlers.views.help import COMMANDS, help_message, suggest
from handlers.views.parts import Json
from handlers.views.request_form import FormModel, account_option, account_options, form, loading, refused
from tests.unit.handlers.views.judge import assert_sound, readable
from tests.unit.handlers.views.stories import (
    ALICE,
    BUILDER,
    ENDS,
    HOSTILE,
    READER,
    SET,
    SUPPORT,
    a_finding,
    targets,
)

DAYS = (timedelta(days=1), timedelta(days=7), None)


def a_model(**changes: Any) -> FormModel:
    model = FormModel(sets=(SET,), chosen=SET, roles=(READER, BUILDER), durations=DAYS, support=SUPPORT)
    return replace(model, **changes)


def inputs(view: Json) -> list[Json]:
    return [block for block in view["blocks"] if block["type"] == "input"]


def test_loading_and_refused_need_nothing_from_aws() -> None:
    assert_sound(loading(), "modal")
    assert_sound(refused(HOSTILE * 20), "modal")
    assert "⚠️ *Not possible:* You hold nothing." in readable(refused("You hold nothing."))


def test_the_labels_stand_in_the_order_of_the_contract() -> None:
    view = form(a_model())

    assert [block["label"]["text"] for block in inputs(view)] == [
        "Permission set",
        "Accounts",
        "Roles",
        "Who gets it",
        "For how long",
        "Reason",
    ]
    assert view["callback_id"] == ids.VIEW_REQUEST
    assert json.loads(view["private_metadata"]) == {"permission_set": "DataScientist"}
    assert_sound(view, "modal")


def test_fields_that_depend_on_the_set_carry_it_in_their_block_id() -> None:
    found = {block["block_id"]: block["element"]["type"] for block in inputs(form(a_model()))}

    assert found == {
        "permission_set": "static_select",
        "accounts:DataScientist": "multi_external_select",
        "roles:DataScientist": "checkboxes",
        "scope": "radio_buttons",
        "span:DataScientist": "static_select",
        "reason": "plain_text_input",
    }


def test_choices_that_change_the_form_are_dispatched() -> None:
    dispatching = [
        block["label"]["text"] for block in inputs(form(a_model())) if block.get("dispatch_action")
    ]

    assert dispatching == ["Permission set", "Accounts", "Roles"]


def test_before_a_set_is_chosen_only_that_field_is_there() -> None:
    view = form(a_model(chosen=None))

    assert [block["label"]["text"] for block in inputs(view)] == ["Permission set"]
    assert_sound(view, "modal")


def test_everyone_is_preselected_and_both_scopes_say_what_they_mean() -> None:
    (scope,) = [block["element"] for block in inputs(form(a_model())) if block["block_id"] == ids.BLOCK_SCOPE]

    assert scope["initial_option"]["text"]["text"] == "Everyone with this permission set"
    assert [option["text"]["text"] for option in scope["options"]][1] == "Only me"
    assert "shared" in scope["options"][0]["description"]["text"]
    assert "condition on the shared policy" in scope["options"][1]["description"]["text"]


def test_durations_are_words_and_their_values_are_seconds() -> None:
    (span,) = [block["element"] for block in inputs(form(a_model())) if block["block_id"].startswith("span")]

    assert [option["text"]["text"] for option in span["options"]] == ["1 day", "7 days", "Permanent"]
    assert [option["value"] for option in span["options"]] == ["86400", "604800", "permanent"]


def test_the_reason_is_as_long_as_a_request_takes() -> None:
    (reason,) = [
        block["element"] for block in inputs(form(a_model())) if block["block_id"] == ids.BLOCK_REASON
    ]

    assert reason["max_length"] == REASON_LIMIT


def test_more_than_ten_roles_become_a_select() -> None:
    roles = tuple(RoleName(f"Role{number}") for number in range(11))

    view = form(a_model(roles=roles, default_roles=roles[:2]))

    assert [b["element"]["type"] for b in inputs(view)][2] == "multi_static_select"
    assert_sound(view, "modal")


def test_more_than_a_hundred_sets_say_how_to_name_another() -> None:
    sets = tuple(PermissionSetName(f"Set{number:03d}") for number in range(150))

    view = form(a_model(sets=sets, chosen=sets[-1]))

    assert "/workbench-access request and its name" in readable(view)
    assert inputs(view)[0]["element"]["initial_option"]["value"] == "Set149"
    assert_sound(view, "modal")


def test_nothing_to_choose_is_said_instead_of_an_empty_field() -> None:
    view = form(a_model(roles=(), durations=()))

    assert "none can be asked for with this permission set" in readable(view)
    assert "Choose fewer roles" in readable(view)
    assert_sound(view, "modal")


def test_the_form_shows_what_is_known_of_each_role() -> None:
    one, two, three, four = targets()
    findings = (
        replace(a_finding(one), already_allowed=True, allowed_until=ENDS),
        a_finding(two, Known.NO, Code.EXPLICIT_DENY, detail="DenyAll"),
        a_finding(three, Known.UNKNOWN, Code.AWS_UNAVAILABLE),
        a_finding(four),
    )

    text = readable(
        form(a_model(findings=findings, account_names=((one.account, "prod"),), approvals_needed=2))
    )

    assert "no obstacle seen for 2, not possible for 1, not known for 1 of 4 roles" in text
    assert "✅ Already allowed until" in text
    assert "⛔ Explicit deny: a statement of its policies denies it (“DenyAll”)" in text
    assert "*prod · 111111111111*" in text
    assert "This needs 2 approvals." in text


def test_the_form_says_that_it_is_still_asking() -> None:
    text = readable(form(a_model(checking=True, incomplete=True, notes=("Nobody could approve this.",))))

    assert "⏳ *Checking:*" in text
    assert "AWS is still being read" in text
    assert "Nobody could approve this." in text


def test_the_strangest_form_keeps_slacks_limits() -> None:
    roles = tuple(RoleName(f"{number:02d}{HOSTILE}") for number in range(60))
    findings = tuple(
        a_finding(target, list(Known)[number % 3], Code.NO_ROOM, detail=HOSTILE * 9)
        for number, target in enumerate(targets(60, roles[:1]))
    )
    view = form(
        a_model(
            sets=(PermissionSetName("W_+=,.@-" * 4), SET),
            chosen=PermissionSetName("W_+=,.@-" * 4),
            roles=roles,
            findings=findings,
            checking=True,
            incomplete=True,
            notes=(HOSTILE * 50,) * 3,
            account_names=tuple((finding.account, HOSTILE * 9) for finding in findings),
            support=HOSTILE * 9,
        )
    )

    assert_sound(view, "modal")


def test_an_account_option_shortens_the_name_and_never_the_id() -> None:
    option = account_option(AccountId("111111111111"), "long name " * 20).to_dict()

    assert len(option["text"]["text"]) <= 75
    assert option["text"]["text"].endswith("… · 111111111111")
    assert option["value"] == "111111111111"
    assert account_option(AccountId("222222222222"), "").to_dict()["text"]["text"] == "222222222222"


def test_account_options_are_at_most_a_hundred() -> None:
    answer = account_options((AccountId(f"{number:012d}"), HOSTILE) for number in range(3_000))

    assert len(answer["options"]) == 100
    assert not check_options(answer)
    assert account_options([]) == {"options": []}


def test_the_denial_asks_for_a_reason_and_remembers_where_to_answer() -> None:
    view = deny_form(RequestId(999_999_999), channel=ChannelId("C0APPROVALS"), requester=ALICE)

    assert json.loads(view["private_metadata"]) == {"request": 999_999_999, "channel": "C0APPROVALS"}
    assert not inputs(view)[0].get("optional")
    assert view["title"]["text"] == "Deny WA-999999999"
    assert "<@U0ALICE> reads your reason" in readable(view)
    assert_sound(view, "modal")
    assert_sound(deny_form(RequestId(1), channel=ChannelId("C1")), "modal")


def test_help_lists_every_command_of_this_version() -> None:
    message = help_message(None, None, support=SUPPORT)

    for command in COMMANDS:
        assert f"/workbench-access {command.word}" in message.text
        assert f"`/workbench-access {command.word}" in readable(message)
    assert_sound(message)


def test_an_unknown_word_gets_the_same_help_and_a_suggestion() -> None:
    message = help_message("reqest", suggest("reqest"), support=SUPPORT)

    assert (
        "“reqest” is not a command of Workbench Access. Did you mean `/workbench-access request`?"
        in message.text
    )
    assert_sound(help_message(HOSTILE, None, support=HOSTILE))


@pytest.mark.parametrize(
    ("word", "meant"), [("VERIFI", "verify"), ("hlp", "help"), ("xyzzy", None), ("", None), (HOSTILE, None)]
)
def test_suggestions_are_close_or_none(word: str, meant: str | None) -> None:
    assert suggest(word) == meant


def test_an_answer_names_who_was_first() -> None:
    facts = (("label", "WA-17"), ("status", "denied"), ("by", "U0BOB"), ("at", 1_795_341_600))

    message = answer(Answer(code=Code.ALREADY_DECIDED, facts=facts), support=SUPPORT)

    assert "WA-17 has been decided already: denied by <@U0BOB>, <!date^" in message.text
    assert_sound(message)


@pytest.mark.parametrize("code", Code)
def test_every_answer_is_a_sound_message(code: Code) -> None:
    hostile = tuple((key, HOSTILE * 9) for key in ("id", "label", "reason", "detail", "by", "permission_set"))

    assert_sound(answer(Answer(code=code, facts=hostile), support=SUPPORT))
    assert_sound(answer(Answer(code=code), support=SUPPORT))


def test_a_plain_outcome_is_answered_without_a_code() -> None:
    message = answer(Answer(said="approved", facts=(("label", "WA-17"),)), support=SUPPORT)

    assert message.text.startswith("You approved WA-17.")
    assert_sound(message)
