"""Figures of a run explained: what each class looks for and finds typical, and labels that look wrong."""

from math import ceil
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from softreg.data.dataset import Dataset
from softreg.figures.house_style import INK, MUTED, ORANGE, bold, house_style, new_figure, save
from softreg.figures.layout import LEFT, TOP, WIDTH, image_grid
from softreg.figures.training import class_templates
from softreg.inference.explanation import N_AVERAGED, LabelIssues, RunExplanation
from softreg.messages import translate
from softreg.storage.atomic import reraise_as_write_error

TEMPLATES = {"pixels": "templates_weights", "deskew": "templates_upright"}


def save_explanation(explained: RunExplanation, folder: Path) -> list[Path]:
    """Write the figures into `folder`, which is made if need be; their paths."""
    train, test = explained.splits.train, explained.splits.test
    with house_style():  # the titles too are in a language that can be drawn
        title = translate(f"explain.{TEMPLATES.get(explained.features, 'templates_mean')}", count=N_AVERAGED)
        figures = {
            "class-templates": class_templates(explained.templates, test.classes, title),
            "typical-images": typical_images(test, explained.prototypes),
            "suspicious-train-labels": suspicious_labels(train, explained.suspicious["train"], "suspicious_train"),
            "suspicious-test-labels": suspicious_labels(test, explained.suspicious["test"], "suspicious_test"),
        }
    with reraise_as_write_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        save(figure, folder / f"{name}.png")
    return [folder / f"{name}.png" for name in figures]


def typical_images(data: Dataset, index: Tensor) -> Figure:
    """Images by number (C, count), a row for each class."""
    blocks = ceil(len(index) / 16)
    rows, count = ceil(len(index) / blocks), max(3, min(index.shape[1], 12 // blocks))
    name_width = 0.25 + 0.085 * max(map(len, data.classes))
    side = (WIDTH - 2 * LEFT - blocks * name_width - 0.2 * (blocks - 1)) / (blocks * count)
    height = TOP + rows * side + 0.2
    with house_style():
        figure = new_figure(WIDTH, height, translate("explain.typical"))
        for c, (name, numbers) in enumerate(zip(data.classes, index.tolist(), strict=True)):
            block, row = divmod(c, rows)
            left = LEFT + block * (name_width + count * side + 0.2) + name_width
            strip = np.hstack([data.images[i].numpy() for i in numbers[:count]])
            bottom = height - TOP - (row + 1) * side
            axes = figure.add_axes((left / WIDTH, bottom / height, count * side / WIDTH, side / height))
            axes.imshow(strip, cmap="Greys", vmin=0, vmax=255, interpolation="nearest")
            axes.axis("off")
            axes.text(-0.12 / (count * side), 0.5, name, transform=axes.transAxes, ha="right", va="center", fontweight=bold())
        return figure


def suspicious_labels(data: Dataset, found: LabelIssues, key: str) -> Figure:
    """Images whose labels look wrong: the label each bears, what it looks like instead, and its number."""
    space = "\n" if max(map(len, data.classes)) > 3 else " "
    with house_style():
        if not len(found.index):
            return new_figure(WIDTH, 1.0, translate("explain.no_suspicions"))
        figure, cells = image_grid(len(found.index), translate(f"explain.{key}"), caption_lines=2 if space == " " else 3)
        rows = zip(cells, found.index.tolist(), found.instead.tolist(), found.probability.tolist(), strict=False)
        for cell, i, instead, probability in rows:
            cell.imshow(data.images[i].numpy(), cmap="Greys", interpolation="nearest", vmin=0, vmax=255)
            told = translate("explain.rather", label=data.classes[instead]) + f"{space}({probability:.1%})"
            below = cell.text(
                0.5, 1.03, told, transform=cell.transAxes, ha="center", va="bottom", size=9.5, linespacing=1.35, color=ORANGE
            )
            label = translate("explain.labelled", label=data.classes[int(data.labels[i])])
            cell.annotate(
                label, (0.5, 1), (0, 3.5), xycoords=below, textcoords="offset points", ha="center", fontsize=9.5, color=INK
            )
            cell.text(0.5, 0.02, str(i), transform=cell.transAxes, ha="center", va="top", fontsize=6.5, color=MUTED)
        return figure
