"""What a dataset looks like: a few images of each class, under their names."""

from math import ceil

import torch
from matplotlib.figure import Figure
from torch import Tensor

from softreg.data.dataset import Dataset
from softreg.figures.house_style import INK, house_style, new_figure
from softreg.messages import translate

_ROWS = 16  # classes below one another before a new block of them begins beside
_GAP = 4  # white pixels between images
_SIDE, _LETTER, _EDGE, _TITLE = 0.5, 0.08, 0.2, 0.5  # inches: of an image, of a letter, around, for the title


def class_grid(dataset: Dataset) -> Figure:
    """The first images of each class, one class a row."""
    classes = len(dataset.classes)
    blocks = ceil(classes / _ROWS)
    rows, count = ceil(classes / blocks), min(12, max(3, 16 // blocks))
    name_width = 0.25 + _LETTER * max(map(len, dataset.classes))
    block_width = name_width + count * _SIDE
    width, height = 2 * _EDGE + blocks * block_width, _TITLE + rows * _SIDE + _EDGE
    with house_style():
        figure = new_figure(width, height, translate("data.grid_title", name=dataset.name))
        for block in range(blocks):
            left = _EDGE + block * block_width + name_width
            axes = figure.add_axes((left / width, _EDGE / height, count * _SIDE / width, rows * _SIDE / height))
            shown = range(block * rows, min(classes, (block + 1) * rows))
            axes.imshow(
                rows_of_images(dataset, shown, rows, count).numpy(), cmap="Greys", interpolation="nearest", vmin=0, vmax=255
            )
            side = dataset.images.shape[1] + _GAP
            axes.set_yticks(
                [side * row + side / 2 for row in range(len(shown))], [dataset.classes[each] for each in shown], color=INK
            )
            axes.set_xticks([])
            axes.grid(False)
            axes.spines[:].set_visible(False)
    return figure


def rows_of_images(dataset: Dataset, classes: range, rows: int, count: int) -> Tensor:
    """The first `count` images of each of these classes, one class a row: uint8 (rows * 32, count * 32)."""
    side = dataset.images.shape[1] + _GAP
    grid = torch.zeros(rows, side, count, side, dtype=torch.uint8)
    for row, label in enumerate(classes):
        for column, index in enumerate((dataset.labels == label).nonzero()[:count, 0].tolist()):
            grid[row, _GAP // 2 : -_GAP // 2, column, _GAP // 2 : -_GAP // 2] = dataset.images[index]
    return grid.reshape(rows * side, count * side)
