"""The command line: what it says, and its exit codes."""

from pathlib import Path

import pytest

from bot.__main__ import MISCONFIGURED, main


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without any configuration, and an environment without ours."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
        "SLACK_SIGNING_SECRET",
        "SLACK_CLIENT_ID",
        "SLACK_CLIENT_SECRET",
        "DATABASE_URL",
        "WORKBENCH_ACCESS_CONFIG",
    ):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_every_missing_setting_is_told_at_once_and_nothing_starts(
    nowhere: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([command])

    said = capsys.readouterr().err
    assert code == MISCONFIGURED == 2
    assert "SLACK_BOT_TOKEN" in said
    assert "SLACK_SIGNING_SECRET" in said
    assert "workbench-access.toml" in said
    assert list(nowhere.iterdir()) == []


def test_a_word_that_is_no_command_is_refused_with_the_list_of_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["server"])

    assert stopped.value.code == 2
    assert "serve" in capsys.readouterr().err
