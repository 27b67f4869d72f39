"""Text from people and from AWS, made harmless: nothing in it is ever parsed by Slack (slack.md §5)."""

import re
from typing import Final

from slack_sdk.models.blocks import RichTextBlock
from slack_sdk.models.blocks.block_elements import (
    RichTextElementParts,
    RichTextPreformattedElement,
    RichTextQuoteElement,
)

ELLIPSIS: Final = "…"
NOTHING: Final = "(empty)"
"""Stands where a text is empty: Slack refuses text elements without a character."""

QUOTE_LIMIT: Final = 3_000

# Control characters but the line feed; embeddings, overrides and isolates, which can make a line read as
# something that it does not say; halves of surrogate pairs, which UTF-8 cannot carry.
_HIDDEN: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LINE_BREAKS: Final = re.compile("\r\n|\r|\u2028|\u2029|\x85|\x0b|\x0c")
_SPLIT_ENTITY: Final = re.compile(r"&[a-z]{0,3}\Z")


def mrkdwn(text: str, limit: int | None = None) -> str:
    """Escape the three characters that Slack parses, then clip to `limit` characters.

    Clipping comes last, since `&` becomes five characters; it never leaves half an entity behind.
    """
    escaped = _cleaned(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if limit is None or len(escaped) <= limit:
        return escaped
    return _SPLIT_ENTITY.sub("", escaped[: limit - 1]) + ELLIPSIS


def plain(text: str, limit: int | None = None) -> str:
    """Drop what can hide or reorder text, keep line breaks, clip to `limit` characters.

    For plain_text, raw_text and rich_text elements, which parse nothing.
    """
    cleaned = _cleaned(text)
    if limit is None or len(cleaned) <= limit:
        return cleaned
    return cleaned[: limit - 1] + ELLIPSIS


def one_line(text: str, limit: int | None = None) -> str:
    """As `plain`, with every run of white space a single blank: for foreign words inside a sentence."""
    return plain(" ".join(_cleaned(text).split()), limit)


def quote(text: str, limit: int = QUOTE_LIMIT) -> RichTextBlock:
    """What a person wrote, as a quotation that Slack does not parse and that cannot leave its frame."""
    return RichTextBlock(elements=[RichTextQuoteElement(elements=[_verbatim(text, limit)])])


def preformatted(text: str, limit: int = QUOTE_LIMIT) -> RichTextBlock:
    """A policy or commands, in a fixed-width frame that is not parsed."""
    return RichTextBlock(elements=[RichTextPreformattedElement(elements=[_verbatim(text, limit)])])


def _verbatim(text: str, limit: int) -> RichTextElementParts.Text:
    cleaned = plain(text, limit)
    return RichTextElementParts.Text(text=cleaned if cleaned.strip() else NOTHING)


def _cleaned(text: str) -> str:
    """Without what cannot be seen but changes what is read."""
    return _HIDDEN.sub("", _LINE_BREAKS.sub("\n", text).replace("\t", " "))
