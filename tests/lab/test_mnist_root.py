"""The bundled MNIST where torchvision looks for it: the published files, replaced if damaged."""

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from softreg.errors import DataError
from softreg.lab import mnist_root
from softreg.lab.mnist_root import fill_mnist_root

MD5 = {  # as published, of the uncompressed files
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


@pytest.fixture(scope="module")
def mnist_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    fill_mnist_root(folder)
    return folder / "MNIST" / "raw"


def test_the_root_holds_the_published_files(mnist_folder: Path) -> None:
    assert {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in mnist_folder.iterdir()} == MD5


def test_a_damaged_file_is_replaced_and_a_good_one_left(mnist_folder: Path) -> None:
    damaged, good = mnist_folder / "t10k-labels-idx1-ubyte", mnist_folder / "train-labels-idx1-ubyte"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    os.utime(good, (1, 1))
    fill_mnist_root(mnist_folder.parents[1])
    assert hashlib.md5(damaged.read_bytes()).hexdigest() == MD5[damaged.name]
    assert good.stat().st_mtime == 1


def test_a_damaged_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist_root, "FOLDER", tmp_path)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"something else"))
    with pytest.raises(DataError, match="SHA-256"):
        fill_mnist_root(tmp_path / "root")
    assert list((tmp_path / "root" / "MNIST" / "raw").iterdir()) == []
