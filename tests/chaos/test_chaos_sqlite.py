"""The bot is killed again and again on SQLite, and nothing is lost, nothing doubled, and nobody told too early."""

from pathlib import Path

from tests.chaos.chaos import Chaos, judged


async def test_nothing_is_lost_or_doubled_on_sqlite(tmp_path: Path, kills: int, seed: int) -> None:
    judged(
        await Chaos(kills=kills, seed=seed, folder=tmp_path, url=f"sqlite:///{tmp_path / 'access.db'}").run()
    )
