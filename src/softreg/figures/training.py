"""Figures of a training: the learning curve, and the template of each class."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from softreg.figures.house_style import BLUE, DIVERGING, MUTED, house_style, new_figure
from softreg.figures.layout import MAX_CLASSES, colorbar_axes, image_grid, shortened, title_of_shown
from softreg.messages import translate


def learning_curve(costs: Sequence[float], unit: str) -> Figure:
    """The cost after every step; `unit` is "epoch" or "iteration"."""
    with house_style():
        figure = new_figure(8, 4.2, translate("figures.learning_curve"))
        axes = figure.add_axes((0.12, 0.14, 0.78, 0.70))
        steps = np.arange(1, len(costs) + 1)
        axes.plot(steps, costs, color=BLUE, linewidth=2, marker="o" if len(costs) <= 40 else None, markersize=4, clip_on=False)
        axes.set_xlabel(translate(f"figures.{unit}"))
        axes.set_ylabel(translate("figures.cost"))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.margins(x=0.02)
        if len(costs) == 1:
            axes.set_xlim(0.5, 1.5)
        axes.annotate(f"{costs[-1]:.4g}", (steps[-1], costs[-1]), (8, 0), textcoords="offset points", va="center", color=BLUE)
        return figure


def class_templates(templates: Tensor, classes: Sequence[str], title: str) -> Figure:
    """What each class looks for, as an image: templates (C, H, W), all on one colour scale, with white at zero.

    Of templates in colour (C, H, W, 3) each channel is drawn by itself as light: grey is zero.
    """
    with house_style():
        title, classes, templates = title_of_shown(title, len(classes)), classes[:MAX_CLASSES], templates[:MAX_CLASSES]
        figure, cells = image_grid(len(classes), title, margin=1.05)
        size = 11 if len(classes) <= 20 else 8
        largest = float(_quantile(templates.abs(), 0.999)) or 1.0  # a few corner pixels must not make all others pale
        norm = TwoSlopeNorm(0, -largest, largest)
        if templates.ndim == 4:
            light = (0.5 + templates / (2 * largest)).clamp(0, 1)
            for cell, template, name in zip(cells, light.numpy(), classes, strict=True):
                cell.imshow(template, interpolation="nearest")
                cell.set_title(shortened(name), fontweight="bold", fontsize=size)
            return figure
        for cell, template, name in zip(cells, templates.numpy(), classes, strict=True):
            heatmap = cell.imshow(template, cmap=DIVERGING, norm=norm, interpolation="nearest")
            cell.set_title(shortened(name), fontweight="bold", fontsize=size)
        right = colorbar_axes(figure)
        bar = figure.colorbar(heatmap, cax=right, extend="both")
        bar.outline.set_visible(False)
        for y, side, va in ((1.06, "for", "bottom"), (-0.06, "against", "top")):
            right.text(0, y, translate(f"figures.{side}"), transform=right.transAxes, ha="left", va=va, fontsize=10, color=MUTED)
        return figure


def _quantile(values: Tensor, q: float) -> Tensor:
    """A quantile of any number of values; torch's own takes 16 million at most."""
    flat = values.flatten()
    return flat[:: len(flat) // 2**24 + 1].quantile(q)
