"""Every registered feature map is made by its name and says what it is in both languages."""

import re
import string
import subprocess
import sys
from pathlib import Path

import pytest

from softreg.features.registry import FEATURE_MAPS, IMAGE_MAPS, make_feature_map
from softreg.messages import LANGUAGES

FEATURES_MD = Path(__file__).parents[2] / "docs" / "features.md"


@pytest.mark.parametrize("name", IMAGE_MAPS)
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


def test_the_documented_dimensions_are_true() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", FEATURES_MD.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert {name: int(dim.replace(",", "")) for name, dim in rows} == {name: make_feature_map(name).dim for name in IMAGE_MAPS}


def test_reading_the_registries_does_not_import_torch() -> None:
    code = "import sys; import softreg.features.registry, softreg.exporting.registry; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
