"""Foreign text is shown and never obeyed."""

from hypothesis import given
from hypothesis import strategies as st

from handlers.views.escape import mrkdwn, one_line, plain, preformatted, quote
from tests.unit.handlers.views.judge import HIDDEN
from tests.unit.handlers.views.stories import HOSTILE

anything = st.text(alphabet=st.characters(codec=None, exclude_categories=())) | st.sampled_from(
    [HOSTILE, "&" * 9]
)
limits = st.integers(min_value=1, max_value=60)


@given(anything)
def test_escaped_text_holds_no_control_sequence(text: str) -> None:
    assert "<" not in mrkdwn(text)
    assert ">" not in mrkdwn(text)


@given(anything)
def test_escaping_only_changes_the_three_characters(text: str) -> None:
    back = mrkdwn(text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")

    assert back == plain(text)


@given(anything, limits)
def test_clipping_counts_escaped_characters_and_tears_no_entity(text: str, limit: int) -> None:
    clipped = mrkdwn(text, limit)

    assert len(clipped) <= limit
    whole = clipped.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert "&" not in whole


@given(anything, limits)
def test_plain_text_keeps_its_limit_and_hides_nothing(text: str, limit: int) -> None:
    cleaned = plain(text, limit)

    assert len(cleaned) <= limit
    assert not HIDDEN.search(cleaned)
    assert plain(cleaned) == cleaned


@given(anything)
def test_one_line_is_one_line(text: str) -> None:
    assert "\n" not in one_line(text)


@given(anything)
def test_a_quotation_is_never_empty_and_never_parsed(text: str) -> None:
    for block in (quote(text).to_dict(), preformatted(text).to_dict()):
        (inner,) = block["elements"][0]["elements"]

        assert inner["type"] == "text"
        assert inner["text"]


def test_a_long_text_ends_in_an_ellipsis() -> None:
    assert plain("abcdef", 4) == "abc…"
    assert mrkdwn("ab&def", 6) == "ab…"
    assert plain("abcd", 4) == "abcd"


def test_line_breaks_of_every_kind_become_line_feeds() -> None:
    assert plain("a\r\nb\rc\u2028d\u2029e\tf") == "a\nb\nc\nd\ne f"
