"""CSV: where the label may stand, what is refused with its line, and that a long file is read a part at a time."""

import gzip
import os
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softreg.data.forms import csv_table
from softreg.data.forms.csv_table import CHUNK_ROWS, CsvTable
from softreg.data.forms.source import Part, ReadOptions
from softreg.data.load import load_dataset
from softreg.errors import DataError, SoftregWarning

SIDE = 8
RNG = np.random.default_rng(7)
X = RNG.integers(0, 256, (20, SIDE, SIDE)).astype(np.uint8)
Y = np.arange(20) % 3 + 5
PIXELS = pd.DataFrame(X.reshape(20, -1), columns=[f"p{n}" for n in range(SIDE * SIDE)])


def read(path: Path, **options: object) -> Part:
    source = CsvTable().read(path, ReadOptions(**options))  # type: ignore[arg-type]
    assert source.train is not None
    return source.train


def with_label(position: int, name: str = "label") -> pd.DataFrame:
    frame = PIXELS.copy()
    frame.insert(position, name, Y)
    return frame


@pytest.mark.parametrize(
    ("frame", "written", "options"),
    [
        (with_label(0), {}, {}),
        (with_label(64, "Class"), {}, {}),
        (with_label(0, "ziffer"), {}, {}),
        (with_label(64, "ziffer"), {}, {"label": "last"}),
        (with_label(30, "ziffer"), {}, {"label": "Ziffer"}),
        (with_label(0), {"header": False}, {}),
        (with_label(64), {"header": False}, {"label": "last"}),
        (with_label(0), {"sep": ";"}, {}),
        (with_label(0), {"sep": "\t"}, {}),
        (with_label(0), {"quoting": 1}, {}),
        (with_label(0), {"lineterminator": "\r\n", "encoding": "utf-8-sig"}, {}),
        (with_label(0).astype(float), {}, {}),
        (with_label(0), {"index": True, "index_label": "id"}, {}),
        (with_label(0), {"index": True}, {}),
        (with_label(0), {"sep": "|"}, {}),
        (with_label(0), {"sep": " "}, {}),
        (with_label(0), {"encoding": "utf-16"}, {}),
        (with_label(64, "ziffer"), {}, {}),
        (with_label(0).assign(filename=[f"{n}.png" for n in range(20)]), {}, {}),
        (with_label(0).set_axis(range(65), axis=1), {}, {}),
        (with_label(0).set_axis(range(1, 66), axis=1), {}, {}),
        (with_label(0).set_axis([f"{n}" for n in range(65)], axis=1), {"index": True}, {}),
        (with_label(0).set_axis(["0", *(f"0.{n}" for n in range(1, 65))], axis=1), {}, {}),
    ],
)
def test_layouts(tmp_path: Path, frame: pd.DataFrame, written: dict[str, object], options: dict[str, object]) -> None:
    path = tmp_path / "table.csv"
    frame.to_csv(path, **({"index": False} | written))
    part = read(path, **options)
    assert np.array_equal(part.images.numpy(), X)
    assert isinstance(part.labels, torch.Tensor)
    assert np.array_equal(part.labels.numpy(), Y)
    if written.get("index"):
        assert part.ids == tuple(map(str, range(20)))


@pytest.mark.parametrize(("label", "others"), [("label", ["coarse"]), ("fine", ["coarse"]), ("fine", ["coarse", "age"])])
def test_numbers_that_are_no_pixels_by_their_names(tmp_path: Path, label: str, others: list[str]) -> None:
    with_label(0, label).assign(**dict.fromkeys(others, Y // 2)).to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(SoftregWarning, match=f"columns not used: {', '.join(others)}"):
        part = read(tmp_path / "t.csv", label=label)
    assert np.array_equal(part.images.numpy(), X)
    assert part.labels.tolist() == Y.tolist()  # type: ignore[union-attr]


def test_without_labels_with_names_gzipped_and_not_square(tmp_path: Path) -> None:
    PIXELS.to_csv(tmp_path / "test.csv", index=False)
    assert read(tmp_path / "test.csv").labels is None
    named = PIXELS.assign(label=["가", 'so, "b"'] * 10)
    named.to_csv(tmp_path / "named.csv.gz", index=False)
    assert gzip.decompress((tmp_path / "named.csv.gz").read_bytes())[:3] == b"p0,"
    part = read(tmp_path / "named.csv.gz")
    assert part.labels == ["가", 'so, "b"'] * 10
    assert np.array_equal(part.images.numpy(), X)
    wide = read(tmp_path / "test.csv", size=(4, 16))
    assert np.array_equal(wide.images.numpy(), X.reshape(20, 4, 16))


def test_a_label_in_the_last_column_of_a_file_without_names(tmp_path: Path) -> None:
    frame = with_label(64).assign(p0=0)
    frame.to_csv(tmp_path / "t.csv", index=False, header=False)
    with pytest.warns(SoftregWarning, match="label is taken from the last column; the first is always 0"):
        assert read(tmp_path / "t.csv").labels.tolist() == Y.tolist()  # type: ignore[union-attr]


@pytest.mark.parametrize(("planar", "words"), [(False, "8 x 8 pixels of red"), (True, "8 x 8 numbers of red, then")])
def test_rows_in_colour(tmp_path: Path, planar: bool, words: str) -> None:
    colour = np.stack([X // 2 + 9, X // 3, X // 4], -1)  # a smooth image, of which the channels differ
    colour = np.cumsum(colour // 40, axis=1).astype(np.uint8)
    rows = (colour.transpose(0, 3, 1, 2) if planar else colour).reshape(20, -1)
    pd.DataFrame(rows).assign(label=Y).to_csv(tmp_path / "t.csv", index=False)
    with pytest.warns(SoftregWarning, match=words):
        assert np.array_equal(read(tmp_path / "t.csv").images.numpy(), colour)


def test_emnist_is_turned_upright(tmp_path: Path) -> None:
    images = RNG.integers(0, 256, (4, 28, 28)).astype(np.uint8)
    rows = np.column_stack([Y[:4], images.transpose(0, 2, 1).reshape(4, -1)])
    np.savetxt(tmp_path / "emnist-letters-train.csv", rows, fmt="%d", delimiter=",")
    with pytest.warns(SoftregWarning, match="turned upright"):
        assert np.array_equal(read(tmp_path / "emnist-letters-train.csv").images.numpy(), images)


def test_all_pixels_in_one_cell_and_a_column_of_parts(tmp_path: Path) -> None:
    cells = [" ".join(map(str, image.reshape(-1))) for image in X]
    usage = ["Training"] * 15 + ["PublicTest"] * 5
    pd.DataFrame({"emotion": Y, "pixels": cells, "Usage": usage}).to_csv(tmp_path / "fer.csv", index=False)
    with pytest.warns(SoftregWarning, match="columns not used: usage"):
        assert np.array_equal(read(tmp_path / "fer.csv").images.numpy(), X)
    source = CsvTable().read(tmp_path / "fer.csv", ReadOptions(split="Usage")).split()
    assert source.train is not None
    assert source.test is not None
    assert np.array_equal(source.train.images.numpy(), X[:15])
    assert np.array_equal(source.test.images.numpy(), X[15:])
    assert source.test.lines.tolist() == [17, 18, 19, 20, 21]  # type: ignore[union-attr]
    (part,) = CsvTable().stream(tmp_path / "fer.csv", ReadOptions(split="usage"))
    assert np.array_equal(part.images.numpy(), X[15:])
    pd.DataFrame({"emotion": Y, "pixels": cells, "Usage": ["Training", "?"] * 10}).to_csv(tmp_path / "fer.csv", index=False)
    with pytest.raises(DataError, match=r"row 3: \? is neither train nor test"):
        CsvTable().read(tmp_path / "fer.csv", ReadOptions(split="Usage")).split()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\n" * 150_000, "line 100001: more than 100,000 empty lines"),
        (b"label,p0\n" + b"0" * 2**24, "more than 16 million characters"),
        (b"0," * 5_000_000, "or 4 million cells"),
    ],
)
def test_what_unpacks_to_no_table_is_given_up_early(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(content, 1))
    with pytest.raises(DataError, match=words):
        read(path)


def test_few_long_rows_are_taken_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_table, "CHUNK_CHARACTERS", 500)
    with_label(0).to_csv(tmp_path / "t.csv", index=False)
    parts = list(CsvTable().stream(tmp_path / "t.csv", ReadOptions()))
    assert max(map(len, parts)) < 5
    assert np.array_equal(torch.cat([part.images for part in parts]).numpy(), X)


@pytest.mark.parametrize("names", [["emotion", "pixels"], ["pixels", "emotion"], ["pixels"]])
def test_all_pixels_in_one_cell_and_little_else(tmp_path: Path, names: list[str]) -> None:
    cells = [" ".join(map(str, image.reshape(-1))) for image in X]
    pd.DataFrame({"emotion": Y, "pixels": cells})[names].to_csv(tmp_path / "t.csv", index=False)
    part = read(tmp_path / "t.csv")
    assert np.array_equal(part.images.numpy(), X)
    assert (part.labels.tolist() if len(names) > 1 else Y.tolist()) == Y.tolist()  # type: ignore[union-attr]


def test_fractions_are_scaled_throughout(tmp_path: Path) -> None:
    path = tmp_path / "unit.csv"
    (with_label(0).drop(columns="label") / 255).to_csv(path, index=False)
    assert np.array_equal(read(path).images.numpy(), X)


LINES = with_label(0).to_csv(index=False).splitlines()


def changed(line: int, cell: int, text: str) -> list[str]:
    cells = LINES[line].split(",")
    cells[cell] = text
    return [*LINES[:line], ",".join(cells), *LINES[line + 1 :]]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (changed(3, 5, "256"), "line 4: pixels must be .* got 256$"),
        (changed(3, 5, "-1"), "line 4: pixels must be .* got -1$"),
        (changed(3, 5, "0.5"), "line 4: pixels must be .* got 0.5$"),
        (changed(3, 5, "nan"), "line 4: pixels must be .* got nan$"),
        (changed(3, 5, "x"), "line 4: pixels must be .* got 'x'$"),
        (changed(3, 5, ""), "line 4: pixels must be .* got ''$"),
        (changed(3, 5, "1,2"), "line 4 must have 65 columns like the first line, got 66"),
        ([*LINES[:3], LINES[3].rpartition(",")[0]], "line 4 must have 65 columns.* got 64"),
        (["emotion,pixels", "0," + " ".join("7" * 64), "1," + " ".join("7" * 63)], "line 3 must have 64 columns.* got 63"),
        ([f"id,{LINES[0]}", f"1,{LINES[1]}", f"2,{LINES[2]},3"], "line 3 must have 66 columns.* got 67"),
        (LINES[:1], "no images"),
        ([], "no images"),
        (["a,b,c", "1,2,3"], "3 columns"),
        (["1,2,3", "4,5,6"], "3 columns"),
        (changed(3, 0, "1.5"), "label 1.5 of example 2"),
        (changed(3, 0, ""), "line 4 has no label"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, lines: list[str], words: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match=f"bad.csv.*{words}"):
        read(path)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x1f\x8b\x08\x00damaged", b"\x1f\x8b"])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.csv"):
        read(path)


def test_several_files_are_refused_by_name(tmp_path: Path) -> None:
    for names in (("a", "b"), ("train_a", "train_b")):
        (tmp_path / names[0]).mkdir()
        for name in names:
            (tmp_path / names[0] / f"{name}.csv").write_text("\n".join(LINES))
        with pytest.raises(DataError, match=f"{names[0]}.csv, {names[1]}.csv; name one"):
            load_dataset(tmp_path / names[0])


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(DataError, match="not a supported dataset"):
        load_dataset(tmp_path / "pipe.csv")


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\n".join(LINES))
    with pytest.raises(DataError, match=r"no column ziffer; the first columns are label, p0"):
        read(tmp_path / "t.csv", label="ziffer")


def test_text_of_another_encoding_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("레이블,p0\n공,1\n".encode("cp949"))
    with pytest.raises(DataError, match=r"t\.csv: not UTF-8 text .* CSV UTF-8"):
        read(tmp_path / "t.csv")


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "t.csv"
    path.write_bytes(content)
    with suppress(DataError):
        list(CsvTable().stream(path, ReadOptions()))


def test_a_stream_holds_a_few_thousand_rows(tmp_path: Path) -> None:
    path, rows = tmp_path / "long.csv", 20 * CHUNK_ROWS
    with path.open("w") as file:
        file.write(",".join(PIXELS.columns) + "\n")
        for _ in range(rows // 20):
            file.write("\n".join(line.partition(",")[2] for line in LINES[1:]) + "\n")
    tracemalloc.start()
    total = sum(len(part.images) for part in CsvTable().stream(path, ReadOptions()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == rows
    assert peak < 10 * CHUNK_ROWS * SIDE * SIDE * 8  # the file is 20 chunks; a chunk as text, numbers and bytes is a few


@pytest.mark.parametrize(("column", "label"), [(0, "first"), (64, "last"), (30, "ziffer")])
def test_images_to_answer_for_may_lack_the_label_that_was_trained_on(tmp_path: Path, column: int, label: str) -> None:
    with_label(column, "ziffer").to_csv(tmp_path / "train.csv", index=False)
    PIXELS.to_csv(tmp_path / "test.csv", index=False)
    for name in ("train.csv", "test.csv"):
        (part,) = CsvTable().stream(tmp_path / name, ReadOptions(label=label))
        assert np.array_equal(part.images.numpy(), X)
