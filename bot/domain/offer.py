"""What the configuration lets a form ask for; checked again on every submission, whatever the form showed."""

from bot.domain.errors import Code, Refusal
from bot.domain.request import REASON_LIMIT, TARGET_LIMIT, Ask
from bot.domain.rules import Rules


def check_ask(ask: Ask, rules: Rules) -> None:
    """Raises `Refusal` with the first thing in the form that the configuration does not offer."""
    offered = rules.sets.get(ask.permission_set)
    if offered is None:
        raise Refusal(Code.SET_NOT_OFFERED, permission_set=ask.permission_set)
    if not ask.targets:
        raise Refusal(Code.NOTHING_CHOSEN)
    if len(ask.targets) > TARGET_LIMIT:
        raise Refusal(Code.TOO_MANY_TARGETS, limit=TARGET_LIMIT, asked=len(ask.targets))
    for target in ask.targets:
        if not offered.offers(target.account):
            raise Refusal(Code.ACCOUNT_NOT_OFFERED, account=target.account)
        if target.role not in offered.roles:
            raise Refusal(Code.ROLE_NOT_OFFERED, role=target.role)
    rule = offered.combined({target.role for target in ask.targets})
    if ask.span not in rule.durations:
        raise Refusal(Code.DURATION_NOT_OFFERED)
    if not ask.reason.strip():
        raise Refusal(Code.REASON_MISSING)
    if len(ask.reason) > REASON_LIMIT:
        raise Refusal(Code.REASON_TOO_LONG, limit=REASON_LIMIT)
