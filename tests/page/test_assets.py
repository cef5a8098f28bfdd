"""The page's files and texts."""

import json
import re

import pytest

from softreg.features.registry import IMAGE_MAPS
from softreg.messages import LANGUAGES, Language, catalogue
from softreg.page.assets import page_files, page_messages


def test_every_file_that_a_page_or_module_names_is_there() -> None:
    files = page_files()
    assert {"index.html", "app.js", "style.css", "icon.svg"} <= set(files)
    for content in files.values():
        named = re.findall(r'(?:from "\./|/page/)([\w.]+\.(?:js|css|svg))"', content.decode())
        assert set(named) <= set(files)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_texts_are_those_of_the_catalogues(language: Language) -> None:
    texts = page_messages(language)
    assert texts["draw_title"] == catalogue("page")["draw_title"][language]
    assert texts["uncertain"] == catalogue("prediction")["uncertain"][language]
    assert texts["stage_image"] == catalogue("pictures")["stage_image"][language]
    assert all(texts[f"choice_{name}"].startswith(name) for name in IMAGE_MAPS)
    assert json.loads(json.dumps(texts)) == texts
