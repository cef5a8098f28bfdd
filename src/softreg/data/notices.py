"""What is odd about a dataset, said once, in a line each: labels, images of training and testing that are alike or unlike."""

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softreg.data.dataset import Dataset, Splits
from softreg.data.memory_map import evenly_spaced, pieces
from softreg.data.polarity import SAMPLED, count_inverted, tell_inverted, usual_ground
from softreg.errors import SoftregWarning
from softreg.imaging.ground import DARK, grounds
from softreg.messages import translate

MAX_COMPARED = 2**30  # bytes of images that are looked at
CLEAR = 0.9  # of the images have a ground that is dark or light, where it is asked which way they lie
SIDEWAYS = 0.7  # of the images are wider than tall: of MNIST's 0.11 are, and 0.80 if transposed
DIM = 32  # of 255: where no pixel is brighter, the images were not scaled to 255
SHOWN = 5  # classes that a message names


def tell_oddities(splits: Splits) -> None:
    """Warn of everything here that a dataset has."""
    _tell_labels(splits.train)
    if splits.train.images.nbytes + splits.test.images.nbytes > MAX_COMPARED:
        return
    _tell_duplicates(splits)
    if splits.train.images.ndim > 2:
        _tell_dim(splits.train)
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
    return np.fromiter(
        (hash(image.tobytes()) for piece in pieces(images) for image in piece.contiguous().view(torch.uint8).numpy()),
        np.int64,
        len(images),
    )


def _tell_dim(train: Dataset) -> None:
    """Images from 0 to 1, or to 16, in place of 255."""
    brightest = max(int(piece.max()) for piece in pieces(train.images))
    if 0 < brightest < DIM:
        _warn("dataset.dim", where=train.name, brightest=brightest)


def _tell_polarity(splits: Splits) -> None:
    """Ink that is dark on white where that of most training images is light on black, or the other way round."""
    usual = usual_ground(splits.train.images)
    for part, data in (("train", splits.train), ("test", splits.test)):
        if count := count_inverted(data.images, usual):
            tell_inverted(translate(f"dataset.of_{part}", count=count, n=len(data)), usual, splits.train.name)


def _tell_sideways(train: Dataset) -> None:
    """Digits or letters that are wider than tall, as EMNIST's files have them."""
    if not all(len(name) == 1 or name.isdecimal() for name in train.classes):
        return
    images = evenly_spaced(train.images, SAMPLED).numpy()
    found = grounds(images)
    ink = np.concatenate([images[found["dark"]], 255 - images[found["light"]]]) > DARK
    height, width = ink.any(2).sum(1), ink.any(1).sum(1)
    if len(ink) >= CLEAR * len(images) and (width > height).mean() >= SIDEWAYS:
        _warn("dataset.sideways", where=train.name)


def _warn(key: str, **params: object) -> None:
    warnings.warn(translate(key, **params), SoftregWarning, stacklevel=6)
