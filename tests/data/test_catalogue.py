"""What datasets there are: MNIST as its files say, the others fetched or not."""

from pathlib import Path

import pytest

from softreg.data import bundled
from softreg.data.catalogue import catalogue
from softreg.data.dataset import Splits
from softreg.data.fetching import fetch
from softreg.data.registry import DATASETS, PUBLISHED
from tests.helpers.http_mirror import md5, mirror, tiny_files


def test_mnist_is_bundled_and_has_the_numbers_of_its_files(mnist: Splits) -> None:
    entry = catalogue()[0]
    assert (entry.name, entry.state) == ("mnist", "bundled")
    assert (entry.train, entry.test, entry.classes) == (len(mnist.train), len(mnist.test), len(mnist.train.classes))
    assert entry.bytes == sum(len(path.read_bytes()) for path in bundled.FOLDER.glob("*.gz"))


def test_every_dataset_is_listed_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOFTREG_CACHE_DIR", str(tmp_path))
    entries = catalogue()
    assert tuple(entry.name for entry in entries) == DATASETS
    for entry in entries[1:]:
        published = PUBLISHED[entry.name]
        assert (entry.state, entry.classes) == ("not_fetched", len(published.classes))
        assert entry.bytes == published.megabytes * 10**6


def test_a_dataset_that_was_fetched_is_counted_in_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from torchvision.datasets import FashionMNIST

    files = tiny_files(1)
    monkeypatch.setenv("SOFTREG_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(FashionMNIST, "resources", [(name, md5(content)) for name, content in files.items()])
    with mirror() as served:
        served.files = {f"/{name}": content for name, content in files.items()}
        monkeypatch.setenv("SOFTREG_MIRROR", served.address)
        fetch("fashion-mnist")
    states = {entry.name: (entry.state, entry.bytes) for entry in catalogue()}
    assert states["fashion-mnist"] == ("fetched", sum(map(len, files.values())))
    assert states["kmnist"][0] == "not_fetched"
