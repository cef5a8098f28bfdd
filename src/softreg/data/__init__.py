"""Datasets: where images and labels come from, verified before they are believed."""

import os
from pathlib import Path

from softreg.data.bundled import read_mnist
from softreg.data.dataset import Dataset, Splits
from softreg.data.families import FAMILIES, read_family
from softreg.data.fetching import fetch, fetched_folder, verify
from softreg.data.folder import read_folder
from softreg.errors import DataError

__all__ = ["Dataset", "Splits", "load_dataset"]


def load_dataset(name_or_folder: str | os.PathLike[str]) -> Splits:
    """The training and test images of a dataset known by name, or of one in a folder of four IDX files.

    MNIST comes with the package. The others are fetched into the user's cache when first asked for, saying so on stderr.

    Parameters
    ----------
    name_or_folder : "mnist", another name that `softreg data` lists, a folder of IDX files, or a torchvision root

    Raises
    ------
    DataError
        Naming the file that is missing or bad, and why; or saying that a dataset could not be fetched.
    """
    name = os.fspath(name_or_folder)
    if name == "mnist":
        return read_mnist()
    if name in FAMILIES:
        folder = fetched_folder(name) or fetch(name)
        verify(name, folder)
        return read_family(name, folder)
    if name and Path(name).is_dir():
        return read_folder(Path(name), name)
    raise DataError("data.unknown", name=name)
