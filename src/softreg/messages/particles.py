"""Korean particles after interpolated words.

A particle's form depends on how the word before it ends: 은 after a consonant, 는 after a vowel. A sentence names both forms in
the format spec, after the value's own spec if it has one::

    "{name:을를} 찾을 수 없습니다"      모델을 찾을 수 없습니다 / mnist.gz를 찾을 수 없습니다
    "{cost:.2f으로로} 끝났습니다"       0.53으로 끝났습니다 / 0.52로 끝났습니다

Numbers end as they are read (6: 육), all-capital and vowelless Latin words as they are spelled (SGD: 에스지디), other Latin words
roughly as they are pronounced.
"""

import re
import unicodedata
from string import Formatter
from typing import Any, Literal

Ending = Literal["vowel", "rieul", "consonant"]

PARTICLES = {  # spec: (after a consonant, after a vowel)
    "은는": ("은", "는"),
    "이가": ("이", "가"),
    "을를": ("을", "를"),
    "과와": ("과", "와"),
    "으로로": ("으로", "로"),
    "이라라": ("이라", "라"),
}
_SPEC = re.compile(f"(.*?)({'|'.join(PARTICLES)})", re.DOTALL)
_HANGUL = range(ord("가"), ord("힣") + 1)
_ENDINGS_OF_DIGITS: dict[str, Ending] = {  # 영 일 이 삼 사 오 육 칠 팔 구
    **dict.fromkeys("2459", "vowel"),
    **dict.fromkeys("178", "rieul"),
    **dict.fromkeys("036", "consonant"),
}
_ENDINGS_OF_LETTERS: dict[str, Ending] = {
    "l": "rieul",
    "r": "rieul",
    "m": "consonant",
    "n": "consonant",
}  # 엘 알 엠 엔; else a vowel
_RIEUL_WORD = re.compile(r"le?$")  # model, file
_CONSONANT_WORD = re.compile(r"(?:[mn]|[aeiou][mn]e|ng|ck|(?:^|[^aeiou])[aeiou][ckpt])$")  # json, name, training, block, format


class ParticleFormatter(Formatter):
    """`str.format`, with a Korean particle chosen for a field whose spec ends in one of `PARTICLES`."""

    def format_field(self, value: Any, format_spec: str) -> str:
        """The formatted value, followed by its particle if the spec names one."""
        match = _SPEC.fullmatch(format_spec)
        if match is None:
            return str(super().format_field(value, format_spec))
        text = str(super().format_field(value, match[1]))
        return text + particle(text, match[2])


def particle(word: str, forms: str) -> str:
    """The one of `forms` (a key of `PARTICLES`) that follows `word`."""
    after_consonant, after_vowel = PARTICLES[forms]
    sound = ending(word)
    return after_consonant if sound == "consonant" or (sound == "rieul" and forms != "으로로") else after_vowel


def ending(text: str) -> Ending:
    """How `text` ends when read aloud in Korean; quotes, brackets and other marks at its end are not read."""
    word = re.findall(r"[a-z]+|[^\W_]|%", unicodedata.normalize("NFC", text), re.IGNORECASE)[-1:]
    if not word:
        return "vowel"
    last = word[0]
    if ord(last[0]) in _HANGUL:
        final = (ord(last) - _HANGUL.start) % 28  # the syllable's final consonant: 0 none, 8 ㄹ
        return "vowel" if final == 0 else "rieul" if final == 8 else "consonant"
    if last.isascii() and last.isalpha():
        return _ending_of_latin(last)
    return _ENDINGS_OF_DIGITS.get(last, "vowel")


def _ending_of_latin(word: str) -> Ending:
    spelled = word.isupper() or not re.search("[aeiouy]", word, re.IGNORECASE)
    word = word.lower()
    if spelled:
        return _ENDINGS_OF_LETTERS.get(word[-1], "vowel")
    if _RIEUL_WORD.search(word):
        return "rieul"
    return "consonant" if _CONSONANT_WORD.search(word) else "vowel"
