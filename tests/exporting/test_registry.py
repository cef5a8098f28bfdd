"""Every export format is found by its name and described in both languages."""

import pytest

from softreg.exporting.registry import FORMATS
from softreg.messages import LANGUAGES


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_has_a_writer_and_help_in_both_languages(name: str) -> None:
    file_format = FORMATS[name]
    assert callable(file_format.writer())
    assert file_format.location == f"softreg.exporting.{name}:{'to_files' if file_format.is_folder else 'to_bytes'}"
    texts = [getattr(file_format.help, language) for language in LANGUAGES]
    assert all(texts)
    assert len(set(texts)) == len(LANGUAGES)
