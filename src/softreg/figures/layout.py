"""Where images stand in a figure: a grid of squares with a title each, sized for their number."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from softreg.figures.style import new_figure

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
