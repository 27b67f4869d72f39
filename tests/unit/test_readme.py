"""What the documentation says exists, and what exists is said; what is shipped beside the code fits the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml

from bot.sandbox.play import sandbox
from bot.sandbox.scene import DATA_SCIENTIST
from bot.sandbox.story import Screen, StalledError, tell
from handlers import ids
from handlers.views.help import COMMANDS
from handlers.views.parts import REPEATED

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROSE = README[: README.index("```text")] + README[README.index("<!-- end of transcript -->") :]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "SECURITY.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
NAME = r"[A-Z][A-Z0-9_]+"


def section(title: str) -> str:
    """The part of the README under a heading."""
    return PROSE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """The first cell of each row of each table, without the heads."""
    rows = re.findall(r"^\| (.*?) \|", text, re.MULTILINE)
    return [row for row in rows if row not in {"variable", "key", "command", "level", "---"}]


# Settings


def variables_in_code() -> set[str]:
    """What `bot/config` asks the environment for, from its source: `variables.secret("SLACK_BOT_TOKEN", …)`."""
    tree = ast.parse((ROOT / "bot/config/__init__.py").read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            owner, name = ast.unparse(node.func.value), node.args[0]
            if owner in {"variables", "self"} and isinstance(name, ast.Constant):
                found.add(str(name.value))
    return {name for name in found if re.fullmatch(NAME, name) and not name.startswith("AWS_")}


def test_the_readme_lists_exactly_the_variables_that_are_read() -> None:
    listed = {cell.strip("`") for cell in first_cells(section("Configuration"))}

    assert {name for name in listed if re.fullmatch(NAME, name)} == variables_in_code()
    assert "AWS_…" in listed


def test_the_example_environment_has_the_same_variables() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(rf"^#? ?({NAME})=", example, re.MULTILINE))

    assert {name for name in named if not name.startswith("AWS_")} == variables_in_code()


def test_every_key_of_the_example_rules_is_explained() -> None:
    example = (ROOT / "workbench-access.example.toml").read_text(encoding="utf-8")
    keys = set(re.findall(r"^(\w+) =", example, re.MULTILINE))
    explained = set(re.findall(r"`(\w+)`", section("Configuration")))

    assert keys - explained == set()


# Commands


def test_the_readme_lists_exactly_the_commands_that_people_can_type() -> None:
    listed = [cell.strip("`") for cell in first_cells(section("What people type"))]

    assert listed == [f"{ids.COMMAND} {each.word} {each.takes}".rstrip() for each in COMMANDS]


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = {
        name
        for path in [*DOCUMENTS, ROOT / ".ci/run", ROOT / "Makefile"]
        for name in re.findall(
            r"(?:^\$ |`|== )make ([a-z]+)\b", path.read_text(encoding="utf-8"), re.MULTILINE
        )
    }

    assert named <= targets
    assert targets - {"help", "clean"} == set(re.findall(r'echo "make ([a-z]+) ', makefile))


def test_every_subcommand_that_is_named_exists() -> None:
    tree = (ROOT / "bot/__main__.py").read_text(encoding="utf-8")
    known = set(re.findall(r'add_parser\(\s*"(\w+)"', tree))
    for path in DOCUMENTS:
        named = set(re.findall(r"`workbench-access ([a-z]+)", path.read_text(encoding="utf-8")))
        assert named <= known, path


# Slack's optional scopes


def test_the_readme_says_what_the_history_scopes_are_for_and_what_is_read_without_them() -> None:
    scopes = {"channels:history", "groups:history", "im:history"}
    for title in ("Set it up for real", "How it fails"):
        assert scopes <= set(re.findall(r"`([a-z]+:history)`", section(title))), title

    decision = (ROOT / "docs/decisions/005-outbox.md").read_text(encoding="utf-8")
    manifest = (ROOT / "manifest.yml").read_text(encoding="utf-8").replace("    # ", "")
    for text in (section("How it fails"), decision, manifest):
        assert REPEATED in " ".join(text.split())


# Links and names


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    for target in re.findall(r"\]\(([^)#]+)", text):
        assert target.startswith("https://") or (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_files_and_tests_that_are_named_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    for name in re.findall(r"`((?:bot|handlers|tests|docs|deploy|bench)/[\w/.-]*)(?:::\w+)?`", text):
        assert (ROOT / name).exists(), name
    for name, test in re.findall(r"`(tests/[\w/.-]+)::(\w+)`", text):
        assert f"def {test}(" in (ROOT / name).read_text(encoding="utf-8"), test


def test_every_room_stands_in_the_architecture() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rooms = [
        path
        for path in (ROOT / "bot").iterdir()
        if not path.name.startswith(("__", "py.")) or path.stem == "__main__"
    ]

    for room in [*rooms, ROOT / "handlers"]:
        assert f"`{room.relative_to(ROOT)}" in text, room


# The role


class Template(yaml.SafeLoader):
    """CloudFormation's short functions, worked out for the sandbox's organisation."""


VALUES = {
    "InstanceArn": "arn:aws:sso:::instance/ssoins-5a6db0c500000001",
    "RunBy": "ecs-tasks.amazonaws.com",
    "AccountArns": "arn:aws:sso:::account/*",
    "AWS::NoValue": None,
    "AWS::Partition": "aws",
    "Instance": "ssoins-5a6db0c500000001",
    "MemberRole": "WorkbenchAccessVerifier",
    "HasKey": False,
    "RunByPods": False,
}


def _construct(loader: Template, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        plain: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        plain = loader.construct_sequence(node, deep=True)
    else:
        raise TypeError(node)
    match suffix:
        case "Ref":
            return VALUES.get(plain, plain)
        case "Sub":
            text = plain if isinstance(plain, str) else plain[0]
            return re.sub(r"\$\{([\w:]+)\}", lambda name: str(VALUES[name[1]]), text)
        case "If":
            return plain[1] if VALUES[plain[0]] else plain[2]
        case _:
            return None


Template.add_multi_constructor("!", _construct)


@pytest.fixture(scope="module")
def policy() -> dict[str, Any]:
    template = yaml.load((ROOT / "deploy/bot-role.yaml").read_text(encoding="utf-8"), Template)  # noqa: S506 -- a SafeLoader
    document: dict[str, Any] = template["Resources"]["BotRole"]["Properties"]["Policies"][0]["PolicyDocument"]
    document["Statement"] = [each for each in document["Statement"] if each]
    return document


NEED_NOTHING = {"GetCallerIdentity"}
"""Whoever is somebody may ask who."""

SAME_NAME = {"ListTagsForResource": "sso-admin"}
"""Operations whose name other services have as well: whose the code means."""


def actions_in_code() -> Iterator[str]:
    """The IAM actions behind the operations that the adapters name."""
    session = botocore.session.get_session()
    prefixes = {
        "sso-admin": "sso",
        "identitystore": "identitystore",
        "organizations": "organizations",
        "sts": "sts",
    }
    constants = {
        node.value
        for path in (ROOT / "bot/adapters/aws").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    for service, prefix in prefixes.items():
        for operation in session.get_service_model(service).operation_names:
            if operation in constants - NEED_NOTHING and SAME_NAME.get(operation, service) == service:
                yield f"{prefix}:{operation}"


def test_the_role_allows_exactly_the_calls_that_the_code_makes(policy: dict[str, Any]) -> None:
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}

    assert allowed == set(actions_in_code())


async def test_the_role_suffices_for_the_main_job(policy: dict[str, Any], tmp_path: Path) -> None:
    async with sandbox(tmp_path, provisioning_seconds=0) as running:
        running.aws.org.bot_policy = policy

        shown = [step.text async for step in tell(running.slack, running.aws) if isinstance(step, Screen)]

    assert "CONFIGURED" in shown[-1]


async def test_without_the_tag_the_role_cannot_write(
    policy: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.sandbox.story.PATIENCE", 3.0)
    async with sandbox(tmp_path, provisioning_seconds=0) as running:
        running.aws.org.bot_policy = policy
        running.aws.org.set_tags(DATA_SCIENTIST, {})
        before = running.aws.org.inline_policy(DATA_SCIENTIST)

        with pytest.raises(StalledError):
            async for _ in tell(running.slack, running.aws):
                pass

        assert running.aws.org.inline_policy(DATA_SCIENTIST) == before


# What must not be in here


def test_nothing_shipped_names_a_registry_or_a_place_on_a_machine() -> None:
    for name in ("requirements.lock", "requirements-dev.lock", "Makefile", "Dockerfile", ".ci/run"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"https?://(?!127\.0\.0\.1)|file:|--(extra-)?index-url |--find-links ", text), (
            name
        )
