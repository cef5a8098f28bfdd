"""From what a reader returned to datasets: classes are numbered, and a test part is held out where there is none."""

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from softreg.data.dataset import Dataset, Splits, check_class_names, checked_labels
from softreg.data.forms.source import Part, Source
from softreg.data.memory_map import is_mapped
from softreg.errors import DataError, SoftregWarning
from softreg.messages import translate

MAX_COMPARED = 2**30  # bytes of images in which duplicates are looked for
TEST_SHARE = 0.2  # of the images, where the dataset has no test images of its own


def assemble(source: Source, name: str, seed: int, classes: tuple[str, ...] = ()) -> Splits:
    """Training and test images of a dataset. Without a test part, a fifth of the images is held out, drawn by class with `seed`.

    Parameters
    ----------
    classes : the names to number the labels by; () takes the source's own, or the labels of the training part in order

    Raises
    ------
    DataError
        If there is nothing to train on, or a label is missing or unknown.
    """
    if source.train is None:
        raise DataError("forms.no_train", path=name)
    classes = classes or class_names(source)
    train = number(source.train, classes, name)
    if source.test is not None and source.test.labels is not None:
        if source.test.images.shape[1:] != source.train.images.shape[1:]:
            found, expected = (" x ".join(map(str, part.images.shape[1:])) for part in (source.test, source.train))
            raise DataError("dataset.other_shape", where=source.test.where, found=found, expected=expected)
        return _checked(Splits(train, number(source.test, classes, name)))
    order = stratified_order(train.labels, seed)
    count = max(1, round(TEST_SHARE * len(train)))
    if len(train) - count < 1:
        raise DataError("forms.too_few", path=name, n=len(train))
    warnings.warn(translate("forms.held_out", path=name, count=count, n=len(train), seed=seed), SoftregWarning, stacklevel=3)
    rest, test = order[:-count].sort().values, order[-count:].sort().values
    return _checked(Splits(train[rest], train[test]))


def number(part: Part, classes: tuple[str, ...], name: str) -> Dataset:
    """The dataset of one part, its labels numbered by `classes`: by name or, where no label is one of the names, by position."""
    if part.labels is None:
        raise DataError("forms.no_labels", path=part.where)
    if isinstance(part.labels, Tensor):
        numbers = torch.unique(part.labels)
        names = {str(int(label)): int(label) for label in numbers}
        if not set(names) & set(classes):  # the names are not the numbers: they say which is which by their order
            checked_labels(part.labels, len(part.images), classes, part.where)
            return Dataset(part.images, part.labels, classes, name)
        lookup = {int(label): classes.index(text) if text in classes else -1 for text, label in names.items()}
        positions = torch.tensor([lookup[int(label)] for label in numbers])
        labels = positions[torch.searchsorted(numbers, part.labels)]
    else:
        index = {text: position for position, text in enumerate(classes)}
        labels = torch.tensor([index.get(text, -1) for text in part.labels])
    unknown = (labels < 0).nonzero()
    if len(unknown):
        first = int(unknown[0])
        label = part.labels[first] if isinstance(part.labels, list) else int(part.labels[first])
        raise DataError("forms.unknown_label", path=part.where, label=label, index=first, classes=" ".join(classes[:20]))
    return Dataset(part.images, labels, classes, name)


def _checked(splits: Splits) -> Splits:
    """The splits, with a warning about test images that are training images too, and about labels that occur once."""
    train, test = splits.train, splits.test
    alone = (train.labels.bincount(minlength=len(train.classes)) == 1).nonzero()[:, 0].tolist()
    if alone and len(train) > 10 * len(train.classes):
        _warn("dataset.lonely", where=train.name, labels=", ".join(train.classes[label] for label in alone[:5]))
    if train.images.numel() + test.images.numel() <= MAX_COMPARED and not is_mapped(train.images):
        seen = set(map(_fingerprint, train.images.numpy()))
        count = sum(_fingerprint(image) in seen for image in test.images.numpy())
        if count:
            _warn("dataset.duplicates", where=test.name, count=count, n=len(test))
    return splits


def _fingerprint(image: NDArray[np.uint8]) -> int:
    return hash(image.tobytes())


def _warn(key: str, **params: object) -> None:
    warnings.warn(translate(key, **params), SoftregWarning, stacklevel=4)


def stratified_order(labels: Tensor, seed: int) -> Tensor:
    """A random order of labels (N,) in which every run of consecutive images has about the classes' shares: int64 (N,)."""
    generator = Generator().manual_seed(seed)
    shuffled = torch.randperm(len(labels), generator=generator)
    by_class = shuffled[labels[shuffled].argsort(stable=True)]  # (N,)
    counts = labels.bincount()
    starts = counts.cumsum(0) - counts
    sorted_labels = labels[by_class]
    rank = torch.arange(len(labels)) - starts[sorted_labels]
    place = (rank + torch.rand(len(labels), generator=generator, dtype=torch.float64)) / counts[sorted_labels]
    return by_class[place.argsort(stable=True)]


def class_names(source: Source) -> tuple[str, ...]:
    """The source's names or, if it has none, the distinct labels of the training part, in order."""
    assert source.train is not None
    if source.classes:
        check_class_names(source.classes, source.train.where)
        return source.classes
    labels = source.train.labels
    if labels is None:
        raise DataError("forms.no_labels", path=source.train.where)
    names = [str(int(label)) for label in torch.unique(labels)] if isinstance(labels, Tensor) else sorted(set(labels), key=_natural)
    if not names:
        raise DataError("data.no_images", path=source.train.where)
    if len(names) < 2:
        raise DataError("forms.one_class", path=source.train.where, label=names[0])
    check_class_names(tuple(names), source.train.where)
    return tuple(names)


def _natural(name: str) -> tuple[int, int, str]:
    """Numbers before words, by their value."""
    return (0, int(name), name) if name.isdecimal() and len(name) < 19 else (1, 0, name)
