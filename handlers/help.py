"""`/workbench-access help`, and every word that is no command: needs neither AWS nor the database."""

from functools import lru_cache

from handlers.views.help import help_message, suggest
from handlers.views.parts import Message


@lru_cache(maxsize=64)
def help_for(word: str, *, support: str) -> Message:
    """The help; for an unknown word also what was probably meant."""
    if word in ("", "help"):
        return help_message(None, None, support=support)
    return help_message(word, suggest(word), support=support)
