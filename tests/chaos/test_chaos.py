"""The bot is killed again and again, and nothing is lost, nothing doubled, and nobody is told too early."""

from pathlib import Path

from tests.chaos.chaos import Chaos, Report


def judged(report: Report) -> None:
    """Print what the run was, and fail with everything that it found wrong."""
    print(report)  # noqa: T201 -- the seed and the numbers of a run belong into its log
    assert not report.violations, str(report)


async def test_nothing_is_lost_or_doubled_on_sqlite(tmp_path: Path, kills: int, seed: int) -> None:
    judged(
        await Chaos(kills=kills, seed=seed, folder=tmp_path, url=f"sqlite:///{tmp_path / 'access.db'}").run()
    )


async def test_nothing_is_lost_or_doubled_with_three_replicas(
    tmp_path: Path, kills: int, seed: int, postgres: str
) -> None:
    judged(await Chaos(kills=kills, seed=seed, folder=tmp_path, url=postgres, replicas=3).run())
