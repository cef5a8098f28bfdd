"""The other datasets, read from tiny archives in the official formats; torchvision's own classes and readers are the truth."""

import bz2
import gzip
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torchvision import datasets

from softreg.data.load import load_dataset
from softreg.data.published import pad_to_mnist
from softreg.data.registry import PUBLISHED
from softreg.errors import DataError
from tests.helpers.http_mirror import INT, Mirror, idx, md5, mirror, tiny, tiny_files


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Mirror]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "SOFTREG_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with mirror() as server:
        monkeypatch.setenv("SOFTREG_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setenv("SOFTREG_MIRROR", server.address)
        yield server


@pytest.mark.parametrize("name", ["fashion-mnist", "kmnist"])
def test_those_in_mnists_layout(name: str, served: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tiny_files(3)
    theirs = getattr(datasets, PUBLISHED[name].folder)
    monkeypatch.setattr(theirs, "resources", [(file, md5(content)) for file, content in files.items()])
    monkeypatch.setattr(theirs, "mirrors", [])
    served.files = {f"/{file}": content for file, content in files.items()}
    splits = load_dataset(name)
    for ours, content in ((splits.train, "train"), (splits.test, "t10k")):
        stored = gzip.decompress(files[f"{content}-images-idx3-ubyte.gz"])[16:]
        assert ours.images.numpy().tobytes() == stored
        assert (ours.name, ours.classes) == (name, PUBLISHED[name].classes)


def serve_emnist(served: Mirror, monkeypatch: pytest.MonkeyPatch, splits: dict[str, int]) -> None:
    """An archive like NIST's: images on their side, the letters counted from 1."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("gzip/emnist-letters-mapping.txt", "1 65 97\n")
        for split, classes in splits.items():
            for part in ("train", "test"):
                upright, labels = tiny(len(part), 2 * classes, classes)
                prefix = f"gzip/emnist-{split}-{part}"
                packed.writestr(f"{prefix}-images-idx3-ubyte.gz", gzip.compress(idx(upright.transpose(0, 2, 1))))
                packed.writestr(f"{prefix}-labels-idx1-ubyte.gz", gzip.compress(idx(labels + (split == "letters"))))
    served.files["/gzip.zip"] = archive.getvalue()
    monkeypatch.setattr(datasets.EMNIST, "md5", md5(archive.getvalue()))
    monkeypatch.setattr(datasets.EMNIST, "url", f"{served.address}/published/gzip.zip")


def test_emnist_upright_and_from_zero(served: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    counts = {"byclass": 62, "bymerge": 47, "balanced": 47, "letters": 26, "digits": 10, "mnist": 10}
    serve_emnist(served, monkeypatch, counts)
    for split, classes in counts.items():
        read = load_dataset(f"emnist-{split}")
        for ours, part in ((read.train, "train"), (read.test, "test")):
            upright, labels = tiny(len(part), 2 * classes, classes)
            assert np.array_equal(ours.images.numpy(), upright)
            assert ours.images.is_contiguous()
            assert ours.labels.tolist() == labels.tolist()
            assert len(ours.classes) == classes
    assert served.asked == ["/gzip.zip"]  # one archive for the six
    letters = load_dataset("emnist-letters").train
    assert [letters.classes[label] for label in letters.labels[:3]] == ["a", "b", "c"]
    assert not (tmp_path / "cache/EMNIST/gzip.zip").exists()


def test_emnist_as_torchvision_reads_it(served: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    serve_emnist(served, monkeypatch, {"letters": 26})
    ours = load_dataset("emnist-letters").test
    monkeypatch.setattr(datasets.EMNIST, "url", f"{served.address}/gzip.zip")
    theirs = datasets.EMNIST(tmp_path / "theirs", "letters", train=False, download=True)
    assert torch.equal(ours.images, theirs.data.transpose(1, 2))
    assert [ours.classes[label] for label in ours.labels] == [theirs.classes[label] for label in theirs.targets]


def test_emnist_letters_beyond_z_are_refused(served: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    serve_emnist(served, monkeypatch, {"letters": 27})
    with pytest.raises(DataError, match="the classes are 0 to 25"):
        load_dataset("emnist-letters")


def test_qmnist(served: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    resources = {}
    for part in ("train", "test"):
        images, labels = tiny(len(part))
        table = np.arange(8 * len(labels), dtype=np.int32).reshape(-1, 8) * 1000  # writer, place, ...
        table[:, 0] = labels
        files = {f"qmnist-{part}-images-idx3-ubyte.gz": idx(images), f"qmnist-{part}-labels-idx2-int.gz": idx(table, INT)}
        packed = {name: gzip.compress(content) for name, content in files.items()}
        served.files |= {f"/{name}": content for name, content in packed.items()}
        resources[part] = [(f"{served.address}/{name}", md5(content)) for name, content in packed.items()]
        (tmp_path / "theirs/QMNIST/raw").mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (tmp_path / "theirs/QMNIST/raw" / name.removesuffix(".gz")).write_bytes(content)
    monkeypatch.setattr(datasets.QMNIST, "resources", resources)
    read = load_dataset("qmnist")
    for ours, train in ((read.train, True), (read.test, False)):
        theirs = datasets.QMNIST(tmp_path / "theirs", train=train)
        assert torch.equal(ours.images, theirs.data)
        assert torch.equal(ours.labels, theirs.targets[:, 0])


def test_usps(served: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    random, split_list = np.random.default_rng(5), {}
    for part, name in (("train", "usps.bz2"), ("test", "usps.t.bz2")):
        small = random.integers(0, 256, (20, 16, 16))
        pixels = (small / 127.5 - 1).reshape(20, -1)
        lines = (f"{n % 10 + 1} " + " ".join(f"{j}:{v:.6f}" for j, v in enumerate(row, 1)) for n, row in enumerate(pixels))
        content = bz2.compress("".join(f"{line} \n" for line in lines).encode())
        served.files[f"/{name}"] = content
        split_list[part] = [f"{served.address}/{name}", name, md5(content)]
    monkeypatch.setattr(datasets.USPS, "split_list", split_list)
    read = load_dataset("usps")
    theirs = datasets.USPS(tmp_path / "cache/USPS", train=True)
    assert read.train.labels.tolist() == theirs.targets
    assert set(read.test.labels.tolist()) == set(range(10))
    for ours, small in zip(read.train.images, theirs.data, strict=True):
        assert np.abs(ours[4:24, 4:24].numpy().astype(int) - _pil_grown(small).astype(int)).max() <= 1
        outside = ours.clone()
        outside[4:24, 4:24] = 0
        assert not outside.any()


def _pil_grown(small: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    return np.asarray(Image.fromarray(small).resize((20, 20), Image.Resampling.BILINEAR))


def test_framing_keeps_black_black_and_ink_bright() -> None:
    assert not pad_to_mnist(torch.zeros(1, 16, 16, dtype=torch.uint8)).any()
    full = pad_to_mnist(torch.full((1, 16, 16), 255, dtype=torch.uint8))
    assert full[0, 4:24, 4:24].min() == 255
    assert full.sum() == 255 * 400
