"""The suite bites: an engine that was broken on purpose does not get through it."""

from pathlib import Path

import pytest

from tests.chaos.chaos import Chaos
from tests.chaos.mutations import MUTATIONS

KILLS = {"takes_no_lease": 4, "settles_without_reading_back": 4}
"""The others lose something only when they die at the wrong moment."""

SEEN = {
    "posts_before_remembering": "was posted",
    "takes_no_lease": "was posted",
    "settles_without_reading_back": "before AWS had said so",
    "forgets_forms": "was acknowledged and is",
}
"""Words of the violation by which each gives itself away."""


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_a_broken_engine_is_noticed(tmp_path: Path, mutation: str) -> None:
    chaos = Chaos(
        kills=KILLS.get(mutation, 12),
        seed=1,
        folder=tmp_path,
        url=f"sqlite:///{tmp_path / 'access.db'}",
        mutation=mutation,
        only=("post",),
        settle_at_most=10,
        faults=False,
    )

    report = await chaos.run()

    print(report)  # noqa: T201 -- the numbers of a run belong into its log
    assert any(SEEN[mutation] in violation for violation in report.violations), str(report)
