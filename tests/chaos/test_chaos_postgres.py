"""Three replicas are killed again and again on PostgreSQL; a file of its own, so that it can run beside the other."""

from pathlib import Path

from tests.chaos.chaos import Chaos, judged


async def test_nothing_is_lost_or_doubled_with_three_replicas(
    tmp_path: Path, kills: int, seed: int, postgres: str
) -> None:
    judged(await Chaos(kills=kills, seed=seed, folder=tmp_path, url=postgres, replicas=3).run())
