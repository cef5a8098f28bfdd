"""Where things stand in a figure: a grid of images with a title each, or a matrix with its names, sized for their number."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from softreg.figures.house_style import FAINT, new_figure

WIDTH = 8.0  # inches
LEFT, TOP, GAP, CAPTION = 0.3, 0.62, 0.10, 0.34  # inches: at the left, for the figure's title, between images, above each image


def image_grid(count: int, title: str, *, caption_lines: int = 1, margin: float = 0.3) -> tuple[Figure, list[Axes]]:
    """A figure with `count` square axes, row by row, and so many inches of margin at the right."""
    columns = 5 if count <= 20 else 10
    rows = math.ceil(count / columns)
    caption = CAPTION + 0.19 * (caption_lines - 1)
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


def margin_bar(figure: Figure) -> Axes:
    """The axes of a colour bar, in a margin of an inch at the right."""
    height = figure.get_figheight()
    return figure.add_axes(((WIDTH - 0.85) / WIDTH, 0.45 / height, 0.14 / WIDTH, (height - TOP - CAPTION - 0.7) / height))


def heatmap_axes(names: Sequence[str], title: str) -> tuple[Figure, Axes, Axes]:
    """A figure with square axes whose rows and columns bear these names, and the axes of a colour bar at the right.

    Names grow smaller with the cells, and stand upright below columns that are too narrow for them.
    """
    count, longest = len(names), max(map(len, names))
    size = min(11.0, 0.85 * 72 * (WIDTH - 2) / count)  # points; a cell is about (WIDTH - 2) / count inches
    text = longest * 0.62 * size / 72  # inches, about
    upright = text > 0.95 * (WIDTH - 2) / count
    left, bottom = LEFT + 0.3 + text, 0.5 + (text if upright else size / 72)
    side = WIDTH - left - 1.2
    height = TOP + side + bottom
    figure = new_figure(WIDTH, height, title)
    axes = figure.add_axes((left / WIDTH, bottom / height, side / WIDTH, side / height))
    axes.grid(visible=False)
    axes.spines[:].set(visible=True, color=FAINT)
    axes.set_xticks(range(count), names, fontsize=size, rotation=90 if upright else 0)
    axes.set_yticks(range(count), names, fontsize=size)
    return figure, axes, figure.add_axes(((WIDTH - 1.0) / WIDTH, bottom / height, 0.14 / WIDTH, side / height))
