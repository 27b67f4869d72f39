"""The AWS panel: who is trusted, who changed a policy last, and what is green."""

from typing import Any

import pytest

from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.server import AwsDouble
from bot.sandbox.aws.workbench import trust_policy
from bot.sandbox.page.aws_state import AwsPanel, trusted_sets
from bot.sandbox.page.calls import Calls
from bot.sandbox.page.events import Hub
from bot.sandbox.page.policies import Policies, has_ours, size
from bot.sandbox.scene import DATA_SCIENTIST, FOREIGN, PRODUCTION, RESEARCH, SANDBOX, organisation, workspace
from bot.sandbox.slack.server import SlackDouble

BUILDER = "Workbench-BuilderRole"
GRANT = {
    "Sid": "WorkbenchAccess0000000000000001",
    "Effect": "Allow",
    "Action": "sts:AssumeRole",
    "Resource": [f"arn:aws:iam::{SANDBOX}:role/{BUILDER}"],
}
GRANTED = {**FOREIGN, "Statement": [*FOREIGN["Statement"], GRANT]}


@pytest.fixture
def org() -> AwsOrganisation:
    return organisation()


@pytest.fixture
def policies(org: AwsOrganisation) -> Policies:
    return Policies(org)


@pytest.fixture
def panel(org: AwsOrganisation, policies: Policies) -> AwsPanel:
    return AwsPanel(org, policies, Calls(SlackDouble(workspace()), AwsDouble(org), Hub()))


def the_set(panel: AwsPanel) -> dict[str, Any]:
    return next(one for one in panel.state()["sets"] if one["name"] == DATA_SCIENTIST)


def states(panel: AwsPanel) -> dict[str, str]:
    return {one["id"]: one["state"] for one in the_set(panel)["accounts"]}


def test_a_trust_policy_names_sets_or_admits_the_whole_account() -> None:
    assert trusted_sets(trust_policy("aws", SANDBOX, ["DataScientist", "Analyst"])) == [
        "DataScientist",
        "Analyst",
    ]
    assert trusted_sets(trust_policy("aws", SANDBOX)) is None


def test_a_change_is_shown_with_its_author_and_the_text_before(
    org: AwsOrganisation, policies: Policies, panel: AwsPanel
) -> None:
    untouched = the_set(panel)
    org.edit(org.permission_set(DATA_SCIENTIST), str(GRANTED).replace("'", '"'))
    by_bot = the_set(panel)
    with policies.at_the_console():
        org.console_edit(DATA_SCIENTIST, FOREIGN)
    by_hand = the_set(panel)

    assert (untouched["changed_by"], untouched["changed_at"], untouched["previous_text"]) == (None, None, "")
    assert (by_bot["changed_by"], by_bot["previous_text"]) == ("bot", untouched["policy_text"])
    assert (by_hand["changed_by"], by_hand["previous_text"]) == ("console", by_bot["policy_text"])
    assert by_hand["policy"] == FOREIGN


def test_an_edit_makes_every_account_stale_until_it_is_pushed(org: AwsOrganisation, panel: AwsPanel) -> None:
    before = states(panel)
    org.console_edit(DATA_SCIENTIST, GRANTED)
    stale = states(panel)
    org.provisioning.delay = 60
    found = org.permission_set(DATA_SCIENTIST)
    org.provisioning.begin(found, [SANDBOX], SANDBOX)
    pushing = states(panel)
    org.provision_now(DATA_SCIENTIST, PRODUCTION)

    assert before == {SANDBOX: "latest", PRODUCTION: "latest"}
    assert stale == {SANDBOX: "out_of_date", PRODUCTION: "out_of_date"}
    assert pushing == {SANDBOX: "provisioning", PRODUCTION: "out_of_date"}
    assert states(panel) == {SANDBOX: "provisioning", PRODUCTION: "latest"}


def test_a_failed_push_is_shown_as_failed(org: AwsOrganisation, panel: AwsPanel) -> None:
    org.console_edit(DATA_SCIENTIST, GRANTED)
    org.provisioning.fail_in(SANDBOX, "No")
    org.provisioning.begin(org.permission_set(DATA_SCIENTIST), [SANDBOX], SANDBOX)
    org.provisioning.settle()

    assert states(panel)[SANDBOX] == "failed"
    assert panel.state()["provisionings"][0]["failure"] == "No"


def test_the_matrix_turns_green_for_everybody_with_the_set_and_for_nobody_else(
    org: AwsOrganisation, panel: AwsPanel
) -> None:
    def green() -> set[tuple[str, str, str]]:
        rows = panel.matrix()
        return {(row["person"], row["account"], row["role"]) for row in rows if row["can"]}

    before = green()
    org.console_edit(DATA_SCIENTIST, GRANTED)
    put = green()
    org.provision_now(DATA_SCIENTIST, SANDBOX)

    assert before == put == set()
    assert green() == {(f"{who}@example.com", SANDBOX, BUILDER) for who in ("alice", "chris")}
    assert {row["person"] for row in panel.matrix() if row["account"] == RESEARCH} == {"dana@example.com"}


def test_only_statements_with_the_bots_name_are_ours() -> None:
    assert has_ours('{"Statement": [{"Sid": "WorkbenchAccess01"}]}')
    assert not has_ours('{"Statement": [{"Sid": "ReadBuckets"}, {"Effect": "Allow"}]}')
    assert not has_ours("")


def test_white_space_does_not_count() -> None:
    assert size('{ "a":\n "ö" }') == len('{"a":"ö"}'.encode())
