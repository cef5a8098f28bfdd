"""Data as it lies in a notebook: arrays, tensors, lists of pictures, frames, torch Datasets, scikit-learn bunches."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softreg.data.assemble import assemble, number
from softreg.data.dataset import Dataset, Splits
from softreg.data.embeddings import are_embeddings, to_embeddings
from softreg.data.forms.named_arrays import IMAGE_NAMES, from_named_arrays, images_first, role_of, with_columns
from softreg.data.forms.pictures import Encoded, commonest_size, decode_all
from softreg.data.forms.source import TEST_NAMES, TRAIN_NAMES, Part, ReadOptions, Source, check_no_label
from softreg.data.image_array import to_images, to_labels
from softreg.data.load import AS_IT_IS, SEED, check_columns, load_dataset
from softreg.errors import DataError

NAME = "data"


def splits_from_python(data: Any, *, options: ReadOptions = AS_IT_IS, seed: int = SEED) -> Splits:
    """Training and test images of whatever `data` is.

    Parameters
    ----------
    data : Splits, a Dataset, a path or a name; (X, y), (X, y, X_test, y_test), (X, X_test, y, y_test) or
        ((X, y), (X_test, y_test)) of arrays, tensors or lists of pictures; a dict of arrays or of such parts ("train", "test"), or
        a scikit-learn bunch; a pandas frame with a column of labels, and pixels or pictures; a list of (image, label) or of dicts;
        a torch Dataset or DataLoader, a dataset of the hub, or a pair of them

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
    source = source_from_python(data, options)
    check_columns(source, options, NAME)
    return assemble(source, NAME, seed)


def source_from_python(data: Any, options: ReadOptions = AS_IT_IS) -> Source:
    """The parts of `data`, as `splits_from_python`, before labels are numbered."""
    if isinstance(data, Mapping):
        return _mapping(data, options)
    if _is_rows(data):
        return Source(_pair(*_items(data), options), None)
    if isinstance(data, tuple | list) and len(data) == 2 and all(map(_is_part, data)):
        first, second = (source_from_python(item, options) for item in data)
        return Source(first.train, second.train, first.classes)
    if isinstance(data, tuple | list) and len(data) == 4 and all(map(_is_array, data)):
        x, y, x_test, y_test = _in_pairs(data)
        return Source(_pair(x, y, options), _pair(x_test, y_test, options))
    return _single(data, options)


def _single(data: Any, options: ReadOptions) -> Source:
    """Images with labels, or without, as the training part."""
    if _is_frame(data):
        return Source(_frame(data, options), None)
    check_no_label(NAME, options)
    if _is_pair(data):
        return Source(_pair(data[0], data[1], options), None)
    if _is_loader(data):
        return _single(data.dataset, options)
    if _is_torch_dataset(data):
        images, labels = _items(data)
        return Source(_pair(images, labels, options), None, _class_names(data))
    if isinstance(data, Tensor | np.ndarray):
        return Source(_pair(data, None, options), None)
    raise DataError("dataset.python_type", found=type(data).__name__)


def labelled_from_python(data: Any, classes: tuple[str, ...], options: ReadOptions = AS_IT_IS) -> Dataset:
    """The images to evaluate a model of `classes` on: the test part or, if there is none, all."""
    source = source_from_python(data, replace(options, strict=False))
    part = source.test or source.train
    assert part is not None  # what holds neither has been refused
    return number(part, source.classes or classes, NAME)


def _mapping(data: Mapping[Any, Any], options: ReadOptions) -> Source:
    """A dict of arrays, or of parts: {"train": (X, y), "test": ...}, as the hub's `DatasetDict`."""
    parts = {str(key).lower(): value for key, value in data.items() if not _is_array(value) or _is_pair(value) or _is_rows(value)}
    train, test = (next((parts[name] for name in names if name in parts), None) for names in (TRAIN_NAMES, TEST_NAMES))
    if train is None:
        arrays = {str(key): _array(value, key) for key, value in data.items() if _is_array(value)}
        return with_columns(from_named_arrays(arrays, NAME, options), arrays, options, NAME)
    source = source_from_python(train, options)
    return Source(source.train, source_from_python(test, options).train if test is not None else None, source.classes)


def _in_pairs(data: Sequence[Any]) -> Sequence[Any]:
    """X, y, X_test, y_test, also where they come as from `train_test_split`: X, X_test, y, y_test."""
    n = [len(item) for item in data]
    split = n[0] == n[2] and n[1] == n[3] and (n[0] != n[1] or np.ndim(data[1]) > 2)
    return (data[0], data[2], data[1], data[3]) if split else data


def _pair(images: Any, labels: Any, options: ReadOptions) -> Part:
    y = None if labels is None else to_labels(_array(labels, "y"), f"{NAME}: y")
    x = images if isinstance(images, Tensor) else _array(images, "X")
    if are_embeddings(x, "", f"{NAME}: X", wanted=options.embeddings, size=options.size):
        return Part(to_embeddings(x, f"{NAME}: X"), y, NAME)
    x = _array(images, "X") if y is None else images_first(_array(images, "X"), len(y), f"{NAME}: X")
    return Part(to_images(x, f"{NAME}: X", options.size), y, NAME)


def _frame(frame: Any, options: ReadOptions) -> Part:
    """A row for each image: the label's column is the one named so, the others are its pixels, or one of them holds its picture."""
    from softreg.data.forms.csv_layout import LABEL_NAMES

    names = [str(name).lower() for name in frame.columns]
    wanted = (options.label.lower(),) if options.label else LABEL_NAMES
    label = next((names.index(name) for name in wanted if name in names), None)
    labels = None if label is None else to_labels(frame.iloc[:, label].to_numpy(), f"{NAME}: {names[label]}")
    asked = [name.lower() for name in (options.split, options.group) if name]
    pictures = [name for name in IMAGE_NAMES if name in names and frame.iloc[:, names.index(name)].dtype == np.dtype(object)]
    if pictures:
        pixels = _pictures(list(frame.iloc[:, names.index(pictures[0])]), pictures[0], options)
    else:
        numbers = [getattr(dtype, "kind", "O") in "buif" for dtype in frame.dtypes]
        columns = [column for column, name in enumerate(names) if column != label and name not in asked and numbers[column]]
        pixels = frame.iloc[:, columns].to_numpy()
    part = Part(to_images(pixels, f"{NAME}: {pictures[0] if pictures else 'pixels'}", options.size), labels, NAME)
    columns_asked_for = {name: frame.iloc[:, names.index(name)] for name in asked if name in names}
    found = with_columns(Source(part, None), columns_asked_for, options, NAME).train
    return found or part


def _pictures(cells: list[Any], name: str, options: ReadOptions) -> NDArray[Any]:
    """The pictures in a column, of arrays or, as `pandas.read_parquet` gives those of the hub, of files' bytes."""
    where = f"{NAME}: {name}"
    files = [cell.get("bytes") if isinstance(cell, Mapping) else cell for cell in cells]
    encoded = [Encoded(file, f"{where} {index}") for index, file in enumerate(files) if isinstance(file, bytes)]
    if not encoded or len(encoded) < len(cells):
        return _array(cells, "X")
    images, _ = decode_all(encoded, options.size or commonest_size(encoded, where), replace(options, skip_bad=False), where)
    return images


def _items(data: Any) -> tuple[list[Any], list[Any]]:
    """The images and labels of a torch Dataset, or of one of the hub, one by one."""
    images, labels = [], []
    for index in range(len(data)):
        item = data[index]
        if isinstance(item, Mapping):
            keys = {kind: key for key in item for kind, _ in [role_of(str(key)) or ("", "")]}
            item = tuple(item[keys[kind]] for kind in ("images", "labels") if kind in keys)
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise DataError("dataset.not_an_image", where=NAME, index=index, found=type(data[index]).__name__)
        images.append(item[0])
        labels.append(int(item[1]) if isinstance(item[1], Tensor | np.generic) else item[1])
    return images, labels


def _class_names(data: Any) -> tuple[str, ...]:
    """The names of its classes that a torch Dataset knows, or the hub's `ClassLabel`; () if it knows none."""
    names = getattr(data, "classes", None)
    features = getattr(data, "features", None)
    if names is None and isinstance(features, Mapping):
        label = next((features[key] for key in features if (role_of(str(key)) or ("",))[0] == "labels"), None)
        names = getattr(label, "names", None)
    return tuple(str(name) for name in names or ())


def _array(value: Any, key: object) -> NDArray[Any]:
    """Any of array, tensor, frame column, or list of pictures, tensors or numbers as one array."""
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        array: NDArray[Any] = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
        return array
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1 and len(value) and np.ndim(value[0]):
        value = list(value)
    if isinstance(value, Sequence) and not isinstance(value, str) and value and not np.isscalar(value[0]):
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


def _is_part(value: Any) -> bool:
    """Whether it is images with their labels, and not only one of both."""
    table = _is_frame(value) and len(value.columns) > 1
    return (
        table or isinstance(value, Mapping) or _is_rows(value) or _is_pair(value) or _is_loader(value) or _is_torch_dataset(value)
    )


def _is_pair(value: Any) -> bool:
    """Whether it is (X, y), not an array of two rows or a list of two pictures."""
    if not isinstance(value, tuple | list) or len(value) != 2 or np.isscalar(value[0]) or not _is_array(value[0]):
        return False
    return value[1] is None or (_is_array(value[1]) and (isinstance(value, tuple) or np.ndim(value[1]) == 1))


def _is_rows(value: Any) -> bool:
    """Whether it is a list of images with their labels: pairs, or dicts."""
    return isinstance(value, tuple | list) and len(value) > 0 and all(map(_is_row, value))


def _is_row(value: Any) -> bool:
    if isinstance(value, Mapping):
        by_role = {role[0]: value[key] for key in value if (role := role_of(str(key)))}
        value = (by_role.get("images"), by_role.get("labels"))
    return isinstance(value, tuple | list) and len(value) == 2 and _is_image(value[0]) and _is_label(value[1])


def _is_image(value: Any) -> bool:
    """Whether it is an array, a tensor or one of Pillow's pictures."""
    return hasattr(value, "__array__") or hasattr(value, "__array_interface__")


def _is_label(value: Any) -> bool:
    return np.isscalar(value) or (isinstance(value, Tensor | np.ndarray) and value.ndim == 0)


def _is_frame(value: Any) -> bool:
    return hasattr(value, "columns") and hasattr(value, "to_numpy")


def _is_loader(value: Any) -> bool:
    """Whether it is a DataLoader: its Dataset has what it would give."""
    return hasattr(value, "dataset") and hasattr(value, "batch_size")


def _is_torch_dataset(value: Any) -> bool:
    return (
        hasattr(value, "__getitem__")
        and hasattr(value, "__len__")
        and not _is_array(value)
        and not isinstance(value, Mapping | str)
    )
