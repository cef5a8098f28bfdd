"""Parquet: columns of other names, paths beside the file, and cells that hold no picture."""

import sys
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from pyarrow import parquet

from softreg.data.forms.parquet import Parquet
from softreg.data.forms.source import Part, ReadOptions
from softreg.errors import DataError, MissingExtraError

X = np.random.default_rng(1).integers(0, 256, (4, 9, 10, 3)).astype(np.uint8)


def png(image: Any) -> bytes:
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


PNGS = [png(image) for image in X]


def written(folder: Path, columns: dict[str, Any]) -> Path:
    parquet.write_table(pa.table(columns), folder / "t.parquet")
    return folder / "t.parquet"


def read(path: Path, **options: Any) -> Part:
    part = Parquet().read(path, ReadOptions(**options)).train
    assert part is not None
    return part


@pytest.mark.parametrize("label", ["label", "fine_label"])
def test_columns_of_other_names(tmp_path: Path, label: str) -> None:
    path = written(tmp_path, {"img": PNGS, label: ["가", "b", "b", "가"], "note": [1, 2, 3, 4]})
    part = read(path, **({"label": label} if label != "label" else {}))
    assert np.array_equal(part.images.numpy(), X)
    assert part.labels == ["가", "b", "b", "가"]


def test_without_labels(tmp_path: Path) -> None:
    assert read(written(tmp_path, {"image": PNGS})).labels is None


def test_paths_stay_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for number, content in enumerate(PNGS):
        (tmp_path / "pictures" / f"{number}.png").write_bytes(content)
    cells = [{"bytes": None, "path": f"pictures/{number}.png"} for number in range(4)]
    assert np.array_equal(read(written(tmp_path, {"image": cells, "label": [0, 1, 0, 1]})).images.numpy(), X)
    cells[2]["path"] = "../secret.png"
    with pytest.raises(DataError, match=r"row 3.*secret"):
        read(written(tmp_path, {"image": cells, "label": [0, 1, 0, 1]}))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"a": [1], "b": [2]}, "no column of pictures"),
        ({"image": [7], "label": [1]}, "row 1: 7 is neither"),
        ({"image": [b"?", *PNGS[1:]], "label": [0, 1, 0, 1]}, r"1 of 4 files.*t.parquet: row 1"),
        ({"image": PNGS, "label": [0, None, 0, 1]}, "row 2 has no label"),
        ({"image": PNGS[:0], "label": []}, "no images"),
        ({"pixels": pa.array([], pa.list_(pa.uint8())), "label": []}, "no images"),
        ({"pixels": [[0] * 64, [0] * 63], "label": [0, 1]}, "row 2: 63 numbers, but the first row has 64"),
        ({"pixels": [[0] * 64, None], "label": [0, 1]}, "row 2: 0 numbers, but the first row has 64"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, columns: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(written(tmp_path, columns))


@pytest.mark.parametrize(
    "columns",
    [
        {f"p{number}": X[:, :8, :8, 0].reshape(4, 64)[:, number] for number in range(64)},
        {"pixels": [image.reshape(-1).tolist() for image in X[:, :8, :8, 0]], "id": [1, 2, 3, 4]},
        {"image": X[:, :8, :8, 0].tolist()},
    ],
)
def test_tables_of_numbers(tmp_path: Path, columns: dict[str, Any]) -> None:
    part = read(written(tmp_path, {"label": [3, 4, 3, 4], **columns}))
    assert np.array_equal(part.images.numpy(), X[:, :8, :8, 0])
    assert torch.equal(torch.as_tensor(part.labels), torch.tensor([3, 4, 3, 4]))


ROWS = np.random.default_rng(0).normal(size=(3, 64)).astype(np.float32)


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32()), pa.list_(pa.float64()), pa.list_(pa.float16()), pa.list_(pa.float32(), 64)]
)
@pytest.mark.parametrize("name", ["embedding", "Features"])
def test_lists_of_floating_point_are_embeddings(tmp_path: Path, kind: Any, name: str) -> None:
    half = kind == pa.list_(pa.float16())
    rows = ROWS.astype(np.float16) if half else ROWS
    path = written(tmp_path, {name: pa.array(list(rows), kind), "label": ["a", "b", "a"]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if name == "Features" else "error")
        part = read(path)
    assert part.labels == ["a", "b", "a"]
    assert part.images.dtype == (torch.float16 if half else torch.float32)
    np.testing.assert_array_equal(part.images.numpy(), rows)
    (streamed,) = Parquet().stream(path, ReadOptions(embeddings=True))
    assert torch.equal(streamed.images, part.images)


@pytest.mark.parametrize("lists", [[[1.5] * 8, [1.5] * 9], [[1.5] * 8, None]])
def test_lists_that_differ_are_named_by_their_rows(tmp_path: Path, lists: Any) -> None:
    path = written(tmp_path, {"embedding": lists, "label": [0, 1]})
    with pytest.raises(DataError, match="rows 1 to 2"):
        read(path)


def test_embeddings_of_several_files_are_of_one_length(tmp_path: Path) -> None:
    for number, dim in enumerate((64, 65)):
        table = pa.table({"embedding": [[1.5] * dim] * 2, "label": [0, 1]})
        parquet.write_table(table, tmp_path / f"train-{number}.parquet")
    with pytest.raises(DataError, match=r"train-1\.parquet: row 1: 65 numbers, but the first row has 64"):
        Parquet().read(tmp_path, ReadOptions(embeddings=True))


@pytest.mark.parametrize("names", [("0000", "0001"), ("data/train-0", "data/train-1"), ("train/0000", "train/0001")])
def test_several_files_of_a_part(tmp_path: Path, names: tuple[str, str]) -> None:
    for name, rows in zip(names, (slice(0, 3), slice(3, 4)), strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        parquet.write_table(pa.table({"image": PNGS[rows], "label": [0, 1, 0, 1][rows]}), tmp_path / f"{name}.parquet")
    part = Parquet().read(tmp_path, ReadOptions()).train
    assert part is not None
    assert np.array_equal(part.images.numpy(), X)


def test_a_second_file_with_other_columns_is_named(tmp_path: Path) -> None:
    for number, label in enumerate(("label", "kind")):
        parquet.write_table(pa.table({"image": PNGS, label: [0, 1, 0, 1]}), tmp_path / f"train-{number}.parquet")
    with pytest.raises(DataError, match=r"train-1.parquet: no column label; the first columns are image, kind"):
        Parquet().read(tmp_path, ReadOptions())


def test_columns_of_parts_and_groups_and_labels_that_are_minus_one(tmp_path: Path) -> None:
    extra = {"part": ["train", "test", "train", "val"], "writer": [7, 8, 7, 9]}
    path = written(tmp_path, {"image": PNGS, "label": [0, 1, 0, 1], **extra})
    source = Parquet().read(path, ReadOptions(split="part", group="writer")).split()
    assert source.train is not None
    assert source.test is not None
    assert np.array_equal(source.test.images.numpy(), X[[1, 3]])
    assert source.train.groups == ["7", "7"]
    both = read(path, split="part", group="part")
    assert both.splits == both.groups == extra["part"]
    (part,) = Parquet().stream(path, ReadOptions(split="part"))
    assert np.array_equal(part.images.numpy(), X[[1, 3]])
    assert read(written(tmp_path, {"image": PNGS, "label": [-1] * 4})).labels is None
    (part,) = Parquet().stream(tmp_path / "t.parquet", ReadOptions(split="part"))
    assert np.array_equal(part.images.numpy(), X)


def test_damaged_files_and_a_missing_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, {"image": PNGS, "label": [0, 1, 0, 1]})
    content = path.read_bytes()
    for damaged in (b"", content[:-10], content[:200] + bytes(50) + content[250:]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"t\.parquet"):
            read(path)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"softreg\[parquet\]"):
        read(path)
