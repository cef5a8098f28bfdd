"""Figures of an explained run: what each class looks for, its most typical images, and labels that look wrong."""

from math import ceil
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from softreg.data.dataset import Dataset
from softreg.features.registry import FEATURE_MAPS
from softreg.figures.house_style import MUTED, house_style, new_figure, save
from softreg.figures.layout import (
    BLOCK_ROWS,
    LEFT,
    MAX_CLASSES,
    TOP,
    WIDTH,
    draw_captioned,
    draw_images,
    image_grid,
    shortened,
    title_of_shown,
)
from softreg.figures.training import class_templates
from softreg.image_format import SIDE
from softreg.inference.attribution import N_AVERAGED
from softreg.inference.explanation import RunExplanation
from softreg.inference.label_issues import LabelIssues
from softreg.messages import translate
from softreg.storage.atomic import reraise_as_write_error

BLOCK_GAP = 0.2  # inches between blocks
MAX_BLOCKS = 3  # side by side
EXPLANATION_FIGURES = ("class-templates", "typical-images", "suspicious-train-labels", "suspicious-test-labels")


def save_explanation(explanation: RunExplanation, folder: Path, *, force: bool = False) -> list[Path]:
    """Write `EXPLANATION_FIGURES` into `folder`, which is created if missing; `force` replaces files. Their paths."""
    train, test, issues = explanation.splits.train, explanation.splits.test, explanation.label_issues
    with house_style():  # the titles, too, are in a language that can be drawn
        title = FEATURE_MAPS[explanation.features].template_title.format(count=N_AVERAGED)
        figures = (
            class_templates(explanation.templates, test.classes, title),
            typical_images(test, explanation.prototypes),
            label_issue_grid(train, issues["train"], translate("explain.suspicious_train")),
            label_issue_grid(test, issues["test"], translate("explain.suspicious_test")),
        )
    with reraise_as_write_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.png" for name in EXPLANATION_FIGURES]
    for path, figure in zip(paths, figures, strict=True):
        save(figure, path, replace=force)
    return paths


def typical_images(data: Dataset, index: Tensor) -> Figure:
    """The images of `data` with the indices (C, count), one row per class; of many classes, the first."""
    names = [shortened(name) for name in data.classes[:MAX_CLASSES]]
    blocks = min(MAX_BLOCKS, ceil(len(names) / BLOCK_ROWS))
    rows, count = ceil(len(names) / blocks), max(3, min(index.shape[1], 12 // blocks))
    name_width = 0.25 + 0.085 * max(map(len, names))
    side = (WIDTH - 2 * LEFT - blocks * name_width - BLOCK_GAP * (blocks - 1)) / (blocks * count)  # inches across, of an image
    tall = side * data.images.shape[1] / data.images.shape[2]
    height = TOP + rows * tall + 0.2
    with house_style():
        figure = new_figure(WIDTH, height, title_of_shown(translate("explain.typical"), len(data.classes)))
        for c, (name, indices) in enumerate(zip(names, index.tolist(), strict=False)):
            block, row = divmod(c, rows)
            left = LEFT + block * (name_width + count * side + BLOCK_GAP) + name_width
            bottom = height - TOP - (row + 1) * tall
            strip = np.hstack([_apart(data.images[i].numpy()) for i in indices[:count]])
            axes = figure.add_axes((left / WIDTH, bottom / height, len(indices[:count]) * side / WIDTH, tall / height))
            draw_images(axes, strip, data.image_shape)
            axes.axis("off")
            figure.text((left - 0.12) / WIDTH, (bottom + tall / 2) / height, name, ha="right", va="center", fontweight="bold")
        return figure


def _apart(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image with white at its right and below; one such as MNIST's, which has a margin, as it is."""
    gap = 0 if image.shape == (SIDE, SIDE) else max(1, image.shape[1] // 16)
    return np.pad(image, ((0, gap), (0, gap), (0, 0))[: image.ndim], constant_values=255)


def label_issue_grid(data: Dataset, issues: LabelIssues, title: str) -> Figure:
    """The images of labels that look wrong, each with its label, what the model predicts instead, and its index."""
    with house_style():
        if not len(issues.index):
            return new_figure(WIDTH, 1.0, translate("explain.no_suspicions"))
        figure, cells = image_grid(len(issues.index), title, captions_for=data.classes)
        columns = (issues.index, issues.prediction, issues.probability)
        for cell, i, prediction, probability in zip(cells, *(column.tolist() for column in columns), strict=True):
            label = translate("explain.labelled", label=data.classes[int(data.labels[i])])
            predicted = translate("explain.rather", label=data.classes[prediction])
            draw_captioned(cell, data.images[i], label, predicted, probability, data.classes)
            cell.text(0.5, -0.015, str(i), transform=cell.transAxes, ha="center", va="top", fontsize=6.5, color=MUTED)
        return figure
