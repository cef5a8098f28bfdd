"""What datasets there are, and which of them are here."""

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
    train, test, classes : how many images and classes there are
    bytes : what its files take on the disk or, not fetched, about what would be fetched
    """

    name: str
    state: State
    train: int
    test: int
    classes: int
    bytes: int


def catalogue() -> tuple[DatasetInfo, ...]:
    """Every dataset known by name, in the order of `softreg.recipe.DATASETS`."""
    return tuple(_entry(name) for name in DATASETS)


def _entry(name: str) -> DatasetInfo:
    if name == "mnist":
        size = sum(path.stat().st_size for path in bundled.FOLDER.glob("*.gz"))
        return DatasetInfo(name, "bundled", 60_000, 10_000, len(bundled.CLASSES), size)
    family, folder = PUBLISHED[name], fetched_folder(name)
    if folder is None:
        return DatasetInfo(name, "not_fetched", family.train, family.test, len(family.classes), family.megabytes * 10**6)
    size = sum((folder / file).stat().st_size for file in family.files if (folder / file).is_file())
    return DatasetInfo(name, "fetched", family.train, family.test, len(family.classes), size)
