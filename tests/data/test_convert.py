"""Whatever is converted reads back as the same images, labels and names."""

import gzip
import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import softreg
from softreg.cli import main
from softreg.data.convert import WRITERS, convert
from softreg.data.dataset import Dataset, Splits
from softreg.data.load import load_dataset
from softreg.data.memory_map import is_mapped
from softreg.errors import DataError, WriteError
from tests.data.conftest import WRITERS as READABLE
from tests.data.conftest import Arrays

RNG = np.random.default_rng(2)


def same(ours: Splits, theirs: Splits) -> bool:
    return all(
        torch.equal(one.images, other.images) and torch.equal(one.labels, other.labels) and one.classes == other.classes
        for one, other in ((ours.train, theirs.train), (ours.test, theirs.test))
    )


@pytest.fixture(scope="session")
def arrays(mnist: Splits) -> Arrays:
    x, y = mnist.train.images[:120].numpy(), mnist.train.labels[:120].numpy().astype(np.uint8)
    order = y.argsort(kind="stable")  # the order in which folders are read
    tx, ty = mnist.test.images[:40].numpy(), mnist.test.labels[:40].numpy().astype(np.uint8)
    test_order = ty.argsort(kind="stable")
    return x[order], y[order], tx[test_order], ty[test_order]


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("source", READABLE)
def test_every_form_to_every_form(source: str, form: str, arrays: Arrays, tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    path = READABLE[source](tmp_path / "from", arrays)
    target = tmp_path / ("to.npz" if form == "npz" else "to")
    convert(path, target, form)
    assert same(load_dataset(target), load_dataset(path))
    with pytest.raises((DataError, WriteError), match="already exists"):
        convert(path, target, form)


@pytest.mark.parametrize("form", WRITERS)
def test_colour_and_names(form: str, tmp_path: Path) -> None:
    np.savez(
        tmp_path / "a.npz",
        X=RNG.integers(0, 256, (6, 9, 11, 3)).astype(np.uint8),
        y=np.array([0, 0, 1, 1, 2, 2]),
        x_test=RNG.integers(0, 256, (3, 9, 11, 3)).astype(np.uint8),
        y_test=np.array([0, 1, 2]),
        classes=np.array(["a b", "ß", "가"]),
    )
    target = tmp_path / ("to.npz" if form == "npz" else "to")
    found = convert(tmp_path / "a.npz", target, form)
    again = load_dataset(target)
    assert torch.equal(again.train.images, found["train"].images)
    assert torch.equal(again.test.labels, found["test"].labels)
    assert again.train.classes == (("0", "1", "2") if form == "idx" else ("a b", "ß", "가"))


def test_mnist_goes_out_as_it_came(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["data", "convert", "mnist", str(tmp_path / "idx"), "--json"])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out) == {
        "schema": 1,
        "dataset": "mnist",
        "path": str(tmp_path / "idx"),
        "form": "idx",
        "train": 60_000,
        "test": 10_000,
    }
    for path in (Path(softreg.__file__).parent / "data" / "mnist").glob("*.gz"):
        assert (tmp_path / "idx" / path.stem).read_bytes() == gzip.decompress(path.read_bytes())


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    images = torch.zeros(300, 8, 8, dtype=torch.uint8)
    many = {"train": Dataset(images, torch.arange(300), tuple(map(str, range(300))), "many")}
    with pytest.raises(DataError, match="300 classes"):
        WRITERS["idx"](many, tmp_path / "idx")
    for name in ("a/b", "..", ""):
        odd = {"train": Dataset(images[:2], torch.tensor([0, 1]), (name, "b"), "odd")}
        with pytest.raises(DataError, match="name of a folder"):
            WRITERS["folders"](odd, tmp_path / "folders")
    assert list(tmp_path.iterdir()) == []


def test_the_command_reads_as_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = np.random.default_rng(1).integers(0, 256, (6, 80))
    table = np.column_stack([rows, [0, 1] * 3])
    np.savetxt(tmp_path / "t.csv", table, fmt="%d", delimiter=",")
    with pytest.raises(SystemExit) as ended:
        main(["data", "convert", str(tmp_path / "t.csv"), str(tmp_path / "t.npz"), "--size", "8x10", "--label", "last"])
    assert ended.value.code == 0, capsys.readouterr().err
    assert np.array_equal(np.load(tmp_path / "t.npz")["x_train"], rows.reshape(6, 8, 10))
    with pytest.raises(SystemExit):
        main(["data", str(tmp_path / "t.csv"), "--size", "x"])
    assert "--size" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:.*are also training images")
def test_one_picture_in_colour_makes_all_colour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softreg.data.forms.pictures.BATCH", 2)
    grey = RNG.integers(0, 256, (6, 9, 9)).astype(np.uint8)
    colour = RNG.integers(0, 256, (9, 9, 3)).astype(np.uint8)
    for part in ("train", "test"):
        for number, image in enumerate(grey):
            path = tmp_path / "from" / part / "ab"[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(colour if number == 5 and part == "test" else image).save(path)
    convert(tmp_path / "from", tmp_path / "to", "idx")
    assert sorted(path.name for path in (tmp_path / "to").iterdir()) == [
        f"{part}-{content}-ubyte" for part in ("t10k", "train") for content in ("images-idx4", "labels-idx1")
    ]
    found = load_dataset(tmp_path / "to")
    assert np.array_equal(found.test.images[5], colour)
    assert torch.equal(found.train.images, load_dataset(tmp_path / "from").train.images)


def test_parts_of_two_sizes_are_refused_and_a_part_without_labels_is_left_out(tmp_path: Path) -> None:
    x, y = RNG.integers(0, 256, (6, 9, 9)).astype(np.uint8), np.array([0, 1] * 3)
    np.savez(tmp_path / "a.npz", X=x, y=y, x_test=x[:, 1:, 1:], y_test=y)
    with pytest.raises(DataError, match=r"must have 9 x 9 pixels .* got 8 x 8"):
        convert(tmp_path / "a.npz", tmp_path / "a", "idx")
    np.savez(tmp_path / "b.npz", X=x, y=y, x_test=x)
    convert(tmp_path / "b.npz", tmp_path / "b", "idx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b", "b.npz"]
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"]


def test_a_table_of_many_rows_is_never_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softreg.data.forms.csv_table.CHUNK_ROWS", 100)
    path, rows = tmp_path / "long.csv", 20_000
    row = ",".join(map(str, RNG.integers(0, 256, 256)))
    with path.open("w") as file:
        for number in range(rows):
            file.write(f"{number % 3},{row}\n")
    tracemalloc.start()
    found = convert(path, tmp_path / "idx", "idx")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(found["train"]), is_mapped(found["train"].images)) == (rows, True)
    assert peak < rows * 256 * 0.6  # of the images; a chunk as text and numbers, and the labels
    assert torch.equal(found["train"].labels, torch.arange(rows) % 3)
