"""The suite bites: an engine that was broken on purpose does not get through it."""

from pathlib import Path

import pytest

from tests.chaos.chaos import Chaos
from tests.chaos.mutations import MUTATIONS

SEEN = {
    "posts_before_remembering": (8, "was posted 2 times"),
    "takes_no_lease": (4, ""),
    "settles_without_waiting_for_aws": (3, "before AWS had said so"),
    "acknowledges_before_storing": (8, "presses on"),
}
"""How many kills it takes, and the words by which each gives itself away; two at the same work do anything."""


@pytest.mark.parametrize("mutation", MUTATIONS)
async def test_a_broken_engine_is_noticed(tmp_path: Path, mutation: str) -> None:
    kills, words = SEEN[mutation]
    chaos = Chaos(
        kills=kills,
        seed=1,
        folder=tmp_path,
        url=f"sqlite:///{tmp_path / 'access.db'}",
        mutation=mutation,
        only=("post",),
        settle_at_most=20,
        faults=False,
        until_noticed=True,
    )

    report = await chaos.run()

    print(report)  # noqa: T201 -- the numbers of a run belong into its log
    assert any(words in violation for violation in report.violations), str(report)
