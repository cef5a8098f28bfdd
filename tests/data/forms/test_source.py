"""Which part a file's name speaks of, and what a form that is read whole streams."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from softreg.data.forms.registry import find_form
from softreg.data.forms.source import Part, ReadOptions, Source, WholeForm, files_by_part, rows_of_side
from softreg.errors import DataError
from tests.helpers.pictures import png

IMAGES = torch.zeros(2, 8, 8, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["train.csv", "test.csv"], {"train": ["train.csv"], "test": ["test.csv"]}),
        (["Training.CSV", "x_val.csv"], {"train": ["Training.CSV"], "test": ["x_val.csv"]}),
        (["digits.csv"], {"train": ["digits.csv"]}),
        (["digits.csv", "test.csv"], {"train": ["digits.csv"], "test": ["test.csv"]}),
        (["a.csv", "b.csv"], {}),
        (["train.csv", "notes.csv"], {"train": ["train.csv"]}),
        (["train.csv", "val.csv", "test.csv"], {"train": ["train.csv"], "test": ["test.csv"]}),
        (["train.csv", "valid.csv", "val.csv"], {"train": ["train.csv"], "test": ["val.csv"]}),
        (["train.csv", "validation.csv"], {"train": ["train.csv"], "test": ["validation.csv"]}),
        (["train-1.csv", "train-0.csv"], {"train": ["train-0.csv", "train-1.csv"]}),
        (["train.txt"], {}),
        ([], {}),
    ],
)
def test_files_by_the_part_in_their_names(names: Sequence[str], parts: dict[str, list[str]], tmp_path: Path) -> None:
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "test.d.csv").mkdir()  # a folder is no file
    found = files_by_part(tmp_path, (".csv",))
    assert {part: [path.name for path in paths] for part, paths in found.items()} == parts


TRAIN, TEST = Part(IMAGES, None, "train"), Part(IMAGES, None, "test")


@pytest.mark.parametrize(
    ("source", "streamed"),
    [(Source(TRAIN, TEST), [TEST]), (Source(TRAIN, None), [TRAIN]), (Source(None, TEST), [TEST]), (Source(None, None), [])],
)
def test_the_test_part_is_streamed_or_all_there_is(source: Source, streamed: list[Part]) -> None:
    class Whole(WholeForm):
        def read(self, path: Path, options: ReadOptions) -> Source:
            return source

    assert [part.where for part in Whole().stream(Path("x"), ReadOptions())] == [part.where for part in streamed]
    for name, part in (("train", source.train), ("test", source.test)):
        assert [found.where for found in Whole().stream(Path("x"), ReadOptions(), name)] == ([part.where] if part else [])


@pytest.mark.parametrize(("part", "rows"), [("train", [0, 2]), ("test", [1]), ("", [1])])
def test_rows_go_to_the_side_that_their_column_says(part: str, rows: list[int]) -> None:
    chunk = Part(torch.arange(3 * 64, dtype=torch.uint8).view(3, 8, 8), None, "x", splits=["train", "test", "train"])
    assert [found.images.tolist() for found in rows_of_side(chunk, part)] == [chunk.images[rows].tolist()]
    other = chunk[torch.tensor([row for row in range(3) if row not in rows])]
    assert list(rows_of_side(other, part)) == []


def tables(folder: Path) -> dict[str, Path]:
    """Two images with labels in a file of each form that has columns."""
    pixels = np.arange(128, dtype=np.uint8).reshape(2, 8, 8)
    (folder / "a.csv").write_text("".join(f"{label},{','.join(map(str, image.ravel()))}\n" for label, image in enumerate(pixels)))
    np.savez(folder / "a.npz", images=pixels, labels=np.arange(2))
    pq.write_table(pa.table({"label": ["a", "b"], "image": [png(image) for image in pixels]}), folder / "a.parquet")
    (folder / "pictures").mkdir()
    for name, image in zip("ab", pixels, strict=True):
        (folder / "pictures" / f"{name}.png").write_bytes(png(image))
    (folder / "pictures" / "table.csv").write_text("file,label\na.png,a\nb.png,b\n")
    for name, image in zip("ab", pixels, strict=True):
        (folder / "classes" / name).mkdir(parents=True)
        (folder / "classes" / name / "1.png").write_bytes(png(image))
    return {name: folder / name for name in ("a.csv", "a.npz", "a.parquet", "pictures", "classes")}


@pytest.mark.parametrize("name", ["a.csv", "a.npz", "a.parquet", "pictures"])
def test_a_column_that_is_not_there_is_named_unless_the_data_need_not_have_it(name: str, tmp_path: Path) -> None:
    form, path = find_form(tables(tmp_path)[name])
    with pytest.raises(DataError, match="writer"):
        form.read(path, ReadOptions(group="writer"))
    assert form.read(path, ReadOptions(group="writer", strict=False)).train is not None
    assert sum(len(part.images) for part in form.stream(path, ReadOptions(group="writer", strict=False))) == 2


@pytest.mark.parametrize("name", ["a.csv", "a.npz", "a.parquet", "pictures", "classes"])
def test_a_part_that_there_is_not_is_an_empty_stream(name: str, tmp_path: Path) -> None:
    form, path = find_form(tables(tmp_path)[name])
    assert list(form.stream(path, ReadOptions(), "test")) == []
    assert sum(len(part.images) for part in form.stream(path, ReadOptions(), "train")) == 2


def test_a_column_of_another_length_than_the_images_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((3, 8, 8), np.uint8), labels=np.arange(3), writer=np.arange(2))
    form, path = find_form(tmp_path / "a.npz")
    with pytest.raises(DataError, match="writer"):
        form.read(path, ReadOptions(group="writer"))
