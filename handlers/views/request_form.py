"""The request form: opens at once, is filled when AWS has been read, and says early what could never work."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from slack_sdk.models.blocks import (
    Block,
    CheckboxesElement,
    ExternalDataMultiSelectElement,
    InputBlock,
    Option,
    PlainTextInputElement,
    RadioButtonsElement,
    StaticMultiSelectElement,
    StaticSelectElement,
)

from bot.domain.evaluate import Answer
from bot.domain.names import AccountId, PermissionSetName, RoleName
from bot.domain.precheck import Finding
from bot.domain.request import REASON_LIMIT, TARGET_LIMIT, Scope, Target
from handlers import ids
from handlers.views.escape import mrkdwn, one_line, plain
from handlers.views.parts import (
    Json,
    account_words,
    context,
    counted,
    modal,
    option,
    section,
    sections,
    span_words,
    words,
)
from handlers.views.targets import finding_line, shorten, target_rows, troubled

TITLE: Final = "Request Workbench access"
KEY_SET: Final = "permission_set"
PERMANENT: Final = "permanent"
OPTIONS_SHOWN: Final = 100
_CHECKBOXES: Final = 10
_FINDINGS: Final = 2_700
_LISTED_IN_FULL: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FormModel:
    """What the form shows; nothing here is trusted when it comes back."""

    sets: tuple[PermissionSetName, ...]
    chosen: PermissionSetName | None
    roles: tuple[RoleName, ...] = ()
    default_roles: tuple[RoleName, ...] = ()
    durations: tuple[timedelta | None, ...] = ()
    findings: tuple[Finding, ...] = ()
    checking: bool = False
    """AWS is being asked about what was chosen."""
    incomplete: bool = False
    """AWS is still being read: more sets and accounts may be there."""
    account_names: tuple[tuple[AccountId, str], ...] = ()
    approvals_needed: int | None = None
    notes: tuple[str, ...] = ()
    """Whole sentences, as plain text."""
    support: str


def loading() -> Json:
    """Opened within Slack's three seconds, whatever AWS does; `form` or `refused` takes its place."""
    return _note(section("⏳ *One moment:* your permission sets are being read from AWS."))


def waiting(*, title: str) -> Json:
    """Opened within Slack's three seconds; what was asked for takes its place."""
    return _note(section("⏳ *One moment:* this is being looked up."), title)


def refused(sentence: str, *, title: str = TITLE) -> Json:
    """Says why there is no form; `sentence` is plain text."""
    return _note(section(f"⚠️ *Not possible:* {mrkdwn(one_line(sentence), 2_000)}"), title)


def _note(block: Block, title: str = TITLE) -> Json:
    return modal(title=title, blocks=[block], callback_id=ids.VIEW_NOTE)


def form(model: FormModel) -> Json:
    """The form. Before a permission set is chosen it holds that field alone."""
    blocks: list[Block] = [_sets(model)]
    if model.incomplete:
        blocks.append(context("⏳ AWS is still being read: permission sets or accounts may be missing here."))
    if model.chosen is not None:
        blocks += _about_the_set(model, model.chosen)
    blocks += [context(mrkdwn(one_line(note), 1_000)) for note in model.notes if note.strip()]
    blocks.append(context(_closing(model)))
    return modal(
        title=TITLE,
        submit="Send request",
        close="Cancel",
        callback_id=ids.VIEW_REQUEST,
        private_metadata=json.dumps({KEY_SET: model.chosen}),
        blocks=blocks,
    )


def _about_the_set(model: FormModel, chosen: PermissionSetName) -> list[Block]:
    return [
        _accounts(chosen),
        _roles(model, chosen),
        *_findings(model, chosen),
        _scope(),
        _span(model, chosen),
        _reason(),
    ]


def _closing(model: FormModel) -> str:
    support = f"Questions? Ask {mrkdwn(one_line(model.support, 100))}."
    if model.approvals_needed is None:
        return support
    return f"This needs {counted(model.approvals_needed, 'approval')}. {support}"


# Fields, in the order of product.md


def _sets(model: FormModel) -> InputBlock:
    ordered = list(model.sets)
    if model.chosen is not None and model.chosen not in ordered[:OPTIONS_SHOWN]:
        ordered = [model.chosen, *(each for each in ordered if each != model.chosen)]
    options = {name: option(name, name) for name in ordered[:OPTIONS_SHOWN]}
    hint = None
    if len(ordered) > OPTIONS_SHOWN:
        hint = f"These are the first {OPTIONS_SHOWN}. For another, type {ids.COMMAND} request and its name."
    return InputBlock(
        block_id=ids.BLOCK_SET,
        label=words("Permission set", 2_000),
        hint=words(hint, 2_000) if hint else None,
        dispatch_action=True,
        element=StaticSelectElement(
            action_id=ids.ACTION_SET,
            placeholder=words("Choose a permission set", 150),
            options=list(options.values()),
            initial_option=options[model.chosen] if model.chosen is not None else None,
        ),
    )


def _accounts(chosen: PermissionSetName) -> InputBlock:
    return InputBlock(
        block_id=ids.block(ids.BLOCK_ACCOUNTS, chosen),
        label=words("Accounts", 2_000),
        hint=words("Only accounts where this permission set is assigned to you.", 2_000),
        dispatch_action=True,
        element=ExternalDataMultiSelectElement(
            action_id=ids.ACTION_ACCOUNTS,
            placeholder=words("Type an account's name or 12-digit id", 150),
            min_query_length=0,
            max_selected_items=TARGET_LIMIT,
        ),
    )


def account_option(account: AccountId, name: str) -> Option:
    """One account as an option: "prod · 111111111111"; the name is shortened, the id never."""
    return option(account_words(account, name), account)


def account_options(accounts: Iterable[tuple[AccountId, str]]) -> Json:
    """The answer to a block_suggestion, at most 100 accounts of id and name."""
    found = list(accounts)[:OPTIONS_SHOWN]
    return {"options": [account_option(account, name).to_dict() for account, name in found]}


def _roles(model: FormModel, chosen: PermissionSetName) -> Block:
    if not model.roles:
        return section("⛔ *No roles:* none can be asked for with this permission set.")
    options = {role: option(role, role) for role in model.roles[:OPTIONS_SHOWN]}
    before = [options[role] for role in model.default_roles if role in options]
    element: CheckboxesElement | StaticMultiSelectElement
    if len(options) <= _CHECKBOXES:
        element = CheckboxesElement(
            action_id=ids.ACTION_ROLES, options=list(options.values()), initial_options=before or None
        )
    else:
        element = StaticMultiSelectElement(
            action_id=ids.ACTION_ROLES,
            placeholder=words("Choose one or more roles", 150),
            options=list(options.values()),
            initial_options=before or None,
        )
    return InputBlock(
        block_id=ids.block(ids.BLOCK_ROLES, chosen),
        label=words("Roles", 2_000),
        dispatch_action=True,
        element=element,
    )


def _scope() -> InputBlock:
    everyone = option(
        "Everyone with this permission set",
        Scope.EVERYONE.value,
        "The policy is shared: all who hold the set in these accounts get it.",
    )
    only_me = option(
        "Only me", Scope.ONLY_ME.value, "A condition on the shared policy names you; nobody else gets it."
    )
    return InputBlock(
        block_id=ids.BLOCK_SCOPE,
        label=words("Who gets it", 2_000),
        element=RadioButtonsElement(
            action_id=ids.ACTION_SCOPE, options=[everyone, only_me], initial_option=everyone
        ),
    )


def _span(model: FormModel, chosen: PermissionSetName) -> Block:
    if not model.durations:
        return section(
            "⛔ *No common duration:* these roles cannot be asked for together for the same time. "
            "Choose fewer roles."
        )
    options = [option(span_words(span).capitalize(), span_value(span)) for span in _distinct(model.durations)]
    return InputBlock(
        block_id=ids.block(ids.BLOCK_SPAN, chosen),
        label=words("For how long", 2_000),
        hint=words("Counted from the approval and rounded up to the next quarter of an hour.", 2_000),
        element=StaticSelectElement(
            action_id=ids.ACTION_SPAN,
            placeholder=words("Choose for how long", 150),
            options=options,
            initial_option=options[0],
        ),
    )


def _distinct(durations: Sequence[timedelta | None]) -> list[timedelta | None]:
    return list(dict.fromkeys(durations))[:OPTIONS_SHOWN]


def span_value(span: timedelta | None) -> str:
    """A duration as an option's value: seconds, or "permanent"."""
    return PERMANENT if span is None else str(int(span.total_seconds()))


def _reason() -> InputBlock:
    return InputBlock(
        block_id=ids.BLOCK_REASON,
        label=words("Reason", 2_000),
        hint=words("Approvers decide by this. A link to a ticket helps.", 2_000),
        element=PlainTextInputElement(
            action_id=ids.ACTION_REASON,
            multiline=True,
            max_length=REASON_LIMIT,
            placeholder=words("What do you need it for?", 150),
        ),
    )


# What is known already


def _findings(model: FormModel, chosen: PermissionSetName) -> list[Block]:
    """What the checks have found so far; clear targets are only counted when there are many."""
    lines: list[str] = []
    if model.checking:
        lines.append("⏳ *Checking:* AWS is being asked whether this can work. You need not wait for it.")
    notable = [each for each in model.findings if troubled(each) or each.already_allowed]
    shown = list(model.findings) if len(model.findings) <= _LISTED_IN_FULL else notable
    if model.findings:
        lines.append(f"*What is known* · {_counts(model.findings)}")
    by_target = {Target(account=each.account, role=each.role): each for each in shown}
    rows = target_rows(
        list(by_target),
        dict(model.account_names),
        lambda target: finding_line(by_target[target]),
        first=lambda target: troubled(by_target[target]),
    )
    lines += shorten(rows, characters=_FINDINGS, more="the card once you have sent the request")
    blocks = sections(lines)
    for number, block in enumerate(blocks):
        base = ids.BLOCK_FINDINGS if number == 0 else f"{ids.BLOCK_FINDINGS}-{number + 1}"
        block.block_id = plain(ids.block(base, chosen), 255)
    return list(blocks)


def _counts(findings: Sequence[Finding]) -> str:
    impossible = sum(each.works is Answer.NO for each in findings)
    unknown = sum(each.works is Answer.UNKNOWN for each in findings)
    clear = len(findings) - impossible - unknown
    said = [
        f"no obstacle seen for {clear}",
        f"not possible for {impossible}" if impossible else "",
        f"not known for {unknown}" if unknown else "",
    ]
    return f"{', '.join(each for each in said if each)} of {counted(len(findings), 'role')}"
