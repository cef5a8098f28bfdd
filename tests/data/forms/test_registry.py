"""The registry of forms: a path finds the form that wrote it, and what is none lists them all."""

from importlib import import_module
from pathlib import Path

import pytest

from softreg.data.forms.registry import FORMS, find_form
from softreg.data.load import load_dataset
from softreg.errors import DataError
from tests.data.conftest import WRITERS, Arrays


@pytest.mark.parametrize(
    ("written", "reader"),
    [
        ("csv", "CsvTable"),
        ("npz", "NumpyFile"),
        ("npy", "NumpyFile"),
        ("folders", "ClassFolders"),
        ("picture table", "PictureTable"),
        ("parquet", "Parquet"),
        ("mat", "MatFile"),
    ],
)
def test_a_path_finds_its_form(written: str, reader: str, arrays: Arrays, tmp_path: Path) -> None:
    few = (arrays[0][:10], arrays[1][:10], arrays[2][:10], arrays[3][:10])
    assert type(find_form(WRITERS[written](tmp_path, few))[0]).__name__ == reader


def test_a_folder_of_idx_files_is_idx(idx_folder: Path) -> None:
    assert type(find_form(idx_folder)[0]).__name__ == "IdxFolder"


def test_every_form_stands_where_its_entry_says() -> None:
    for info in FORMS.values():
        module, _, name = info.location.partition(":")
        form = getattr(import_module(module), name)
        assert all(callable(getattr(form, method)) for method in ("matches", "read", "stream"))


@pytest.mark.parametrize("suffix", ["pkl", "pt"])
def test_pickles_are_refused_as_such(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a.{suffix}").write_bytes(b"?")
    with pytest.raises(DataError, match="never unpickled"):
        load_dataset(tmp_path / f"a.{suffix}")


def test_what_is_no_dataset_lists_the_forms(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("?")
    with pytest.raises(DataError, match=r"notes.txt.*\.csv.*\.npz"):
        load_dataset(tmp_path / "notes.txt")
