"""Every sentence in both languages, with the same blanks, and used somewhere."""

import re
from importlib.resources import files
from pathlib import Path
from string import Formatter

import pytest

from softreg.messages import LANGUAGES, catalogue, language, language_of_locale, translate, use_language

ROOMS = sorted(Path(str(each)).stem for each in files("softreg.messages").iterdir() if each.name.endswith(".toml"))


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("room", ROOMS)
def test_every_sentence_is_there_in_both_languages_with_the_same_blanks(room: str) -> None:
    for name, sentence in catalogue(room).items():
        assert set(sentence) == set(LANGUAGES), f"{room}.{name}"
        assert blanks(sentence["en"]) == blanks(sentence["ko"]), f"{room}.{name}"
        assert all(text.strip() == text and text for text in sentence.values()), f"{room}.{name}"


def test_korean_is_korean() -> None:
    hangul = re.compile("[가-힣]")
    translated = [s["ko"] for room in ROOMS for s in catalogue(room).values() if s["ko"] != s["en"]]
    assert all(hangul.search(text) for text in translated)


def test_say_speaks_the_language_in_use() -> None:
    assert translate("train.device", device="cpu") == "Training on: cpu"
    try:
        use_language("ko")
        assert language() == "ko"
        assert translate("train.device", device="cpu") == "다음 기기로 학습합니다: cpu"
    finally:
        use_language("en")


@pytest.mark.parametrize(("locale", "expected"), [("ko_KR.UTF-8", "ko"), ("en_US.UTF-8", "en"), ("C", "en"), ("", "en")])
def test_locale_decides(monkeypatch: pytest.MonkeyPatch, locale: str, expected: str) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", locale)
    assert language_of_locale() == expected


def test_a_wrong_key_is_a_fault() -> None:
    with pytest.raises(KeyError):
        translate("train.no_such_sentence")
