"""What one person is told alone about something that this person did."""

from bot.domain.messages import Answer
from handlers.views.parts import Message, message, section
from handlers.views.wording import said, sentence_mrkdwn


def answer(told: Answer, *, support: str) -> Message:
    """An ephemeral answer. Raises ValueError for an outcome that the wording table does not know."""
    facts = dict(told.facts)
    text = said(told.said, facts) if told.code is None else sentence_mrkdwn(told.code, facts, support=support)
    return message(text, [section(text)])
