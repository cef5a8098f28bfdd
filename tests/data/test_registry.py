"""The datasets known by name: their classes and files are torchvision's."""

from pathlib import Path

import pytest
from torchvision import datasets

from softreg.data.fetching import sources
from softreg.data.registry import DATASETS, PUBLISHED


def test_mnist_comes_first() -> None:
    assert ("mnist", *PUBLISHED) == DATASETS


@pytest.mark.parametrize("name", PUBLISHED)
def test_classes_are_torchvisions(name: str) -> None:
    published = PUBLISHED[name]
    known = datasets.EMNIST.classes_split_dict.get(published.split) or getattr(
        getattr(datasets, published.folder), "classes", "0123456789"
    )
    theirs = [name.partition(" - ")[0] for name in known if name != "N/A"]  # "0 - zero"; no letter is number 0
    assert list(published.classes) == theirs


@pytest.mark.parametrize("name", PUBLISHED)
def test_files_are_torchvisions(name: str) -> None:
    published = PUBLISHED[name]
    if not published.split:
        assert tuple(source.file for source in sources(published)) == published.files
        return
    theirs = datasets.EMNIST.__new__(datasets.EMNIST)
    theirs.root, theirs.split, paths = "", published.split, []
    for theirs.train in (True, False):
        paths += [theirs.images_file, theirs.labels_file]
    assert tuple(f"{Path(path).name}.gz" for path in paths) == published.files
