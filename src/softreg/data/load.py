"""load_dataset(): a dataset by its name, or from a folder."""

import os
from pathlib import Path

from softreg.data.bundled import read_mnist
from softreg.data.dataset import Splits
from softreg.data.fetching import fetch, fetched_folder, verify
from softreg.data.folder import read_folder
from softreg.data.published import read_published
from softreg.data.registry import PUBLISHED
from softreg.errors import DataError, RecipeError


def load_dataset(name_or_folder: str | os.PathLike[str]) -> Splits:
    """The training and test images of a dataset known by name, or of one in a folder of four IDX files.

    MNIST comes with the package. The others are fetched into the user's cache on first use, with a note on stderr.

    Parameters
    ----------
    name_or_folder : "mnist", another name that `softreg data` lists, a folder of IDX files, or a torchvision root

    Raises
    ------
    DataError
        If a file is missing or invalid, or the dataset cannot be fetched.
    """
    name = os.fspath(name_or_folder)
    if name == "mnist":
        return read_mnist()
    if name in PUBLISHED:
        folder = fetched_folder(name) or fetch(name)
        verify(name, folder)
        return read_published(name, folder)
    if name and Path(name).is_dir():
        return read_folder(Path(name), name)
    raise DataError("data.unknown", name=name)


def load_splits(name_or_folder: str | os.PathLike[str], held_out: int = 0) -> Splits:
    """Training and test images; with `held_out`, the last training images take the place of the test images.

    Raises
    ------
    DataError
        As `load_dataset`.
    RecipeError
        If more images are to be held out than there are.
    """
    splits = load_dataset(name_or_folder)
    if held_out >= len(splits.train):
        raise RecipeError("recipe.validation_too_large", count=held_out, n=len(splits.train))
    return splits.hold_out(held_out) if held_out else splits
