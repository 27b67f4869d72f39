"""All invariants together."""

from tests.chaos.invariants.aws import access, budgets, policies, statements, too_early
from tests.chaos.invariants.case import Case
from tests.chaos.invariants.history import audit
from tests.chaos.invariants.people import answers, decisions, forms, grants
from tests.chaos.invariants.slack import endings, messages, results

INVARIANTS = (
    forms,
    decisions,
    access,
    policies,
    statements,
    messages,
    results,
    endings,
    answers,
    audit,
    too_early,
    budgets,
)


def verdict(case: Case, *, all_over: bool) -> list[str]:
    """A sentence for everything that is wrong.

    `all_over`: so much time has passed, and so much was taken away, that nothing may be left.
    """
    found = [sentence for invariant in INVARIANTS for sentence in invariant(case)]
    return [*found, *grants(case, all_over=all_over)]
