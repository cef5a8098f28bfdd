"""The MNIST that comes with softreg."""

import gzip
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from softreg.data import bundled
from softreg.data.dataset import Splits
from softreg.data.load import load_dataset
from softreg.errors import DataError


def test_the_bundled_mnist_is_refused_when_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One label changed, in an IDX file and a gzip without fault."""
    shutil.copytree(bundled.FOLDER, tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(bundled, "FOLDER", tmp_path)
    path = tmp_path / "t10k-labels-idx1-ubyte.gz"
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[-1] ^= 1
    path.write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=r"t10k-labels.*SHA-256"):
        load_dataset("mnist")


def test_the_sample_is_every_200th_training_image(mnist: Splits) -> None:
    assert torch.equal(bundled.read_mnist_sample(), mnist.train.images[::200])


def test_the_bundled_mnist_needs_neither_network_nor_torchvision(tmp_path: Path) -> None:
    script = """
import socket, sys
from softreg.data.load import load_dataset
socket.socket = None
splits = load_dataset("mnist")
assert (len(splits.train), len(splits.test), splits.train.classes) == (60_000, 10_000, tuple("0123456789"))
loaded = {"torchvision", "matplotlib", "filelock", "rich"} & sys.modules.keys()
assert not loaded, loaded
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
