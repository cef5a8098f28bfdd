"""A root as torchvision leaves it, against torchvision's own datasets read from the same files."""

import gzip
from pathlib import Path

import pytest
import torch
from torchvision import datasets

from softreg.data.forms.source import ReadOptions
from softreg.data.forms.torchvision_root import TorchvisionRoot
from softreg.data.registry import PUBLISHED
from softreg.errors import DataError
from tests.helpers.http_mirror import idx, tiny, tiny_files


def lay_out(root: Path, folder: str, *, unpacked: bool = True) -> Path:
    raw = root / folder / "raw"
    raw.mkdir(parents=True)
    for name, content in tiny_files(7).items():
        (raw / name).write_bytes(content)
        if unpacked:
            (raw / name.removesuffix(".gz")).write_bytes(gzip.decompress(content))
    return raw


@pytest.mark.parametrize(("name", "theirs"), [("fashion-mnist", datasets.FashionMNIST), ("kmnist", datasets.KMNIST)])
def test_what_torchvision_reads(name: str, theirs: type[datasets.MNIST], tmp_path: Path) -> None:
    lay_out(tmp_path, theirs.__name__)
    assert TorchvisionRoot().matches(tmp_path)
    source = TorchvisionRoot().read(tmp_path, ReadOptions())
    for part, train in ((source.train, True), (source.test, False)):
        assert part is not None
        expected = theirs(str(tmp_path), train=train)
        assert torch.equal(part.images, expected.data)
        assert torch.equal(torch.as_tensor(part.labels), expected.targets)
    assert source.classes == PUBLISHED[name].classes


@pytest.mark.parametrize("kept", ["", ".gz"])
def test_packed_or_unpacked_files_will_do(kept: str, tmp_path: Path) -> None:
    raw = lay_out(tmp_path, "KMNIST")
    for path in raw.iterdir():
        if (path.suffix == ".gz") != (kept == ".gz"):
            path.unlink()
    assert TorchvisionRoot().matches(tmp_path)
    assert TorchvisionRoot().read(tmp_path, ReadOptions()).train is not None


@pytest.mark.parametrize("folder", ["EMNIST/raw", "gzip", "."])
def test_emnist_is_turned_upright(tmp_path: Path, folder: str) -> None:
    raw = tmp_path / folder
    raw.mkdir(parents=True, exist_ok=True)
    for part in ("train", "test"):
        images, labels = tiny(len(part))
        (raw / f"emnist-digits-{part}-images-idx3-ubyte").write_bytes(idx(images))
        (raw / f"emnist-digits-{part}-labels-idx1-ubyte").write_bytes(idx(labels))
    source = TorchvisionRoot().read(tmp_path, ReadOptions())
    assert source.test is not None
    assert torch.equal(source.test.images, torch.from_numpy(tiny(4)[0]).transpose(1, 2))


def test_several_datasets_are_refused_by_name(tmp_path: Path) -> None:
    for folder in ("FashionMNIST", "KMNIST"):
        lay_out(tmp_path, folder)
    with pytest.raises(DataError, match="fashion-mnist, kmnist"):
        TorchvisionRoot().read(tmp_path, ReadOptions())


def test_a_file_or_a_root_that_is_not_whole_is_none(tmp_path: Path) -> None:
    assert not TorchvisionRoot().matches(tmp_path)
    raw = lay_out(tmp_path, "KMNIST", unpacked=False)
    (raw / "t10k-labels-idx1-ubyte.gz").unlink()
    assert not TorchvisionRoot().matches(tmp_path)
    assert not TorchvisionRoot().matches(raw / "t10k-images-idx3-ubyte.gz")
