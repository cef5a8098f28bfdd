""".mat files as SVHN and USPS come, and files that are damaged or of another version."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from softreg.data.forms.mat_file import MatFile
from softreg.data.forms.source import Part, ReadOptions
from softreg.errors import DataError, SoftregWarning

RNG = np.random.default_rng(5)


def read(path: Path) -> Part:
    source = MatFile().read(path, ReadOptions())
    assert source.train is not None
    return source.train


def labels(part: Part) -> list[int]:
    assert isinstance(part.labels, torch.Tensor)
    return [int(label) for label in part.labels]


def test_svhn(tmp_path: Path) -> None:
    x, y = RNG.integers(0, 256, (40, 32, 32, 3)).astype(np.uint8), np.arange(40) % 10 + 1
    savemat(tmp_path / "train_32x32.mat", {"X": x.transpose(1, 2, 3, 0), "y": y[:, None].astype(np.uint8)})
    with pytest.warns(SoftregWarning, match="10 is taken for the digit 0"):
        part = read(tmp_path / "train_32x32.mat")
    assert np.array_equal(part.images.numpy(), x)
    assert labels(part) == (y % 10).tolist()


def test_usps_of_all_digits(tmp_path: Path) -> None:
    x = RNG.integers(0, 256, (10, 1100, 16, 16)).astype(np.uint8)  # of 1, ..., 9, 0
    savemat(tmp_path / "usps_all.mat", {"data": x.reshape(10, 1100, 256).transpose(2, 1, 0)})
    part = read(tmp_path / "usps_all.mat")
    assert np.array_equal(part.images.numpy(), x.reshape(-1, 16, 16))
    assert labels(part) == np.repeat([1, 2, 3, 4, 5, 6, 7, 8, 9, 0], 1100).tolist()


def test_rows_from_minus_one_to_one(tmp_path: Path) -> None:
    x = RNG.integers(0, 256, (20, 256)).astype(np.uint8)
    savemat(tmp_path / "usps.mat", {"fea": x / 127.5 - 1, "gnd": np.arange(20)[:, None] % 3})
    with pytest.warns(SoftregWarning, match="from -1 to 1"):
        part = read(tmp_path / "usps.mat")
    assert np.array_equal(part.images.numpy(), x.reshape(20, 16, 16))


def test_labels_that_count_from_one_stay(tmp_path: Path) -> None:
    x = RNG.integers(0, 256, (20, 256)).astype(np.uint8)
    savemat(tmp_path / "MNIST.mat", {"fea": x, "gnd": np.arange(20)[:, None] % 10 + 1})
    assert labels(read(tmp_path / "MNIST.mat")) == (np.arange(20) % 10 + 1).tolist()


def test_labels_and_groups_that_are_asked_for(tmp_path: Path) -> None:
    x, y = RNG.integers(0, 256, (20, 8, 8)).astype(np.uint8), np.arange(20) % 5
    savemat(tmp_path / "t.mat", {"X": x, "coarse": y // 2, "fine": y, "writer": y[:, None] + 100})
    part = MatFile().read(tmp_path / "t.mat", ReadOptions(label="fine", group="Writer")).train
    assert part is not None
    assert labels(part) == y.tolist()
    assert part.groups == [str(number + 100) for number in y]


def test_an_array_for_each_digit(tmp_path: Path) -> None:
    x = RNG.integers(0, 256, (2, 10, 3, 64)).astype(np.uint8)
    savemat(tmp_path / "mnist_all.mat", {f"{part}{d}": x[i, d] for i, part in enumerate(("train", "test")) for d in range(10)})
    source = MatFile().read(tmp_path / "mnist_all.mat", ReadOptions())
    for part, images in ((source.train, x[0]), (source.test, x[1])):
        assert part is not None
        assert np.array_equal(part.images.numpy(), images.reshape(30, 8, 8))
        assert labels(part) == np.repeat(np.arange(10), 3).tolist()


def test_damaged_files_and_those_too_large_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.mat"
    savemat(path, {"X": np.zeros((5, 8, 8), np.uint8), "y": np.arange(5)}, do_compression=True)
    content = path.read_bytes()
    for damaged in (b"", b"MATLAB", content[:150], content[:-9], content[:140] + b"\xff" * 20 + content[160:]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"x\.mat"):
            read(path)
    path.write_bytes(content)
    monkeypatch.setattr("softreg.data.forms.mat_file.MAX_BYTES", 8 * (5 * 64 + 5) - 1)
    with pytest.raises(DataError, match=r"x\.mat.*\(5, 8, 8\)"):
        read(path)
    path.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(400))
    with pytest.raises(DataError, match=r"7\.3.*-v7"):
        read(path)
