"""The figure of `softreg data NAME`: a few images of each class."""

from math import ceil

import torch
from matplotlib.figure import Figure
from torch import Tensor

from softreg.data.dataset import Dataset
from softreg.figures.house_style import INK, house_style, new_figure
from softreg.figures.layout import BLOCK_ROWS, draw_images
from softreg.image_format import SIDE
from softreg.messages import translate

GAP = 4  # white pixels between images
IMAGE, LETTER, EDGE, TITLE = 0.5, 0.08, 0.2, 0.5  # inches: of an image, of a letter, around, for the title


def class_grid(dataset: Dataset) -> Figure:
    """The first images of each class, one row per class."""
    classes = len(dataset.classes)
    blocks = ceil(classes / BLOCK_ROWS)
    rows, count = ceil(classes / blocks), min(12, max(3, 16 // blocks))
    name_width = 0.25 + LETTER * max(map(len, dataset.classes))
    block_width = name_width + count * IMAGE
    width, height = 2 * EDGE + blocks * block_width, TITLE + rows * IMAGE + EDGE
    with house_style():
        figure = new_figure(width, height, translate("data.grid_title", name=dataset.name))
        for block in range(blocks):
            left = EDGE + block * block_width + name_width
            axes = figure.add_axes((left / width, EDGE / height, count * IMAGE / width, rows * IMAGE / height))
            shown = range(block * rows, min(classes, (block + 1) * rows))
            draw_images(axes, rows_of_images(dataset, shown, rows, count).numpy(), dataset.image_shape)
            side = dataset.images.shape[1] + GAP
            axes.set_yticks([side * row + side / 2 for row in range(len(shown))], [dataset.classes[c] for c in shown], color=INK)
            axes.set_xticks([])
            axes.grid(False)
            axes.spines[:].set_visible(False)
    return figure


def rows_of_images(dataset: Dataset, classes: range, rows: int, count: int) -> Tensor:
    """The first `count` images of each of these classes, one row per class: uint8 (rows * (H + 4), count * (W + 4)[, 3])."""
    height, width, *channels = dataset.image_shape
    paper = 0 if dataset.image_shape == (SIDE, SIDE) else 255  # white, as `draw_images` draws them
    grid = torch.full((rows, height + GAP, count, width + GAP, *channels), paper, dtype=torch.uint8)
    for row, label in enumerate(classes):
        for column, index in enumerate((dataset.labels == label).nonzero()[:count, 0].tolist()):
            grid[row, GAP // 2 : -GAP // 2, column, GAP // 2 : -GAP // 2] = dataset.images[index]
    return grid.flatten(2, 3).flatten(0, 1)
