"""Every registered feature map is made by its name and says what it is in both languages."""

import string

import pytest

from softreg.features.registry import FEATURE_MAPS, make_feature_map
from softreg.messages import LANGUAGES


@pytest.mark.parametrize("name", FEATURE_MAPS)
def test_a_map_is_made_by_its_name(name: str) -> None:
    feature_map = make_feature_map(name)
    assert feature_map.name == name
    assert feature_map.dim > 0
    assert feature_map.dim == 784 or not FEATURE_MAPS[name].features_are_pixels


@pytest.mark.parametrize("name", FEATURE_MAPS)
def test_help_and_title_are_there_in_both_languages(name: str) -> None:
    info = FEATURE_MAPS[name]
    for message in (info.help, info.template_title):
        texts = [getattr(message, language) for language in LANGUAGES]
        assert all(texts)
        assert len(set(texts)) == len(LANGUAGES)
    titles = [getattr(info.template_title, language) for language in LANGUAGES]
    placeholders = {field for title in titles for _, field, _, _ in string.Formatter().parse(title)}
    assert placeholders <= ({None} if info.features_are_pixels else {None, "count"})


def test_an_unknown_map_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="wavelets"):
        make_feature_map("wavelets")
