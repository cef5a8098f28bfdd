"""Where images stand in a figure: a grid of squares with a title each, sized for their number."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from softreg.figures.style import new_figure

WIDTH = 8.0  # inches
TOP, GAP, CAPTION = 0.62, 0.10, 0.34  # inches: the figure's title, between images, above each image


def image_grid(count: int, title: str, *, caption_lines: int = 1, colour_bar: bool = False) -> tuple[Figure, list[Axes], Axes | None]:
    """A figure with `count` square axes, row by row, and an axes for a colour bar at the right if asked for."""
    columns = 5 if count <= 20 else 10
    rows = math.ceil(count / columns)
    caption = CAPTION + 0.19 * (caption_lines - 1)
    left, right = 0.3, 1.05 if colour_bar else 0.3
    side = (WIDTH - left - right - GAP * (columns - 1)) / columns
    height = TOP + rows * (side + caption) + 0.2
    figure = new_figure(WIDTH, height, title)
    cells = []
    for i in range(count):
        row, column = divmod(i, columns)
        x, y = left + column * (side + GAP), height - TOP - (row + 1) * (side + caption)
        cells.append(figure.add_axes((x / WIDTH, y / height, side / WIDTH, side / height)))
        cells[-1].set(xticks=[], yticks=[])
        cells[-1].spines[:].set_visible(False)
    if not colour_bar:
        return figure, cells, None
    lowest, highest = 0.2 / height, (height - TOP - caption) / height
    return figure, cells, figure.add_axes(((WIDTH - 0.85) / WIDTH, lowest, 0.14 / WIDTH, highest - lowest))
