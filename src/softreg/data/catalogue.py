"""The datasets known by name, and whether they are on this machine."""

from dataclasses import dataclass
from typing import Literal

from softreg.data import bundled
from softreg.data.fetching import fetched_folder
from softreg.data.registry import DATASETS, PUBLISHED

State = Literal["bundled", "fetched", "not_fetched"]


@dataclass(frozen=True)
class DatasetInfo:
    """A dataset known by name.

    Attributes
    ----------
    state : bundled with softreg, fetched into the cache, or not fetched
    train, test, classes : numbers of images and classes
    bytes : size on disk or, if not fetched, the approximate download size
    """

    name: str
    state: State
    train: int
    test: int
    classes: int
    bytes: int


def catalogue() -> tuple[DatasetInfo, ...]:
    """Every dataset known by name, in the order of `DATASETS`."""
    return tuple(_entry(name) for name in DATASETS)


def _entry(name: str) -> DatasetInfo:
    if name == "mnist":
        size = sum(path.stat().st_size for path in bundled.FOLDER.glob("*.gz"))
        return DatasetInfo(name, "bundled", 60_000, 10_000, len(bundled.CLASSES), size)
    published, folder = PUBLISHED[name], fetched_folder(name)
    if folder is None:
        return DatasetInfo(
            name, "not_fetched", published.train, published.test, len(published.classes), published.megabytes * 10**6
        )
    size = sum((folder / file).stat().st_size for file in published.files if (folder / file).is_file())
    return DatasetInfo(name, "fetched", published.train, published.test, len(published.classes), size)
