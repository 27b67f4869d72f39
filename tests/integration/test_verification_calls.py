"""What a verification asks of AWS, counted at the organisation's door against the floor of aws.md §6."""

import pytest

from bench.verify import floor, verifier
from bot.domain.verification import Level


@pytest.mark.parametrize(("accounts", "roles"), [(1, 1), (1, 3), (3, 2), (10, 3)])
async def test_a_verification_stays_within_a_tenth_of_the_floor(accounts: int, roles: int) -> None:
    async with verifier(accounts, roles, rate=1_000) as at:
        report = await at.verify()
        first = len(at.double.calls.entries)
        at.double.calls.clear()
        await at.verify()
        again = len(at.double.calls.entries)

    assert {each.level for each in report.verifications} == {Level.PREDICTED}
    assert first <= 1.1 * floor(accounts, roles)
    assert again <= 1.1 * floor(accounts, roles, cold=False)


async def test_for_many_accounts_what_is_attached_fits_into_that_tenth_too() -> None:
    async with verifier(10, 3, rate=1_000) as at:
        await at.verify()

        assert len(at.double.calls.entries) <= 1.1 * floor(10, 3, attached=0)
        assert at.double.calls.count("sts", "AssumeRole") == 10
        assert at.double.calls.count("iam", "GetRole") == 30
        assert at.double.calls.count("iam", "ListRoles") == 10
        assert at.double.calls.count("iam", "SimulatePrincipalPolicy") == 10
        assert at.double.calls.count("iam", "GetRolePolicy") == 0
