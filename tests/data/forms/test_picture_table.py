"""Tables that name pictures: by path or by id, with and without names of columns, and never outside their folder."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from softreg.data.forms.picture_table import PictureTable
from softreg.data.forms.source import Part, ReadOptions
from softreg.data.load import load_dataset, stream_images
from softreg.errors import DataError, SoftregWarning

X = np.random.default_rng(1).integers(0, 256, (6, 9, 10), dtype=np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, image in enumerate(X):
        path = tmp_path / "train_images" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path)
    return tmp_path


def read(path: Path, **options: object) -> Part:
    part = PictureTable().read(path, ReadOptions(**options)).train  # type: ignore[arg-type]
    assert part is not None
    return part


@pytest.mark.parametrize(
    ("head", "row", "options"),
    [
        ("filename,label", "train_images/{n}.png,{y}", {}),
        ("label;image", "{y};{n}.png", {}),
        ("id,breed", "{n},{y}", {}),
        ("label,id,note", "{y},{n},0", {}),
        ("path,a,b", "{n}.png,0,{y}", {"label": "b"}),
        ("", "train_images/{n}.png,{y}", {}),
        ("", "{y},{n}.png,0", {"label": "first"}),
    ],
)
def test_layouts(folder: Path, head: str, row: str, options: dict[str, object]) -> None:
    lines = [row.format(n=n, y="가나"[n % 2]) for n in range(6)]
    (folder / "t.csv").write_text("\n".join([head] * bool(head) + lines), "utf-8")
    assert PictureTable().matches(folder / "t.csv")
    part = read(folder / "t.csv", **options)
    assert np.array_equal(part.images.numpy(), X)
    assert part.labels == ["가", "나"] * 3
    assert part.lines is not None
    assert part.lines.tolist() == [n + 1 + bool(head) for n in range(6)]


def test_a_folder_with_a_table_to_answer_for(folder: Path) -> None:
    (folder / "train.csv").write_text("id,label,part\n" + "".join(f"{n},{n % 2},{'train' if n < 4 else 'val'}\n" for n in range(6)))
    (folder / "test.csv").write_text("id\n5\n3\n")
    with pytest.warns(SoftregWarning, match="no test images with labels"):
        assert len(load_dataset(folder).train) == 5
    (part,) = stream_images(folder)
    assert np.array_equal(part.images.numpy(), X[[5, 3]])
    assert list(part.ids) == ["5", "3"]
    splits = load_dataset(folder / "train.csv", options=ReadOptions(split="part"))
    assert (len(splits.train), len(splits.test)) == (4, 2)
    assert splits.test.name_of(0) == f"{folder / 'train.csv'}:6"
    assert torch.equal(splits.test.images, torch.from_numpy(X[4:]))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("0,a\n1,\n", "line 3 has no label"),
        ("0,a\n1\n", "line 3 must have 2 columns"),
        ("0,a\n9,b\n", "1 of 2 files"),
        ("0,a\n../../secret,b\n", "row 3"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, rows: str, words: str) -> None:
    (folder / "t.csv").write_text(f"id,label\n{rows}")
    with pytest.raises(DataError, match=rf"t\.csv: .*{words}"):
        read(folder / "t.csv")


def test_a_test_file_that_names_no_pictures_is_refused(folder: Path) -> None:
    (folder / "train.csv").write_text("id,label\n0,a\n1,b\n")
    (folder / "test.csv").write_text("id,label\n,a\n")
    assert PictureTable().matches(folder)
    with pytest.raises(DataError, match=r"test\.csv"):
        PictureTable().read(folder, ReadOptions())


def test_tables_of_pixels_are_none(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("label,p0\n1,2\n")
    assert not PictureTable().matches(tmp_path / "t.csv")
    assert not PictureTable().matches(tmp_path)
