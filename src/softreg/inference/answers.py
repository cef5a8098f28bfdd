"""Answers for the images or embeddings of a dataset, labelled or not, as CSV: what a competition asks for."""

import csv
import io
import os
from collections.abc import Callable, Iterator

import torch

from softreg.data.forms.source import ReadOptions
from softreg.data.load import stream_images
from softreg.data.memory_map import pieces
from softreg.data.polarity import count_inverted, tell_inverted
from softreg.messages import translate
from softreg.model.softmax_regression import SoftmaxRegression

HEADER = ("ImageId", "Label")  # Kaggle's
PROBABILITY_DIGITS = 6
PIECE = 2000  # images whose logits are in memory at a time


def answers(
    model: SoftmaxRegression,
    dataset: str | os.PathLike[str],
    *,
    options: ReadOptions | None = None,
    probabilities: bool = False,
    on_rows: Callable[[int, float], None] = lambda rows, share: None,
) -> Iterator[str]:
    """The lines of a CSV file: `ImageId,Label`, then one for each image of `dataset`.

    Images are read and classified some at a time; those of another polarity than the training images are counted in a warning.
    ImageId is the file's own id or name of the image, or its number from 1.

    Parameters
    ----------
    probabilities : adds a column with the probability of each class
    on_rows : called with the number of images answered so far, and the share of the dataset that has been read

    Raises
    ------
    DataError
        If the dataset cannot be read, or its images are not of the model's size.
    """
    yield _line([*HEADER, *(model.classes if probabilities else ())])
    done, inverted, share = 0, 0, 0.0
    for part in stream_images(dataset, options=(options or ReadOptions()).for_model(model.image_shape)):
        model.check_images(part.images, part.where)
        for start, images in zip(range(0, len(part), PIECE), pieces(part.images, PIECE), strict=True):
            logits = model.logits(images)  # (B, C)
            inverted += count_inverted(images, model.ground)
            labels = logits.argmax(1).tolist()
            ids = part.ids[start : start + PIECE] or [str(done + row) for row in range(1, len(labels) + 1)]
            rows = torch.softmax(logits, dim=1).tolist() if probabilities else [()] * len(labels)
            for identity, label, p in zip(ids, labels, rows, strict=True):
                yield _line([identity, model.classes[label], *(f"{value:.{PROBABILITY_DIGITS}f}" for value in p)])
            done += len(labels)
            on_rows(done, share + (part.share - share) * (start + len(labels)) / len(part))
        share = part.share
    if inverted:
        tell_inverted(translate("dataset.of_evaluated", count=inverted, n=done), model.ground, dataset)


def _line(cells: list[str]) -> str:
    """One line of CSV, its end included."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()
