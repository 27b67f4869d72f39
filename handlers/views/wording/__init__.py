"""Every sentence that people read about what happened, why, and what to do next."""

from handlers.views.wording.families import ABOUT_THE_REQUESTER, SELF_HELP
from handlers.views.wording.outcomes import Said, said
from handlers.views.wording.pen import FactValues
from handlers.views.wording.remedies import brief, code_of, link_name, name, not_known, remedy, unknown
from handlers.views.wording.sentences import sentence, sentence_mrkdwn

__all__ = [
    "ABOUT_THE_REQUESTER",
    "SELF_HELP",
    "FactValues",
    "Said",
    "brief",
    "code_of",
    "link_name",
    "name",
    "not_known",
    "remedy",
    "said",
    "sentence",
    "sentence_mrkdwn",
    "unknown",
]
