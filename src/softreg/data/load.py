"""load_dataset(): a dataset by its name, or from files in any form that softreg reads."""

import os
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from softreg.compute.defaults import default_torch
from softreg.data.assemble import assemble, held_out_count, holding_order, number
from softreg.data.bundled import read_mnist
from softreg.data.dataset import Dataset, Splits
from softreg.data.fetching import fetch, fetched_folder, verify
from softreg.data.forms.registry import find_form
from softreg.data.forms.source import Part, ReadOptions, Source, check_no_label
from softreg.data.published import read_published
from softreg.data.registry import DATASETS, PUBLISHED
from softreg.errors import DataError, RecipeError, SoftregWarning
from softreg.messages import translate

SEED = 777
AS_IT_IS = ReadOptions()


@default_torch()
def load_dataset(name_or_path: str | os.PathLike[str], *, options: ReadOptions = AS_IT_IS, seed: int = SEED) -> Splits:
    """The training and test images of a dataset known by name, or in files: IDX, CSV, NPZ, class folders, ...

    MNIST comes with the package. The others are downloaded into the user's cache on first use, with a note on stderr. If files
    contain no test images, a fifth of the images is held out, drawn by class with `seed`, and a warning says so.

    Parameters
    ----------
    name_or_path : "mnist", another name that `softreg data` lists, or a file or folder in one of the forms of `softreg.data.forms`

    Raises
    ------
    DataError
        If a file is missing or invalid, or the dataset cannot be fetched.
    """
    name = os.fspath(name_or_path)
    if name in DATASETS and Path(name).is_dir():
        warnings.warn(translate("dataset.folder_named_alike", name=name), SoftregWarning, stacklevel=2)
    if name in DATASETS:
        check_no_label(name, options)
    if name == "mnist":
        return read_mnist()
    if name in PUBLISHED:
        folder = fetched_folder(name) or fetch(name)
        verify(name, folder)
        return read_published(name, folder)
    path = existing_path(name)
    form, inside = find_form(path)
    source = form.read(inside, options)
    check_columns(source, options, name)
    return assemble(source, name, seed)


def check_columns(source: Source, options: ReadOptions, name: str) -> None:
    """Raise a DataError if columns are asked for, and the form has none."""
    part = source.train or source.test
    for column, found in ((options.split, part and part.splits), (options.group, part and part.groups)):
        if column and found is None:
            raise DataError("forms.no_column", path=name, column=column, columns="-")


def load_splits(
    name_or_path: str | os.PathLike[str],
    held_out: int = 0,
    *,
    options: ReadOptions = AS_IT_IS,
    seed: int = SEED,
    stratify: bool = False,
) -> Splits:
    """Training and test images; with `held_out`, the last training images take the place of the test images.

    Datasets known by name keep their published order. Others are brought into a random order with the classes evenly mixed if
    anything is held out: here, or later (`stratify`) by whoever takes the last training images.

    Raises
    ------
    DataError
        As `load_dataset`.
    RecipeError
        If more images are to be held out than there are.
    """
    splits = load_dataset(name_or_path, options=options, seed=seed)
    return hold_out(splits, held_out, seed=seed, stratify=stratify and os.fspath(name_or_path) not in DATASETS)


def hold_out(splits: Splits, count: int, *, seed: int, stratify: bool) -> Splits:
    """The splits, with the last `count` training images as test images if there are any; see `load_splits`."""
    if count >= len(splits.train):
        raise RecipeError("recipe.validation_too_large", count=count, n=len(splits.train))
    train = splits.train
    if stratify:
        train = train[holding_order(train, seed)]
        count = held_out_count(train, torch.arange(len(train)), count)
    held = Splits(train, splits.test)
    return held.hold_out(count) if count else held


@default_torch()
def load_labelled(name_or_path: str | os.PathLike[str], classes: tuple[str, ...], *, options: ReadOptions = AS_IT_IS) -> Dataset:
    """The images to evaluate a model of `classes` on: the test images or, of files without a test part, all.

    Raises
    ------
    DataError
        As `load_dataset`, or if labels are missing or none of the classes.
    """
    name = os.fspath(name_or_path)
    if name in DATASETS:
        return load_dataset(name).test
    path = existing_path(name)
    form, inside = find_form(path)
    source = form.read(inside, replace(options, strict=False)).split()
    part = source.test if source.test is not None and source.test.labels is not None else source.train
    if part is None:
        raise DataError("forms.no_labels", path=name)
    return number(part, source.classes or classes, name)


def stream_images(name_or_path: str | os.PathLike[str], *, options: ReadOptions = AS_IT_IS) -> Iterator[Part]:
    """The images to answer for, labelled or not, some at a time: the test images or, of files without a test part, all."""
    name = os.fspath(name_or_path)
    if name in DATASETS:
        test = load_dataset(name).test
        yield Part(test.images, test.labels, name)
    else:
        path = existing_path(name)
        form, inside = find_form(path)
        yield from form.stream(inside, options)


def existing_path(name: str) -> Path:
    """The file or folder; `~` is the user's home."""
    path = Path(name).expanduser() if name else Path("-")
    try:
        if name and path.exists():
            return path
    except (OSError, ValueError) as error:
        raise DataError("data.unknown", name=name) from error
    raise DataError("data.unknown", name=name)
