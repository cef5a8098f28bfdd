"""Text from strangers: no control character is left, and other text stays as it is."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from softreg.messages.strangers import has_controls, without_controls


@given(st.text(st.characters()))
def test_what_is_left_has_no_controls_and_the_same_letters(text: str) -> None:
    harmless = without_controls(text)
    assert not has_controls(harmless)
    assert not any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in harmless)
    harmless.encode()
    if not has_controls(text):
        assert harmless == text


def test_line_breaks_become_spaces_and_escapes_a_mark() -> None:
    assert without_controls("two\r\nlines\x1b[31m \u202e한국") == "two lines\ufffd[31m \ufffd한국"


def test_letters_of_every_script_have_no_controls() -> None:
    for text in ("한국", "می\u200cخواهم", "👩\u200d🔬", "a\u3000b", "a\u00a0b"):
        assert not has_controls(text)
