"""The suite bites: an engine that was broken on purpose does not get through a storm that a whole one survives."""

from pathlib import Path

import pytest

from tests.chaos.chaos import Chaos

SEEN = {
    "posts_before_remembering": (8, "was posted 2 times"),
    "never_looks_before_posting_again": (8, "was posted 2 times"),
    "writes_what_it_knew_at_first": (2, "left foreign statements"),
    "never_ends_what_ran_out": (2, "still holds"),
    "takes_no_lease": (4, ""),
    "settles_without_waiting_for_aws": (2, "before AWS had said so"),
    "acknowledges_before_storing": (8, "presses taken that are not stored"),
}
"""How many kills it takes, and the words by which each gives itself away; two at the same work do anything."""

STUCK = {"takes_no_lease"}
"""Engines that never grant anything: nobody waits for that."""


def a_small_storm(folder: Path, *, kills: int, mutation: str, settle_at_most: float) -> Chaos:
    """Deaths alone, and somebody who edits policies; nothing else that goes wrong."""
    return Chaos(
        kills=kills,
        seed=1,
        folder=folder,
        url=f"sqlite:///{folder / 'access.db'}",
        mutation=mutation,
        aims=("post",),
        settle_at_most=settle_at_most,
        faults=False,
        provisioning_seconds=2.0,
        until_granted=4 if mutation not in STUCK else 0,
        until_noticed=True,
    )


@pytest.mark.parametrize("mutation", SEEN)
async def test_a_broken_engine_is_noticed(tmp_path: Path, mutation: str) -> None:
    kills, words = SEEN[mutation]

    report = await a_small_storm(tmp_path, kills=kills, mutation=mutation, settle_at_most=20).run()

    print(report)  # noqa: T201 -- the numbers of a run belong into its log
    assert any(words in violation for violation in report.violations), str(report)


async def test_a_whole_engine_survives_the_same_storm(tmp_path: Path) -> None:
    report = await a_small_storm(tmp_path, kills=8, mutation="", settle_at_most=90).run()

    print(report)  # noqa: T201 -- the numbers of a run belong into its log
    assert not report.violations, str(report)
