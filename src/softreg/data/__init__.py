"""Datasets: where images and labels come from, verified before they are believed."""

import os
from pathlib import Path

from softreg.data.bundled import read_mnist
from softreg.data.dataset import Dataset, Splits
from softreg.data.folder import read_folder
from softreg.errors import DataError

__all__ = ["Dataset", "Splits", "load_dataset"]


def load_dataset(name_or_folder: str | os.PathLike[str]) -> Splits:
    """The training and test images of a dataset known by name, or of one in a folder of four IDX files.

    Parameters
    ----------
    name_or_folder : "mnist", another name that `softreg data` lists, a folder of IDX files, or a torchvision root

    Raises
    ------
    DataError
        Naming the file that is missing or bad, and why.
    """
    name = os.fspath(name_or_folder)
    if name == "mnist":
        return read_mnist()
    if Path(name).is_dir():
        return read_folder(Path(name), name)
    raise DataError("data.unknown", name=name)
