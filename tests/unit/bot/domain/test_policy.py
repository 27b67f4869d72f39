"""The inline policy: what is refused, what survives, what a merge does, and how much room there is."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from bot.domain.errors import Code, Refusal
from bot.domain.names import IdentityUserId, RoleArn
from bot.domain.policy import (
    EMPTY,
    LIMIT_BYTES,
    LIMIT_CHARACTERS,
    WARN_BYTES,
    Policy,
    PolicyUnreadable,
    canonical,
    check_writable,
    fingerprint,
    fits,
    foreign_fingerprint,
    managed,
    merge,
    parse,
    serialise,
    size_bytes,
    unexplained,
)
from bot.domain.statements import AlteredStatement, ManagedStatement

READER = ManagedStatement(
    resources=(RoleArn("arn:aws:iam::111111111111:role/Workbench-ReadOnlyRole"),), people=(), ends_at=None
)
BUILDER = ManagedStatement(
    resources=(RoleArn("arn:aws:iam::111111111111:role/Workbench-BuilderRole"),),
    people=(IdentityUserId("a-alice"),),
    ends_at=datetime(2026, 11, 29, 14, 15, tzinfo=UTC),
)
FOREIGN = '{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}'


def a_policy(*statements: str | ManagedStatement) -> Policy:
    texts = [each if isinstance(each, str) else json.dumps(each.to_json()) for each in statements]
    return parse('{"Version":"2012-10-17","Statement":[' + ",".join(texts) + "]}")


def edited(statement: ManagedStatement, **members: object) -> str:
    return json.dumps(statement.to_json() | members)


def added(document: str, *statements: ManagedStatement) -> str:
    return serialise(merge(parse(document), desired=statements, removable=frozenset()))


@pytest.mark.parametrize("document", ["", " ", "\n\t\r "])
def test_no_document_is_the_empty_policy(document: str) -> None:
    assert parse(document) is EMPTY
    assert serialise(EMPTY) == ""


@pytest.mark.parametrize(
    ("document", "detail"),
    [
        ("x", "not JSON"),
        ("\xa0", "not JSON"),
        ("\ufeff{}", "not JSON"),
        ('{"Statement":[]} {}', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"Statement":' + "[" * 900 + "]" * 900 + "}", "nested too deep"),
        ("[]", "not an object"),
        ("1", "not an object"),
        ("null", "not an object"),
        ("{}", "no statements"),
        ('{"Statement":null}', "no statements"),
        ('{"Statement":"x"}', "no statements"),
        ('{"statement":[]}', "no statements"),
        ('{"Statement":[1]}', "a statement is not an object"),
        ('{"Statement":[[]]}', "a statement is not an object"),
        ('{"Statement":{}}', "a statement without Effect"),
        ('{"Statement":[{"Action":"*"}]}', "a statement without Effect"),
        ('{"Statement":[{"Effect":"allow"}]}', "a statement without Effect"),
        ('{"Statement":[{"Effect":["Allow"]}]}', "a statement without Effect"),
        ('{"Statement":[{"Effect":"Allow","Sid":1}]}', "a Sid that is no text"),
        ('{"Statement":[{"Effect":"Allow","Sid":null}]}', "a Sid that is no text"),
        ('{"Statement":[{"Effect":"Allow","Sid":"A"},{"Effect":"Deny","Sid":"A"}]}', "duplicate Sid"),
        ('{"Statement":[],"Statement":[]}', "duplicate key"),
        ('{"Statement":[{"Effect":"Allow","Effect":"Deny"}]}', "duplicate key"),
        ('{"Statement":[{"Effect":"Allow","Condition":{"A":{"k":"1","k":"2"}}}]}', "duplicate key"),
        ('{"Statement":[{"Effect":"Allow","n":NaN}]}', "not a number"),
        ('{"Statement":[{"Effect":"Allow","n":-Infinity}]}', "not a number"),
        ('{"Statement":[{"Effect":"Allow","n":0.12345678901234567890}]}', "a number that would change"),
        ('{"Statement":[{"Effect":"Allow","n":1e999}]}', "a number that would change"),
        ('{"Statement":[{"Effect":"Allow","n":-0}]}', "a number that would change"),
        ('{"Statement":[{"Effect":"Allow","n":' + "9" * 5000 + "}]}", "not JSON"),
        ('{"Statement":[{"Effect":"Allow","n":"\ud800"}]}', "characters"),
    ],
)
def test_what_could_not_be_written_back_safely_is_refused(document: str, detail: str) -> None:
    with pytest.raises(PolicyUnreadable) as caught:
        parse(document)

    assert caught.value.code is Code.POLICY_UNREADABLE
    assert caught.value.facts == {"detail": detail}


@pytest.mark.parametrize(
    "document",
    [
        '{"Statement":' + FOREIGN + "}",
        '{"Version":"2008-10-17","Id":"é","Statement":[' + FOREIGN + '],"Extra":{"b":[1,true,null],"a":0.5}}',
        '{"Statement":[{"Resource":["b","a","a"],"NotAction":["S3:*"],"Effect":"Deny","Sid":""}]}',
        '{"Statement":[{"Effect":"Allow","Condition":{"NumericLessThan":{"k":10},"Bool":{"b":true}}}]}',
        '{"Statement":[{"Effect":"Allow","Resource":"\\u20ac \\ud83d\\ude00 \\ud800 \\" \\\\ \\n"}]}',
    ],
)
def test_what_others_wrote_survives_to_the_letter(document: str) -> None:
    assert serialise(parse(document)) == document


def test_white_space_and_needless_escapes_go() -> None:
    document = '{ "Statement" : [ {"Effect": "Allow", "Resource": "\\u00e9\\/"} ] }'

    assert serialise(parse(document)) == '{"Statement":[{"Effect":"Allow","Resource":"é/"}]}'


def test_characters_that_the_api_refuses_are_written_as_escapes() -> None:
    # The API's model ends at \xFF, so the euro sign got into this policy as an escape and has to stay one.
    document = '{"Statement":{"Effect":"Allow","Resource":"\\u20ac"}}'

    check_writable(added(document, READER))

    assert "\\u20ac" in added(document, READER)


def test_an_empty_list_of_statements_is_no_policy() -> None:
    assert parse('{"Id":"x","Statement":[]}') is EMPTY


def test_true_and_one_are_different_values() -> None:
    assert parse('{"Statement":{"Effect":"Allow","n":1}}') != parse(
        '{"Statement":{"Effect":"Allow","n":true}}'
    )
    assert canonical('{"Statement":{"Effect":"Allow","n":1}}') != canonical(
        '{"Statement":{"Effect":"Allow","n":1.0}}'
    )


def test_a_policy_of_our_own_making_has_the_current_version() -> None:
    document = added("", READER)

    assert json.loads(document) == {"Version": "2012-10-17", "Statement": [READER.to_json()]}
    assert parse(document).version == "2012-10-17"


@pytest.mark.parametrize("head", ['"Version":"2008-10-17",', ""])
def test_a_version_that_others_chose_or_left_out_is_kept(head: str) -> None:
    document = "{" + head + '"Statement":[' + FOREIGN + "]}"

    assert added(document, READER).startswith(document.removesuffix("]}") + ",")


def test_a_single_statement_object_becomes_a_list_only_when_something_is_added() -> None:
    document = '{"Statement":' + FOREIGN + ',"Id":"x"}'

    both = merge(parse(document), desired=[READER], removable=frozenset())
    back = merge(both, desired=[], removable={READER.sid})

    assert serialise(parse(document)) == document
    assert json.loads(serialise(both))["Statement"] == [json.loads(FOREIGN), READER.to_json()]
    assert canonical(back) == canonical(document)


def test_what_is_missing_is_appended_in_a_fixed_order() -> None:
    policy = a_policy(FOREIGN)

    merged = merge(policy, desired=[BUILDER, READER], removable=frozenset())

    assert [statement.sid for statement in merged.statements] == [None, READER.sid, BUILDER.sid]


def test_what_is_appended_stands_in_the_statements_own_order() -> None:
    days = [datetime(2026, 12, day, tzinfo=UTC) for day in range(1, 10)]
    statements = [
        ManagedStatement(resources=READER.resources, people=(), ends_at=ends_at) for ends_at in (None, *days)
    ]

    merged = merge(EMPTY, desired=reversed(statements), removable=frozenset())

    assert managed(merged) == tuple(statements)


def test_what_is_there_stays_where_it_is() -> None:
    policy = a_policy(READER, FOREIGN)

    merged = merge(policy, desired=[BUILDER, READER], removable={READER.sid, BUILDER.sid})

    assert [statement.sid for statement in merged.statements] == [READER.sid, None, BUILDER.sid]


def test_nothing_to_do_gives_the_very_same_policy() -> None:
    policy = a_policy(READER, FOREIGN)

    assert merge(policy, desired=[READER], removable={READER.sid}) is policy
    assert merge(EMPTY, desired=[], removable=frozenset()) is EMPTY


def test_another_spelling_of_a_managed_statement_is_left_alone() -> None:
    policy = a_policy(edited(READER, Resource=READER.resources[0]))

    assert merge(policy, desired=[READER], removable={READER.sid}) is policy


def test_what_was_written_and_is_desired_no_more_goes() -> None:
    merged = merge(a_policy(READER, FOREIGN, BUILDER), desired=[], removable={READER.sid, BUILDER.sid})

    assert merged == a_policy(FOREIGN)


def test_with_the_last_statement_the_policy_goes() -> None:
    merged = merge(a_policy(READER), desired=[], removable={READER.sid})

    assert merged is EMPTY
    assert serialise(merged) == ""


def test_a_managed_statement_that_no_database_explains_stays() -> None:
    policy = a_policy(FOREIGN, READER, BUILDER)

    merged = merge(policy, desired=[], removable={BUILDER.sid})

    assert merged == a_policy(FOREIGN, READER)
    assert unexplained(policy, {BUILDER.sid}) == (READER.sid,)


def test_removable_names_of_foreign_statements_have_no_effect() -> None:
    policy = a_policy('{"Sid":"Mine","Effect":"Deny","Action":"*","Resource":"*"}')

    assert merge(policy, desired=[], removable={"Mine"}) is policy


@pytest.mark.parametrize("desired", [[READER], []])
def test_an_edit_by_hand_stops_the_merge(desired: list[ManagedStatement]) -> None:
    policy = a_policy(edited(READER, Resource="*"))

    with pytest.raises(AlteredStatement) as caught:
        merge(policy, desired=desired, removable={READER.sid})

    assert caught.value.sid == READER.sid
    with pytest.raises(AlteredStatement):
        managed(policy)


def test_an_edited_statement_that_is_not_ours_is_no_reason_to_stop() -> None:
    policy = a_policy(edited(READER, Resource="*"))

    merged = merge(policy, desired=[BUILDER], removable=frozenset())

    assert merged.statements[:1] == policy.statements


def test_repair_rewrites_in_place_what_is_desired_and_drops_what_is_not() -> None:
    policy = a_policy(edited(READER, Resource="*"), FOREIGN, edited(BUILDER, Action="sts:*"))

    merged = merge(policy, desired=[READER], removable={READER.sid, BUILDER.sid}, repair=True)

    assert merged == a_policy(READER, FOREIGN)


def test_managed_statements_are_read_in_the_documents_order() -> None:
    assert managed(a_policy(BUILDER, FOREIGN, READER)) == (BUILDER, READER)


@pytest.mark.parametrize("sid", ["workbenchaccess1", "XWorkbenchAccess1", "", "Workbench"])
def test_only_the_exact_prefix_makes_a_statement_ours(sid: str) -> None:
    policy = a_policy(json.dumps({"Sid": sid, "Effect": "Allow", "Action": "*", "Resource": "*"}))

    assert managed(policy) == ()
    assert unexplained(policy, frozenset()) == ()


def statement_of(members: Mapping[str, object]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", **members}})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"Action": "S3:Get*"}, {"Action": ["s3:get*"]}),
        ({"NotAction": ["b:x", "a:x"]}, {"NotAction": ["a:x", "b:x"]}),
        ({"Resource": "x"}, {"Resource": ["x"]}),
        ({"NotResource": ["y", "x"]}, {"NotResource": ["x", "y"]}),
        ({"Sid": ""}, {}),
        ({"Condition": {"A": {"k": "v"}}}, {"Condition": {"A": {"k": ["v"]}}}),
        ({"Condition": {"A": {"k": ["v", "w"]}, "B": {}}}, {"Condition": {"B": {}, "A": {"k": ["w", "v"]}}}),
        ({"Principal": {"AWS": "x"}}, {"Principal": {"AWS": ["x"]}}),
    ],
)
def test_spellings_of_one_meaning_are_canonically_equal(
    one: Mapping[str, object], other: Mapping[str, object]
) -> None:
    assert canonical(statement_of(one)) == canonical(statement_of(other))
    assert fingerprint(statement_of(one)) == fingerprint(statement_of(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"Action": "a:x"}, {"NotAction": "a:x"}),
        ({"Action": "sts:x"}, {"Action": "ſts:x"}),
        ({"Resource": "x"}, {"Resource": "X"}),
        ({"Sid": "A"}, {}),
        ({"Condition": {"StringEquals": {"k": "v"}}}, {"Condition": {"StringLike": {"k": "v"}}}),
        ({"Condition": {"A": {"k": "v"}}}, {}),
        ({"Condition": {"A": {"k": "v"}}}, {"Condition": {"A": {"K": "v"}}}),
        ({"Condition": {"A": {"k": True}}}, {"Condition": {"A": {"k": 1}}}),
        ({"Principal": "*"}, {"Principal": {"AWS": "*"}}),
        ({"Action": "a:x", "Other": 1}, {"Action": "a:x"}),
    ],
)
def test_different_meanings_are_canonically_different(
    one: Mapping[str, object], other: Mapping[str, object]
) -> None:
    assert canonical(statement_of(one)) != canonical(statement_of(other))
    assert fingerprint(statement_of(one)) != fingerprint(statement_of(other))
    assert foreign_fingerprint(statement_of(one)) != foreign_fingerprint(statement_of(other))


def test_the_order_of_statements_matters_to_the_foreign_fingerprint_alone() -> None:
    deny = '{"Effect":"Deny","Action":"*","Resource":"*"}'
    one, other = serialise(a_policy(FOREIGN, deny)), serialise(a_policy(deny, FOREIGN))

    assert fingerprint(one) == fingerprint(other)
    assert foreign_fingerprint(one) != foreign_fingerprint(other)


@pytest.mark.parametrize("document", ["", '{"Version":"2008-10-17","Statement":' + FOREIGN + "}"])
def test_our_own_statements_never_change_the_foreign_fingerprint(document: str) -> None:
    assert foreign_fingerprint(added(document, READER, BUILDER)) == foreign_fingerprint(document)
    assert fingerprint(added(document, READER, BUILDER)) != fingerprint(document)


def test_a_document_that_cannot_be_read_has_the_fingerprint_of_its_text() -> None:
    assert fingerprint("{") == fingerprint("{") == foreign_fingerprint("{")
    assert fingerprint("{") != fingerprint("{ ")
    assert fingerprint("\ud800") != fingerprint("")


def test_size_counts_utf_8_bytes_that_are_not_white_space() -> None:
    assert size_bytes(' { "a" :\n\t"b é\x0b" }\r\n') == len('{"a":"b') + 2 + len('"}')


def test_white_space_that_may_not_be_one_to_aws_counts() -> None:
    assert size_bytes("\xa0\x85") == 4


def filled(size: int) -> str:
    frame = serialise(a_policy('{"Sid":"","Effect":"Allow","Action":"*","Resource":""}'))
    return frame.replace('"Resource":""', '"Resource":"' + "x" * (size - size_bytes(frame)) + '"')


def test_the_quota_is_met_to_the_byte() -> None:
    check_writable(filled(LIMIT_BYTES))

    assert fits(filled(LIMIT_BYTES))
    assert not fits(filled(LIMIT_BYTES + 1))
    with pytest.raises(Refusal) as caught:
        check_writable(filled(LIMIT_BYTES + 1))
    assert caught.value.code is Code.NO_ROOM
    assert caught.value.facts == {"size": LIMIT_BYTES + 1, "limit": LIMIT_BYTES}


def test_white_space_is_limited_by_the_apis_model() -> None:
    roomy = filled(1_000)

    assert fits(roomy + " " * (LIMIT_CHARACTERS - len(roomy)))
    with pytest.raises(Refusal) as caught:
        check_writable(roomy + " " * (LIMIT_CHARACTERS - len(roomy) + 1))
    assert caught.value.facts == {"size": LIMIT_CHARACTERS + 1, "limit": LIMIT_CHARACTERS}


@pytest.mark.parametrize("character", ["€", "\x00", "\x0b", "😀"])
def test_characters_outside_of_the_apis_model_are_refused(character: str) -> None:
    with pytest.raises(PolicyUnreadable) as caught:
        check_writable(character)

    assert caught.value.detail == "characters"


def test_deleting_the_policy_always_fits() -> None:
    assert fits("")


def test_the_warning_comes_at_eighty_percent() -> None:
    assert WARN_BYTES * 100 == LIMIT_BYTES * 80
