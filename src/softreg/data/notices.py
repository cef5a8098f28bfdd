"""What is odd about a dataset, said once, in a line each: labels, images of training and testing that are alike or unlike."""

import warnings
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softreg.data.dataset import Dataset, Splits
from softreg.data.memory_map import release_pages, rows_per_release
from softreg.errors import SoftregWarning
from softreg.messages import translate

MAX_COMPARED = 2**30  # bytes of images that are looked at
DARK, LIGHT = 64, 191  # the border of an image is ink-free if nine tenths of its pixels are darker, or lighter
MOST = 0.9  # of the images have such a border where one of the other kind is odd
SIDEWAYS = 0.7  # of the images are wider than tall: of MNIST's 0.11 are, and 0.80 if transposed
SAMPLED = 2000  # images whose ink is measured
SHOWN = 5  # classes that a message names


def tell_oddities(splits: Splits) -> None:
    """Warn of everything here that a dataset has."""
    _tell_labels(splits.train)
    if splits.train.images.numel() + splits.test.images.numel() > MAX_COMPARED:
        return
    _tell_duplicates(splits)
    if splits.train.images.ndim == 3:
        _tell_polarity(splits)
        _tell_sideways(splits.train)


def _tell_labels(train: Dataset) -> None:
    """Labels that occur once or never, that begin at 1, or of which one is apart: 255 or -1 among 0 to 9."""
    counts = train.labels.bincount(minlength=len(train.classes))
    alone, empty = ([train.classes[label] for label in (counts == n).nonzero()[:, 0].tolist()] for n in (1, 0))
    if empty:
        _warn("dataset.empty_classes", where=train.name, classes=", ".join(empty[:SHOWN]) + ", ..." * (len(empty) > SHOWN))
    few = alone if len(train) > 10 * len(train.classes) else []
    if few:
        _warn("dataset.lonely", where=train.name, labels=", ".join(few[:SHOWN]))
    odd = odd_label(train.classes)
    if odd is not None and odd not in few:
        _warn("dataset.odd_label", where=train.name, label=odd, count=int(counts[train.classes.index(odd)]))
    if train.classes == tuple(str(number) for number in range(1, len(train.classes) + 1)):
        _warn("dataset.from_one", where=train.name, most=len(train.classes))


def odd_label(classes: tuple[str, ...]) -> str | None:
    """The one of the numbers that is apart from a row of others, as 255 from 0 to 9; None if there is none."""
    try:
        numbers = sorted(map(int, classes))
    except ValueError:
        return None
    for odd, others in ((numbers[-1], numbers[:-1]), (numbers[0], numbers[1:])):
        in_a_row = len(others) > 1 and others[-1] - others[0] == len(others) - 1
        if in_a_row and others[0] >= 0 and (odd < 0 or odd > others[-1] + 1):
            return str(odd)
    return None


def _tell_duplicates(splits: Splits) -> None:
    """Test images that are training images, too."""
    train, test = (_fingerprints(part.images) for part in (splits.train, splits.test))
    count = int(np.isin(test, train).sum())
    if count:
        _warn("dataset.duplicates", where=splits.test.name, count=count, n=len(test))


def _fingerprints(images: Tensor) -> NDArray[np.int64]:
    """A hash of each image: int64 (N,)."""
    return np.fromiter((hash(image.tobytes()) for piece in _pieces(images) for image in piece.numpy()), np.int64, len(images))


def _pieces(images: Tensor) -> Iterator[Tensor]:
    """The images some at a time; the pages of mapped ones are released."""
    for piece in images.split(rows_per_release(images)):
        yield piece
        release_pages(piece)


def _tell_polarity(splits: Splits) -> None:
    """Ink that is dark on white where that of most training images is light on black, or the other way round."""
    borders = {"train": _borders(splits.train.images), "test": _borders(splits.test.images)}
    usual = [float(kind.double().mean()) for kind in borders["train"]]
    for kind, key in ((0, "dataset.dark_on_light"), (1, "dataset.light_on_dark")):
        if usual[kind] < MOST:
            continue
        for part, found in borders.items():
            if odd := int(found[1 - kind].sum()):
                images = translate(f"dataset.of_{part}", count=odd, n=len(found[0]))
                _warn(key, where=splits.train.name, images=images)


def _borders(images: Tensor) -> tuple[Tensor, Tensor]:
    """Whether the border of each image (N, H, W) is dark, and whether it is light: bool (N,) each."""
    dark, light = zip(*map(_borders_of_some, _pieces(images)), strict=True)
    return torch.cat(dark), torch.cat(light)


def _borders_of_some(images: Tensor) -> tuple[Tensor, Tensor]:
    border = torch.cat([images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], dim=1)
    return (border < DARK).float().mean(1) >= MOST, (border > LIGHT).float().mean(1) >= MOST


def _tell_sideways(train: Dataset) -> None:
    """Digits or letters that are wider than tall, as EMNIST's files have them."""
    if not all(len(name) == 1 or name.isdecimal() for name in train.classes):
        return
    images = train.images[:: max(1, len(train) // SAMPLED)]
    dark, light = _borders(images)
    ink = torch.cat([images[dark], 255 - images[light]]) > DARK
    height, width = ink.any(2).sum(1), ink.any(1).sum(1)
    if len(ink) >= MOST * len(images) and float((width > height).double().mean()) >= SIDEWAYS:
        _warn("dataset.sideways", where=train.name)


def _warn(key: str, **params: object) -> None:
    warnings.warn(translate(key, **params), SoftregWarning, stacklevel=6)
