"""What a visitor may break, and mend again: AWS slow, failing or edited by others, roles gone, Slack down."""

import itertools
import json
from collections.abc import Callable
from typing import Any, Final

from bot.sandbox.aws import workbench
from bot.sandbox.aws.server import AwsDouble
from bot.sandbox.page.aws_state import MEMBER_ROLE, AwsPanel
from bot.sandbox.page.policies import OURS, Policies
from bot.sandbox.page.wire import BadRequest, Body, NoSuch
from bot.sandbox.slack.faults import Fault
from bot.sandbox.slack.server import SlackDouble

Json = dict[str, Any]

SLOW_SECONDS: Final = 20.0
SLOW_RATE: Final = 2.0
"""Calls a second while throttled; Identity Center itself takes twenty."""

FAILURE: Final = "Received a 500 status error: the sandbox's switch makes provisioning fail in this account."
OTHERS: Final = "SomebodyElse"
"""The permission set that a wrong trust policy names."""

_ENDLESS: Final = 2**40
_EDITS: Final = 4
"""So many statements of the console's at most; later presses change them instead."""

_DENY: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "NoAssume", "Effect": "Deny", "Action": "sts:AssumeRole", "Resource": "*"}],
}


class Switches:
    """Acts on the doubles alone: the bot has to notice."""

    def __init__(self, slack: SlackDouble, aws: AwsDouble, panel: AwsPanel, policies: Policies) -> None:
        self._slack = slack
        self._aws = aws
        self._org = aws.org
        self._panel = panel
        self._policies = policies
        self._usual_delay = self._org.provisioning.delay
        self._usual_rate = self._org.behaviour.rate
        self._edits = itertools.count(1)
        self._down: Fault | None = None
        self._fail_account: str | None = None
        self._wrong_trust: set[str] = set()
        self.broken_at: float | None = None
        """When something was last broken, on the clock of the doubles."""
        self._flips: dict[str, Callable[[Body], bool]] = {
            "slow_provisioning": self._slow,
            "fail_account": self._fail_in,
            "throttle": self._throttle,
            "slack_down": self._slack_down,
            "delete_role": self._delete_role,
            "wrong_trust": self._trust,
            "member_role": self._member_role,
            "scp_deny": self._scp,
            "console_edit": self._console_edit,
            "remove_ours": self._remove_ours,
        }

    def flip(self, body: Body) -> None:
        """Raises BadRequest or NoSuch, with nothing changed."""
        flip = self._flips.get(body.text("name"))
        if flip is None:
            raise BadRequest(f"name: one of {', '.join(self._flips)}.")
        with self._policies.at_the_console():
            is_broken = flip(body)
        if is_broken:
            self.broken_at = self._org.clock()
        self._org.changed()

    def state(self) -> Json:
        accounts = [account.id for account in self._panel.accounts]
        missing: dict[str, list[str]] = {account: [] for account in accounts}
        wrong: dict[str, list[str]] = {account: [] for account in accounts}
        for account, role in self._panel.roles:
            if self._org.roles.find(account, role) is None:
                missing[account].append(role)
            elif account in self._wrong_trust:
                wrong[account].append(role)
        return {
            "slow_provisioning": self._org.provisioning.delay == SLOW_SECONDS,
            "fail_account": self._fail_account,
            "throttle": self._org.behaviour.rate == SLOW_RATE,
            "slack_down": self._down is not None,
            "wrong_trust": wrong,
            "deleted_roles": missing,
            "member_role": {
                account: self._org.roles.find(account, MEMBER_ROLE) is not None for account in accounts
            },
            "scp_deny": {account: bool(self._org.accounts[account].scps) for account in accounts},
        }

    # Each answers whether something is broken now that was not before.

    def _slow(self, body: Body) -> bool:
        on = body.flag("value")
        self._org.provisioning.delay = SLOW_SECONDS if on else self._usual_delay
        return False

    def _fail_in(self, body: Body) -> bool:
        account = self._account(body, "value") if "value" in body else None
        if self._fail_account is not None:
            self._org.provisioning.mend(self._fail_account)
        if account is not None:
            self._org.provisioning.fail_in(account, FAILURE)
        self._fail_account = account
        return account is not None

    def _throttle(self, body: Body) -> bool:
        self._org.behaviour.rate = SLOW_RATE if body.flag("value") else self._usual_rate
        return False

    def _slack_down(self, body: Body) -> bool:
        on = body.flag("value")
        if self._down is not None:
            self._down.release()
        self._down = self._slack.faults.server_error(times=_ENDLESS) if on else None
        return on

    def _delete_role(self, body: Body) -> bool:
        account, role, gone = self._account(body), body.text("role"), body.flag("value")
        if (account, role) not in self._panel.roles:
            raise NoSuch(f"There is no role {role} in this account.")
        if gone and self._org.roles.find(account, role) is not None:
            self._org.delete_role(account, role)
        elif not gone:
            self._deploy(account, role)
        return gone

    def _trust(self, body: Body) -> bool:
        account, wrong = self._account(body), body.flag("value")
        if wrong:
            self._wrong_trust.add(account)
        else:
            self._wrong_trust.discard(account)
        for where, role in self._panel.roles:
            if where == account and self._org.roles.find(account, role) is not None:
                self._deploy(account, role)
        return wrong

    def _member_role(self, body: Body) -> bool:
        account, on = self._account(body), body.flag("value")
        is_there = self._org.roles.find(account, MEMBER_ROLE) is not None
        if on and not is_there:
            self._org.deploy_member_role(account, MEMBER_ROLE)
        elif is_there and not on:
            self._org.delete_role(account, MEMBER_ROLE)
        return False

    def _scp(self, body: Body) -> bool:
        account, on = self._account(body), body.flag("value")
        if on:
            self._org.set_scps(account, _DENY)
        else:
            self._org.accounts[account].scps = []
        return on

    def _console_edit(self, body: Body) -> bool:
        """Somebody adds a statement of their own; from the fifth time on an older one is changed."""
        name, statements = self._statements(body)
        number = next(self._edits)
        sid = f"ByHand{(number - 1) % _EDITS + 1}"
        edit = {
            "Sid": sid,
            "Effect": "Allow",
            "Action": ["s3:GetObject"],
            "Resource": [f"arn:aws:s3:::team-bucket-{number}/*"],
        }
        self._write(name, [*(each for each in statements if each.get("Sid") != sid), edit])
        return False

    def _remove_ours(self, body: Body) -> bool:
        name, statements = self._statements(body)
        theirs = [each for each in statements if not str(each.get("Sid", "")).startswith(OURS)]
        if len(theirs) == len(statements):
            raise NoSuch("There is no statement of the bot in this policy.")
        self._write(name, theirs)
        return True

    # Inside

    def _account(self, body: Body, name: str = "account") -> str:
        account = body.text(name)
        if account not in {each.id for each in self._panel.accounts}:
            raise NoSuch(f"There is no account {account}.")
        return account

    def _statements(self, body: Body) -> tuple[str, list[Json]]:
        name = body.text("set")
        try:
            text = self._org.inline_policy(name)
        except KeyError:
            raise NoSuch(f"There is no permission set {name}.") from None
        return name, json.loads(text)["Statement"] if text else []

    def _write(self, name: str, statements: list[Json]) -> None:
        """As the console does it: the new text, pushed into every account at once."""
        document = {"Version": "2012-10-17", "Statement": statements}
        self._org.console_edit(name, document if statements else "")
        arn = self._org.permission_set(name).arn
        for each, account in list(self._org.copies):
            if each == arn:
                self._org.provision_now(name, account)

    def _deploy(self, account: str, role: str) -> None:
        deployed = self._panel.roles[account, role]
        trust = deployed.trust
        if account in self._wrong_trust:
            trust = workbench.trust_policy(self._org.partition, account, [OTHERS])
        self._org.put_role(account, role, trust, workbench.policies(role))
