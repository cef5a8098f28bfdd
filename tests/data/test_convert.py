"""Whatever is converted reads back as the same images, labels and names."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import softreg
from softreg.cli import main
from softreg.data.convert import WRITERS, convert
from softreg.data.dataset import Dataset, Splits
from softreg.data.load import load_dataset
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
