"""Layouts shared by figures: a grid of images with captions, and a heatmap with named rows and columns, sized for their number."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from softreg.figures.house_style import FAINT, ORANGE, new_figure
from softreg.image_format import SIDE
from softreg.messages import translate

WIDTH = 8.0  # inches
LEFT, TOP, GAP, CAPTION = 0.3, 0.62, 0.10, 0.34  # inches: at the left, for the figure's title, between images, above each image
BLOCK_ROWS = 16  # classes below each other before another block of rows begins beside them
MAX_NAMES = 60  # written beside the rows and columns of a heatmap
MAX_CLASSES = 96  # of which a figure shows images
MAX_LETTERS = 24  # of a class name
SHORT_NAME = 3  # letters of a class name that leave room for a probability on the same line


def image_grid(count: int, title: str, *, captions_for: Sequence[str] = (), margin: float = 0.3) -> tuple[Figure, list[Axes]]:
    """A figure with `count` square axes, row by row, and `margin` inches at the right.

    Above each there is room for one line, or with class names `captions_for`, for the lines of `draw_captioned`.
    """
    columns = 5 if count <= 20 else 10
    rows = math.ceil(count / columns)
    caption = CAPTION + 0.19 * (_caption_lines(captions_for) - 1)
    side = (WIDTH - LEFT - margin - GAP * (columns - 1)) / columns
    height = TOP + rows * (side + caption) + 0.2
    figure = new_figure(WIDTH, height, title)
    cells = []
    for i in range(count):
        row, column = divmod(i, columns)
        x, y = LEFT + column * (side + GAP), height - TOP - (row + 1) * (side + caption)
        cells.append(figure.add_axes((x / WIDTH, y / height, side / WIDTH, side / height)))
        cells[-1].set(xticks=[], yticks=[])
        cells[-1].spines[:].set_visible(False)
    return figure, cells


def draw_images(axes: Axes, pixels: NDArray[np.uint8], image_shape: tuple[int, ...]) -> None:
    """Draw images of a shape, side by side: grey ones of 28 x 28 as ink on paper, as the lesson does, all others as they are."""
    ink = image_shape == (SIDE, SIDE)
    axes.imshow(pixels, cmap="Greys" if ink else "gray", interpolation="nearest", vmin=0, vmax=255)


def draw_captioned(cell: Axes, image: Tensor, label: str, prediction: str, probability: float, classes: Sequence[str]) -> None:
    """Draw an image uint8 (H, W) or (H, W, 3), above it its label, and below that the prediction and its probability in orange."""
    draw_images(cell, image.numpy(), tuple(image.shape))
    separator = " " if _caption_lines(classes) == 2 else "\n"
    second_line = cell.text(
        0.5,
        1.03,
        f"{prediction}{separator}({probability:.1%})",
        transform=cell.transAxes,
        ha="center",
        va="bottom",
        size=9.5,
        linespacing=1.35,
        color=ORANGE,
    )
    cell.annotate(label, (0.5, 1), (0, 3.5), xycoords=second_line, textcoords="offset points", ha="center", fontsize=9.5)


def _caption_lines(classes: Sequence[str]) -> int:
    """Lines of a caption for these classes: label and prediction, and with long names the probability on a third line."""
    if not classes:
        return 1
    return 2 if max(map(len, classes)) <= SHORT_NAME else 3


def shortened(name: str) -> str:
    """A class name of at most 24 letters."""
    return name if len(name) <= MAX_LETTERS else name[: MAX_LETTERS - 1] + "…"


def title_of_shown(title: str, count: int) -> str:
    """The title of a figure of `count` classes, with a note if not all of them are shown."""
    return title if count <= MAX_CLASSES else translate("figures.first_classes", title=title, shown=MAX_CLASSES, count=count)


def colorbar_axes(figure: Figure) -> Axes:
    """The axes of a colour bar, in a margin of an inch at the right."""
    height = figure.get_figheight()
    return figure.add_axes(((WIDTH - 0.85) / WIDTH, 0.45 / height, 0.14 / WIDTH, (height - TOP - CAPTION - 0.7) / height))


def heatmap_axes(names: Sequence[str], title: str) -> tuple[Figure, Axes, Axes]:
    """A figure with square axes whose rows and columns have these names, and the axes of a colour bar at the right.

    The font shrinks with the cells; names that are wider than a cell are rotated below the columns. Of many names, evenly spaced
    ones are written.
    """
    step = math.ceil(len(names) / MAX_NAMES)
    names, at = names[::step], range(0, len(names), step)
    longest, room = min(max(map(len, names)), MAX_LETTERS), (WIDTH - 2) / len(names)  # inches for each name
    size = min(11.0, 0.85 * 72 * room)  # points
    text = longest * 0.62 * size / 72  # inches, about
    rotated = text > 0.95 * room
    names = [shortened(name) for name in names]
    left, bottom = LEFT + 0.3 + text, 0.5 + (text if rotated else size / 72)
    side = WIDTH - left - 1.2
    height = TOP + side + bottom
    figure = new_figure(WIDTH, height, title)
    axes = figure.add_axes((left / WIDTH, bottom / height, side / WIDTH, side / height))
    axes.grid(visible=False)
    axes.spines[:].set(visible=True, color=FAINT)
    axes.set_xticks(at, names, fontsize=size, rotation=90 if rotated else 0)
    axes.set_yticks(at, names, fontsize=size)
    return figure, axes, figure.add_axes(((WIDTH - 1.0) / WIDTH, bottom / height, 0.14 / WIDTH, side / height))
