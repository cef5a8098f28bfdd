"""From what a reader returned to datasets: classes are numbered, and a test part is held out where there is none."""

import warnings

import torch
from torch import Generator, Tensor

from softreg.data.dataset import Dataset, Origin, Splits, check_class_names, checked_labels
from softreg.data.forms.source import Part, Source
from softreg.data.notices import tell_oddities
from softreg.errors import DataError, SoftregWarning
from softreg.messages import translate

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
    source = source.split()
    if source.train is None:
        raise DataError("forms.no_train", path=name)
    classes = classes or class_names(source)
    train = number(source.train, classes, name)
    if source.test is not None and source.test.labels is not None:
        _check_shape(source.test, source.train)
        return _told(Splits(train, number(source.test, classes, name)))
    if len(train) < 2:
        raise DataError("forms.too_few", path=name, n=len(train))
    splits = hold_out_test(train, seed)
    key = "forms.held_out" if train.groups is None else "forms.held_out_groups"
    warnings.warn(translate(key, path=name, count=len(splits.test), n=len(train), seed=seed), SoftregWarning, stacklevel=3)
    return _told(splits)


def _check_shape(test: Part, train: Part) -> None:
    """Raise a DataError if test images, or embeddings, are not of the shape of the training images."""
    if test.images.shape[1:] != train.images.shape[1:]:
        key = "embeddings.other_dim" if test.images.ndim == train.images.ndim == 2 else "dataset.other_shape"
        found, expected = (" x ".join(map(str, part.images.shape[1:])) for part in (test, train))
        raise DataError(key, where=test.where, found=found, expected=expected)


def _told(splits: Splits) -> Splits:
    """The splits, with warnings about what is odd."""
    tell_oddities(splits)
    return splits


def hold_out_test(whole: Dataset, seed: int) -> Splits:
    """A fifth of the images held out for testing: drawn by class or, of images in groups, by group."""
    order = holding_order(whole, seed)
    count = held_out_count(whole, order, max(1, round(TEST_SHARE * len(whole))))
    if count == len(whole):
        key = "forms.too_few" if whole.groups is None or whole.groups.any() else "forms.one_group"
        raise DataError(key, path=whole.name, n=len(whole))
    rest, test = order[:-count].sort().values, order[-count:].sort().values
    return Splits(whole[rest], whole[test])


def number(part: Part, classes: tuple[str, ...], name: str) -> Dataset:
    """The dataset of one part, with its origin and groups.

    Labels are numbered by `classes`: by name or, where no label is one of the names, by position.
    """
    if part.labels is None:
        raise DataError("forms.no_labels", path=part.where)
    if isinstance(part.labels, Tensor):
        numbers = torch.unique(part.labels)
        names = {str(int(label)): int(label) for label in numbers}
        if not set(names) & set(classes):  # the names are not the numbers: they say which is which by their order
            checked_labels(part.labels, len(part.images), classes, part.where)
            return _dataset(part, part.labels, classes, name)
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
    return _dataset(part, labels, classes, name)


def _dataset(part: Part, labels: Tensor, classes: tuple[str, ...], name: str) -> Dataset:
    names = {group: index for index, group in enumerate(dict.fromkeys(part.groups or ()))}
    groups = torch.tensor([names[group] for group in part.groups]) if part.groups is not None else None
    return Dataset(part.images, labels, classes, name, Origin(str(part.where), part.ids, part.lines), groups)


def holding_order(data: Dataset, seed: int) -> Tensor:
    """A random order of the images, int64 (N,), whose last may be held out: classes evenly mixed, or by group."""
    if data.groups is None:
        return stratified_order(data.labels, seed)
    place = torch.randperm(int(data.groups.max()) + 1, generator=Generator().manual_seed(seed))
    return place[data.groups].argsort(stable=True)


def held_out_count(data: Dataset, order: Tensor, count: int) -> int:
    """How many of the last images to hold out so that at least `count` are, and no group is divided."""
    if data.groups is None or count == 0:
        return count
    groups = data.groups[order]
    first = int((groups == groups[-count]).nonzero()[0])
    return len(order) - first


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
