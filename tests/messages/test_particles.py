"""Particles against Unicode's decomposition of Hangul: a syllable ends in a consonant if its last jamo is a final one."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softreg.messages.particles import PARTICLES, ParticleFormatter, ending, particle

SYLLABLES = st.characters(min_codepoint=ord("가"), max_codepoint=ord("힣"))
DIGITS = dict(zip("0123456789", "영일이삼사오육칠팔구", strict=True))
NAMES = "에이 비 시 디 이 에프 지 에이치 아이 제이 케이 엘 엠 엔 오 피 큐 알 에스 티 유 브이 더블유 엑스 와이 제트"
LETTERS = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", NAMES.split(), strict=True))
WORDS = {
    "pixels": "픽셀스",
    "deskew": "디스큐",
    "scattering": "스캐터링",
    "sgd": "에스지디",
    "newton": "뉴턴",
    "lbfgs": "엘비에프지에스",
    "model": "모델",
    "file": "파일",
    "name": "네임",
    "line": "라인",
    "image": "이미지",
    "size": "사이즈",
    "format": "포맷",
    "dataset": "데이터셋",
    "block": "블록",
    "test": "테스트",
    "state": "스테이트",
    "epoch": "에포크",
    "json": "제이슨",
    "device": "디바이스",
    "lr": "엘알",
    "TOML": "티오엠엘",
    "CUDA": "시유디에이",
}


def final(word: str) -> str:
    """The final jamo of the last syllable, or "": U+11A8 to U+11C2."""
    last = unicodedata.normalize("NFD", word)[-1]
    return last if "\u11a8" <= last <= "\u11c2" else ""


def expected(spoken: str, forms: str) -> str:
    after_consonant, after_vowel = PARTICLES[forms]
    no_consonant = final(spoken) == "" or (forms == "으로로" and final(spoken) == "\u11af")  # 로 follows ㄹ
    return after_vowel if no_consonant else after_consonant


@given(st.text(SYLLABLES, min_size=1), st.sampled_from(sorted(PARTICLES)))
def test_hangul(word: str, forms: str) -> None:
    assert particle(word, forms) == expected(word, forms)
    assert particle(unicodedata.normalize("NFD", word), forms) == expected(word, forms)


@given(st.integers(0, 10**11), st.sampled_from(sorted(PARTICLES)))
def test_numbers_end_as_they_are_read(number: int, forms: str) -> None:
    assert particle(str(number), forms) == expected(DIGITS[str(number)[-1]], forms)  # 십, 백, 천, 만, 억 end in consonants, as 영


@given(st.text(st.sampled_from(sorted(LETTERS)), min_size=1), st.sampled_from(sorted(PARTICLES)))
def test_capitals_are_spelled(word: str, forms: str) -> None:
    assert particle(word, forms) == expected(LETTERS[word[-1]], forms)


@pytest.mark.parametrize(("word", "spoken"), WORDS.items())
@pytest.mark.parametrize("forms", sorted(PARTICLES))
def test_words_end_as_they_are_pronounced(word: str, spoken: str, forms: str) -> None:
    assert particle(word, forms) == expected(spoken, forms)


@given(st.text(SYLLABLES, min_size=1), st.sampled_from(["'", '"', ")", "]", " ", ".", "/", "…"]))
def test_marks_at_the_end_are_not_read(word: str, mark: str) -> None:
    assert ending(word + mark) == ending(word)


@given(st.text())
def test_any_text_gets_a_particle(text: str) -> None:
    assert particle(text, "을를") in {"을", "를"}


@given(st.text(), st.integers(), st.floats(allow_nan=False))
def test_fields_without_a_particle_are_formatted_as_ever(text: str, number: int, real: float) -> None:
    sentence = "{text} {text!r} {number:,} {real:.3g} {{{number:>9}}}"
    assert ParticleFormatter().format(sentence, text=text, number=number, real=real) == sentence.format(
        text=text, number=number, real=real
    )


def test_a_particle_follows_the_value_s_own_format() -> None:
    say = ParticleFormatter().format
    assert say("{x:.1f으로로} {x:.0f을를}", x=2.96) == "3.0으로 3을"
    assert say("{name!r:이가}", name="모델") == "'모델'이"
