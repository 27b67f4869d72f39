"""Both doubles and the doctor as a process of its own, as an operator runs it."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.bootstrap.doctor import diagnose
from bot.config import load
from bot.domain.errors import Misconfigured
from bot.sandbox.aws.organisation import AwsOrganisation
from bot.sandbox.aws.server import AwsDouble
from bot.sandbox.play import SCOPES
from bot.sandbox.scene import RULES, SIGNING_SECRET, organisation, workspace, write_rules
from bot.sandbox.slack.server import SlackDouble
from bot.sandbox.slack.workspace import Workspace
from bot.usecases.doctor import misconfigured
from bot.usecases.doctor.report import as_json

ROOT = Path(__file__).parents[3]
LONGEST = 120.0
"""Seconds for one run on a busy machine; how long it may take is asserted where it matters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What one run said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        assert self.out.startswith("{"), self.out + self.err
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found

    @property
    def checks(self) -> list[dict[str, Any]]:
        checks: list[dict[str, Any]] = self.document["checks"]
        return checks

    def line(self, check: str, subject: str | None = None) -> dict[str, Any]:
        """The one line of this check; with a subject, the one about that."""
        fitting = [one for one in self.checks if one["check"] == check and subject in {None, one["subject"]}]
        assert len(fitting) == 1, (check, subject, self.checks)
        return fitting[0]

    def wrong(self) -> list[tuple[str, str | None, str]]:
        """Everything that is not ok: check, subject and status."""
        return [(one["check"], one["subject"], one["status"]) for one in self.checks if one["status"] != "ok"]


@dataclass(slots=True, kw_only=True)
class Clinic:
    """What the doctor is to look at."""

    slack: SlackDouble
    aws: AwsDouble
    folder: Path
    rules: str = RULES
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def org(self) -> AwsOrganisation:
        return self.aws.org

    @property
    def workspace(self) -> Workspace:
        return self.slack.workspace

    def variables(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {
            **self.aws.bot_environment(),
            "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "1",
            "AWS_CONFIG_FILE": str(self.folder / "no-aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "no-aws-credentials"),
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_SIGNING_SECRET": SIGNING_SECRET,
            "SLACK_API_URL": self.slack.api_url,
            "DATABASE_URL": f"sqlite:///{self.folder / 'access.db'}",
            "WORKBENCH_ACCESS_CONFIG": str(self.folder / "workbench-access.toml"),
            **self.environment,
        }

    async def run(self, *arguments: str) -> Told:
        """`workbench-access` with these words, in a folder of its own."""
        write_rules(self.folder, self.rules)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-W",
            "error",
            "-m",
            "bot",
            *arguments,
            cwd=self.folder,
            env=self.variables(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(LONGEST):
                out, err = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        return Told(code=process.returncode or 0, out=out.decode(), err=err.decode())

    async def doctor(self) -> Told:
        """The same without a process: from the variables to the JSON, in the tests' own loop."""
        write_rules(self.folder, self.rules)
        with _environment(self.variables()):
            try:
                settings = load(os.environ, self.folder / ".env")
            except Misconfigured as wrong:
                found, code = misconfigured(wrong.problems, datetime.now(UTC)), 2
            else:
                found = await diagnose(settings)
                code = 0 if found.is_healthy else 1
        return Told(code=code, out=as_json(found, version="test"), err="")


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """boto3 reads the process's own environment and nothing else."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@asynccontextmanager
async def clinic(
    folder: Path,
    *,
    org: AwsOrganisation | None = None,
    space: Workspace | None = None,
    scopes: frozenset[str] = SCOPES,
) -> AsyncIterator[Clinic]:
    """A healthy organisation, unless the test brings another."""
    async with (
        SlackDouble(space or workspace(), signing_secret=SIGNING_SECRET, scopes=scopes) as slack,
        AwsDouble(org or organisation()) as aws,
    ):
        made = Clinic(slack=slack, aws=aws, folder=folder)
        yield made
        slack.faults.clear()
        aws.faults.clear()


class _Template(yaml.SafeLoader):
    """CloudFormation's short functions, as far as the role's policies use them."""


def _short(loader: _Template, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return {"AWS::Partition": "aws"}.get(str(node.value), "*")
    if isinstance(node, yaml.SequenceNode):
        parts = loader.construct_sequence(node, deep=True)
        return parts[1] if suffix == "If" else "*"
    return "*"


_Template.add_multi_constructor("!", _short)


def shipped_policy() -> dict[str, Any]:
    """All that deploy/bot-role.yaml allows, on every resource; the condition on the tag is kept."""
    template = yaml.load((ROOT / "deploy/bot-role.yaml").read_text(encoding="utf-8"), _Template)  # noqa: S506 -- a SafeLoader
    resources = template["Resources"]
    documents = [each["PolicyDocument"] for each in resources["BotRole"]["Properties"]["Policies"]]
    documents += [
        each["Properties"]["PolicyDocument"]
        for each in resources.values()
        if each["Type"] == "AWS::IAM::Policy"
    ]
    statements = [one for each in documents for one in each["Statement"] if isinstance(one, dict)]
    return {"Version": "2012-10-17", "Statement": [_real(one) for one in statements]}


def _real(statement: dict[str, Any]) -> dict[str, Any]:
    sets_only = statement.get("Condition") is not None
    if not sets_only and statement["Sid"] == "WriteInstance":
        return statement | {"Resource": "arn:aws:sso:::instance/*"}
    if sets_only:
        return statement | {"Resource": "arn:aws:sso:::permissionSet/*"}
    return statement


@pytest.fixture
async def healthy(tmp_path: Path) -> AsyncIterator[Clinic]:
    """Everything as it should be; the test spoils one thing."""
    async with clinic(tmp_path) as made:
        yield made
