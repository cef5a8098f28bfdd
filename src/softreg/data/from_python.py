"""Data as it lies in a notebook: arrays, tensors, lists of pictures, frames, torch Datasets, scikit-learn bunches."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from softreg.data.assemble import assemble, number
from softreg.data.dataset import Dataset, Splits
from softreg.data.forms.named_arrays import from_named_arrays
from softreg.data.forms.source import Part, ReadOptions, Source
from softreg.data.image_array import to_images, to_labels
from softreg.data.load import AS_IT_IS, SEED, load_dataset
from softreg.errors import DataError

NAME = "data"


def splits_from_python(data: Any, *, options: ReadOptions = AS_IT_IS, seed: int = SEED) -> Splits:
    """Training and test images of whatever `data` is.

    Parameters
    ----------
    data : Splits, a Dataset, a path or a name; (X, y), (X, y, X_test, y_test) or ((X, y), (X_test, y_test)) of arrays, tensors or
        lists of pictures; a dict of arrays or a scikit-learn bunch; a pandas frame with a column of labels; a torch Dataset, or a
        pair of them

    Raises
    ------
    DataError
        If it is none of these, or images or labels are not as they must be.
    """
    if isinstance(data, Splits):
        return data
    if isinstance(data, str | os.PathLike):
        return load_dataset(data, options=options, seed=seed)
    if isinstance(data, Dataset):
        part = Part(data.images, data.labels, data.name)
        return assemble(Source(part, None, data.classes), data.name, seed)
    return assemble(source_from_python(data, options), NAME, seed)


def source_from_python(data: Any, options: ReadOptions = AS_IT_IS) -> Source:
    """The parts of `data`, as `splits_from_python`, before labels are numbered."""
    if isinstance(data, Mapping):
        return from_named_arrays(
            {str(key): _array(value, key) for key, value in data.items() if _is_array(value)}, NAME, options.size
        )
    if hasattr(data, "columns") and hasattr(data, "to_numpy"):
        return Source(_frame(data, options), None)
    if isinstance(data, tuple | list) and len(data) == 2 and all(_is_pair(item) or _is_torch_dataset(item) for item in data):
        train, test = (source_from_python(item, options) for item in data)
        return Source(train.train, test.train, train.classes)
    if isinstance(data, tuple) and len(data) in (2, 4):
        return Source(_pair(data[0], data[1], options), _pair(data[2], data[3], options) if len(data) == 4 else None)
    if _is_torch_dataset(data):
        images, labels = _items(data)
        classes = tuple(str(name) for name in getattr(data, "classes", ()))
        return Source(_pair(images, labels, options), None, classes)
    if isinstance(data, Tensor | np.ndarray):
        return Source(Part(to_images(_array(data, "X"), f"{NAME}: X", options.size), None, NAME), None)
    raise DataError("dataset.python_type", found=type(data).__name__)


def labelled_from_python(data: Any, classes: tuple[str, ...], options: ReadOptions = AS_IT_IS) -> Dataset:
    """The images to evaluate a model of `classes` on: the test part or, if there is none, all."""
    source = source_from_python(data, options)
    part = source.test or source.train
    if part is None:
        raise DataError("forms.no_labels", path=NAME)
    return number(part, source.classes or classes, NAME)


def _pair(images: Any, labels: Any, options: ReadOptions) -> Part:
    return Part(to_images(_array(images, "X"), f"{NAME}: X", options.size), to_labels(_array(labels, "y"), f"{NAME}: y"), NAME)


def _frame(frame: Any, options: ReadOptions) -> Part:
    """A row for each image: the label's column is the one named so, the others are its pixels."""
    from softreg.data.forms.csv_table import LABEL_NAMES

    names = [str(name).lower() for name in frame.columns]
    wanted = (options.label.lower(),) if options.label else LABEL_NAMES
    label = next((names.index(name) for name in wanted if name in names), None)
    pixels = frame.iloc[:, [column for column in range(len(names)) if column != label]]
    images = to_images(pixels.to_numpy(), f"{NAME}: pixels", options.size)
    return Part(images, None if label is None else to_labels(frame.iloc[:, label].to_numpy(), f"{NAME}: {names[label]}"), NAME)


def _items(data: Any) -> tuple[list[Any], list[Any]]:
    """The images and labels of a torch Dataset, one by one."""
    images, labels = [], []
    for index in range(len(data)):
        item = data[index]
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise DataError("dataset.not_an_image", where=NAME, index=index, found=type(item).__name__)
        images.append(item[0])
        labels.append(int(item[1]) if isinstance(item[1], Tensor | np.generic) else item[1])
    return images, labels


def _array(value: Any, key: object) -> NDArray[Any]:
    """Any of array, tensor, frame column, or list of pictures, tensors or numbers as one array."""
    if isinstance(value, Tensor):
        array: NDArray[Any] = value.detach().cpu().numpy()
        return array
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) and not np.isscalar(value[0]):
        arrays = [_array(item, key) if isinstance(item, Tensor) else np.asarray(item) for item in value]
        for index, item in enumerate(arrays):
            if item.shape != arrays[0].shape:
                raise DataError(
                    "dataset.mixed_sizes", where=f"{NAME}: {key}", index=index, found=item.shape, expected=arrays[0].shape
                )
        return np.stack(arrays)
    return np.asarray(value)


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array__") or isinstance(value, Tensor | list | tuple)


def _is_pair(value: Any) -> bool:
    """Whether it is (X, y), not an array of two rows."""
    return isinstance(value, tuple | list) and len(value) == 2 and all(_is_array(item) for item in value) and np.ndim(value[0]) != 0


def _is_torch_dataset(value: Any) -> bool:
    return hasattr(value, "__getitem__") and hasattr(value, "__len__") and not isinstance(value, Tensor | np.ndarray | Sequence)
