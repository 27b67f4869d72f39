"""What approving would change in a policy, for the card."""

from bot.domain.errors import Code
from bot.domain.names import RoleName
from bot.domain.policy import LIMIT_BYTES, managed, merge, parse, serialise, size_bytes
from bot.domain.preview import Preview, preview
from bot.domain.statements import desired_statements
from tests.builders import TEST, a_foreign, a_grant, a_policy, a_target

WANT = a_grant().want
OTHER = a_grant(target=a_target(TEST)).want


def sids_of(document: str) -> frozenset[str]:
    return frozenset(statement.sid for statement in managed(parse(document)))


def test_a_preview_shows_what_is_added_and_how_big_the_policy_gets() -> None:
    before, after = a_policy(foreign=[a_foreign()]), a_policy([WANT], [a_foreign()])

    shown = preview(before, [WANT], ours=frozenset())

    assert shown.code is None
    assert (shown.bytes_before, shown.bytes_after) == (size_bytes(before), size_bytes(after))
    assert "+" in shown.diff
    assert WANT.role_arn in shown.diff


def test_what_stands_there_already_changes_nothing() -> None:
    document = a_policy([WANT])

    size = size_bytes(document)
    assert preview(document, [WANT], ours=sids_of(document)) == Preview(bytes_before=size, bytes_after=size)


def test_no_wants_change_nothing() -> None:
    assert preview("", [], ours=frozenset()) == Preview()


def test_grants_that_share_a_statement_are_shown_together() -> None:
    document = a_policy([WANT])

    shown = preview(document, [OTHER], ours=sids_of(document))

    assert shown.bytes_after == size_bytes(a_policy([WANT, OTHER]))


def test_a_managed_statement_that_is_not_ours_is_left_alone_and_not_repeated() -> None:
    document = a_policy([WANT])
    beside = merge(parse(document), desired=desired_statements([OTHER]), removable=frozenset())

    shown = preview(document, [OTHER], ours=frozenset())

    assert shown.bytes_after == size_bytes(serialise(beside))


def test_a_change_that_does_not_fit_says_the_size_it_would_have() -> None:
    filler = a_foreign(Resource=["arn:aws:s3:::" + "x" * 100 for _ in range(95)])
    document = a_policy(foreign=[filler])
    wide = a_grant(target=a_target(TEST, RoleName("Workbench-" + "r" * 50))).want

    shown = preview(document, [WANT, wide], ours=frozenset())

    assert shown.code is Code.NO_ROOM
    assert int(shown.detail) == shown.bytes_after > LIMIT_BYTES
    assert shown.diff


def test_a_statement_altered_by_hand_is_named() -> None:
    document = a_policy([WANT])
    (sid,) = sids_of(document)
    altered = document.replace(WANT.role_arn, OTHER.role_arn)

    shown = preview(altered, [WANT], ours=frozenset({sid}))

    assert (shown.code, shown.detail) == (Code.MANAGED_STATEMENT_ALTERED, sid)
    assert shown.bytes_before == shown.bytes_after == size_bytes(altered)


def test_an_unreadable_policy_says_why() -> None:
    shown = preview('{"Statement": 3}', [WANT], ours=frozenset())

    assert (shown.code, shown.detail) == (Code.POLICY_UNREADABLE, "no statements")
    assert shown.diff == ""
