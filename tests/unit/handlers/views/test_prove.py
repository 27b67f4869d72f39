"""The “Prove it” form, its commands in real shells, and what is said about proofs."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.domain.messages import Answer
from bot.domain.names import AccountId, IdentityUserId, PermissionSetName, RoleName
from bot.domain.proof import (
    MOST_BY_HAND,
    MOST_ROLES,
    TOKEN_BYTES,
    Challenge,
    ChallengeId,
    Finding,
    Flaw,
    Report,
)
from bot.domain.request import RequestId, Target
from handlers.views.prove import FIELD_LENGTH, FIELDS, FOLD, checking, commands, opening, prove_form, result
from handlers.views.proved import proved, report_lines
from handlers.views.wording.proofs import because
from tests.builders import ALICE, HOME
from tests.fakes.clock import NOON
from tests.unit.handlers.views.judge import assert_sound
from tests.unit.handlers.views.stories import HOSTILE

NONCE = "7e" * 20
URL = "https://access.example.com"
PROD, LAB = AccountId("111111111111"), AccountId("222222222222")
BUILDER, READER = RoleName("Workbench-BuilderRole"), RoleName("Workbench-ReadOnlyRole")
SHELLS = [shell for shell in ("bash", "zsh", "dash") if shutil.which(shell)]
LONGEST_REAL_TOKEN = 4_300


def target(account: AccountId = PROD, role: RoleName = BUILDER) -> Target:
    return Target(account=account, role=role)


def a_challenge(*targets: Target, **fields: Any) -> Challenge:
    plain = Challenge(
        id=ChallengeId("c"),
        team=HOME,
        user=ALICE,
        identity=IdentityUserId("u-1"),
        sso_user="alice@example.com",
        partition="aws",
        permission_set=PermissionSetName("DataScientist"),
        targets=targets or (target(),),
        request=RequestId(17),
        issued_at=NOON,
    )
    return replace(plain, **fields)


MANY = a_challenge(*(target(AccountId(f"{n:012d}"), RoleName("R" * 64)) for n in range(MOST_ROLES)))
BY_HAND = a_challenge(*(target(role=RoleName("R" * 63 + str(n))) for n in range(MOST_BY_HAND)))
STRANGEST = PermissionSetName("x" * 32)


def name_of(_: AccountId) -> str:
    return "Workbench Sandbox"


def form(challenge: Challenge, *, url: str | None = URL, name: str = "Workbench Sandbox") -> dict[str, Any]:
    return prove_form(challenge, NONCE, left_out=3, public_url=url, account_name=lambda _: name)


@pytest.mark.parametrize(
    "challenge", [a_challenge(), MANY, replace(MANY, request=None, permission_set=STRANGEST)]
)
@pytest.mark.parametrize("name", ["", "Workbench Sandbox", HOSTILE])
def test_the_form_keeps_slacks_limits(challenge: Challenge, name: str) -> None:
    assert_sound(form(challenge, name=name), "modal")


@pytest.mark.parametrize("name", ["", HOSTILE])
def test_the_form_with_fields_keeps_slacks_limits(name: str) -> None:
    assert_sound(form(BY_HAND, url=None, name=name), "modal")


def test_no_command_is_cut_off() -> None:
    for challenge, url in ((MANY, URL + "/a/long/path" * 20), (BY_HAND, None)):
        (block,) = [each for each in form(challenge, url=url)["blocks"] if each["type"] == "rich_text"]

        assert block["elements"][0]["elements"][0]["text"] == commands(challenge, NONCE, public_url=url)


def test_the_fields_hold_the_tokens_of_one_sign_in_and_three_roles() -> None:
    view = form(BY_HAND, url=None)
    fields = [block for block in view["blocks"] if block["type"] == "input"]

    assert len(fields) == FIELDS
    assert [bool(field.get("optional")) for field in fields] == [False] + [True] * (FIELDS - 1)
    assert FOLD < FIELD_LENGTH
    assert FIELDS * FOLD >= (1 + MOST_BY_HAND) * LONGEST_REAL_TOKEN
    assert LONGEST_REAL_TOKEN < TOKEN_BYTES
    assert view["submit"]
    assert json.loads(view["private_metadata"]) == {"nonce": NONCE}


def test_by_curl_there_is_nothing_to_fill_in() -> None:
    view = form(a_challenge())

    assert not [block for block in view["blocks"] if block["type"] == "input"]
    assert not view.get("submit")
    assert not view.get("private_metadata")


def test_the_form_says_what_is_sent_and_what_it_shows() -> None:
    text = json.dumps(form(a_challenge(target(), target(LAB))), ensure_ascii=False)

    for said in (
        "somebody who held these one-time commands assumed the role",
        "No secret key leaves your machine",
        "good for 15 minutes",
        "Good for 10 minutes",
        "`--profile`",
        "2 roles of *WA-17* in 2 accounts",
        "*DataScientist*",
    ):
        assert said in text


STUB = """\
#!/bin/sh
for last in "$@"; do :; done
case "$last" in *Broken*) echo "AccessDenied" >&2; exit 254 ;; esac
echo "<${AWS_PROFILE:-}:$*>"
"""
PLAIN = f"eks get-token --cluster-name wbv-{NONCE} --query status.token --output text"


def run(shell: str, script: str, folder: Path) -> str:
    """What a shell prints where `aws` and `curl` are stand-ins."""
    for name, text in (("aws", STUB), ("curl", '#!/bin/sh\necho "curl $*"\ncat\n')):
        program = folder / name
        program.write_text(text)
        program.chmod(0o755)
    done = subprocess.run(  # noqa: S603 -- our own commands, between stand-ins
        [shell, "-c", script],
        env={"PATH": f"{folder}:/usr/bin:/bin"},
        capture_output=True,
        check=False,
        text=True,
        timeout=30,
    )
    assert "AccessDenied" in done.stderr or not done.stderr
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_the_commands_ask_who_it_is_and_for_each_role(shell: str, tmp_path: Path) -> None:
    block = commands(a_challenge(target(), target(role=RoleName("Broken=,.@-+"))), NONCE, public_url=URL)

    assert run(shell, block, tmp_path).splitlines() == [
        f"curl -sS --data-binary @- {URL}/prove/{NONCE}",
        f"<:{PLAIN}>",
        f"<:{PLAIN} --role-arn arn:aws:iam::{PROD}:role/{BUILDER}>",
        "[failed:2]",
    ]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("url", ["https://[2001:db8::1]:3000", "https://example.com/~bot/a~b"])
def test_the_address_means_nothing_to_a_shell(shell: str, url: str, tmp_path: Path) -> None:
    block = commands(a_challenge(), NONCE, public_url=url)

    assert run(shell, block, tmp_path).splitlines()[:1] == [f"curl -sS --data-binary @- {url}/prove/{NONCE}"]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_account_has_a_profile_of_its_own(shell: str, tmp_path: Path) -> None:
    block = commands(a_challenge(target(), target(LAB)), NONCE, public_url=URL)

    lines = run(shell, block, tmp_path).splitlines()[1:]

    assert [line.split(":")[0] for line in lines] == [
        f"<PROFILE-{PROD}",
        f"<PROFILE-{PROD}",
        f"<PROFILE-{LAB}",
        f"<PROFILE-{LAB}",
    ]


@pytest.mark.parametrize("shell", SHELLS)
def test_without_an_address_lines_come_that_fit_the_fields(shell: str, tmp_path: Path) -> None:
    printed = run(shell, commands(BY_HAND, NONCE, public_url=None), tmp_path)

    whole = "".join(printed.split("\n"))
    assert whole.count(f"<:{PLAIN}") == 1 + MOST_BY_HAND
    assert all(len(line) <= FOLD for line in printed.splitlines())


def test_the_commands_hold_nothing_that_a_pasting_zsh_would_trip_over() -> None:
    block = commands(MANY, NONCE, public_url=URL)

    assert "#" not in block
    assert "!" not in block


# What is said

SEEN = [Finding(target=target()), *(Finding(target=target(role=READER), flaw=flaw) for flaw in Flaw)]


def test_each_role_has_its_line_in_the_terminal() -> None:
    report = Report(
        challenge=a_challenge(),
        findings=(*SEEN, Finding(target=None, flaw=Flaw.NOT_A_TOKEN)),
        at=NOON,
    )

    first, *others = report_lines(report, name_of)
    (before,) = [line for line in others if line.startswith("proved before: ")]
    others.remove(before)

    assert (
        first == f"proved: alice@example.com as {BUILDER} in Workbench Sandbox ({PROD}) at {NOON:%H:%M} UTC"
    )
    assert all(line.startswith("not proved: ") and ", because " in line for line in others)
    assert all("\n" not in line and line.endswith(".") for line in [*others, before])


@pytest.mark.parametrize("flaw", Flaw)
def test_every_flaw_says_what_to_do(flaw: Flaw) -> None:
    assert re.search(r"[Rr]un|[Uu]se|[Cc]heck|[Ss]et it|Press|Copy|clock", because(flaw))


def test_hostile_names_stay_one_line_in_the_terminal() -> None:
    report = Report(challenge=a_challenge(sso_user=HOSTILE), findings=(SEEN[0], SEEN[1]), at=NOON)

    for line in report_lines(report, lambda _: HOSTILE + "\n\x1b[31m"):
        assert line.isprintable()


def told(*targets: str, by: str = "U0ALICE") -> Answer:
    at = int(NOON.timestamp())
    return Answer(said="proved", facts=(("by", by), ("at", at), *(("target", each) for each in targets)))


def test_the_thread_reads_who_proved_what_and_when() -> None:
    shown = proved(told(f"{PROD}/{BUILDER}/Workbench Sandbox", f"{LAB}/{READER}/"))

    assert_sound(shown)
    lines = shown.text.splitlines()
    assert lines[0].startswith(f"✅ Proved: <@U0ALICE> as {BUILDER} in Workbench Sandbox ({PROD}), <!date^")
    assert lines[1].startswith(f"✅ Proved: <@U0ALICE> as {READER} in account {LAB}, <!date^")


def test_the_longest_proof_breaks_no_message() -> None:
    shown = proved(told(*(f"{PROD}/{'R' * 64}/{HOSTILE}/{HOSTILE}" for _ in range(MOST_ROLES)), by=HOSTILE))

    assert_sound(shown)


def test_what_stands_while_one_waits_is_sound() -> None:
    report = Report(challenge=a_challenge(), findings=tuple(SEEN), at=NOON)

    for view in (opening(), checking(), result(report_lines(report, name_of), all_proved=False)):
        assert_sound(view, "modal")
