"""Every sentence in both languages, with the same placeholders."""

import re
from importlib.resources import files
from pathlib import Path
from string import Formatter

import pytest

from softreg.messages import LANGUAGES, catalogue, language, language_of_locale, translate, use_language
from softreg.messages.particles import PARTICLES

DOMAINS = sorted(Path(str(path)).stem for path in files("softreg.messages").iterdir() if path.name.endswith(".toml"))
NOT_SOFTREG_S_FORMATTER = {"click", "page"}  # click and the page fill in their own sentences


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_sentence_is_there_in_both_languages_with_the_same_placeholders(domain: str) -> None:
    for name, sentence in catalogue(domain).items():
        assert set(sentence) == set(LANGUAGES), f"{domain}.{name}"
        english, korean = placeholders(sentence["en"]), placeholders(sentence["ko"])
        assert english == korean or (domain == "click" and english > korean), f"{domain}.{name}"  # click names types in English
        assert all(text.strip() == text and text for text in sentence.values()), f"{domain}.{name}"


@pytest.mark.parametrize("domain", DOMAINS)
def test_particles_stand_only_in_korean_that_softreg_formats(domain: str) -> None:
    for name, sentence in catalogue(domain).items():
        for spoken, text in sentence.items():
            specs = [spec for _, _, spec, _ in Formatter().parse(text) if spec and re.search("[가-힣]", spec)]
            assert not specs or (spoken == "ko" and domain not in NOT_SOFTREG_S_FORMATTER), f"{domain}.{name}"
            assert all(re.fullmatch(f"[^가-힣]*({'|'.join(PARTICLES)})", spec) for spec in specs), f"{domain}.{name}"


@pytest.mark.parametrize("domain", DOMAINS)
def test_no_particle_is_left_to_the_reader(domain: str) -> None:
    for name, sentence in catalogue(domain).items():
        assert not re.search(r"\([은는이가을를과와으로]+\)", sentence["ko"]), f"{domain}.{name}"


def test_korean_is_korean() -> None:
    hangul = re.compile("[가-힣]")
    translated = [s["ko"] for domain in DOMAINS for s in catalogue(domain).values() if s["ko"] != s["en"]]
    assert all(hangul.search(text) for text in translated)


def test_sentences_are_in_the_language_in_use() -> None:
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


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        translate("train.no_such_sentence")


def test_a_particle_follows_the_name() -> None:
    try:
        use_language("ko")
        assert "onnx가 필요" in translate("export.missing_extra", package="onnx")
        assert "uvicorn이 필요" in translate("serving.missing_extra", name="uvicorn")
    finally:
        use_language("en")
