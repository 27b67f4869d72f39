"""How `workbench-access doctor` looks on a terminal, and elsewhere."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def on_a_terminal(folder: Path, **more: str) -> str:
    """What a person sees of a doctor that finds no configuration: no network is needed for that."""
    ours, theirs = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", **more}
    with subprocess.Popen(
        [sys.executable, "-m", "bot", "doctor"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        seen = b""
        while True:
            try:
                some = os.read(ours, 65_536)
            except OSError:  # Linux says so once the other end is closed
                break
            if not some:
                break
            seen += some
    os.close(ours)
    return seen.decode()


def test_a_person_at_a_terminal_sees_colours_beside_the_words(tmp_path: Path) -> None:
    seen = on_a_terminal(tmp_path)

    assert "\033[31m✖ failure\033[0m" in seen
    assert "SLACK_BOT_TOKEN" in seen


@pytest.mark.parametrize("more", [{"NO_COLOR": "1"}])
def test_whoever_wants_no_colour_gets_none(tmp_path: Path, more: dict[str, str]) -> None:
    seen = on_a_terminal(tmp_path, **more)

    assert "✖ failure" in seen
    assert "\033" not in seen


def test_where_signs_cannot_be_written_plain_ones_stand(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "ascii",
        "PYTHONUTF8": "0",
    }

    told = subprocess.run(
        [sys.executable, "-m", "bot", "doctor"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
    )

    assert told.returncode == 2
    assert b"x failure" in told.stdout
    assert told.stdout.isascii()
