"""The figure of a regularization path: held-out loss and accuracy against l2."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, PercentFormatter, StrMethodFormatter

from softreg.figures.house_style import BLUE, MUTED, ORANGE, house_style, new_figure
from softreg.messages import translate
from softreg.optim.l2_path import PathPoint, best_point


def l2_curve(path: Sequence[PathPoint]) -> Figure:
    """Loss and accuracy on held-out images against l2; the chosen value is marked."""
    chosen, l2s = best_point(path), [point.l2 for point in path]
    with house_style():
        figure = new_figure(8, 5.4, translate("figures.l2_path", l2=chosen.l2))
        above, below = figure.add_axes((0.12, 0.53, 0.84, 0.34)), figure.add_axes((0.12, 0.11, 0.84, 0.34))
        above.plot(l2s, [point.loss for point in path], color=BLUE, marker="o", markersize=4)
        below.plot(l2s, [point.accuracy for point in path], color=ORANGE, marker="o", markersize=4)
        above.set_ylabel(translate("figures.held_loss"))
        below.set_ylabel(translate("figures.held_accuracy"))
        below.set_xlabel("l2")
        below.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
        for axes in (above, below):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))  # the default is written in mathtext
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.axvline(chosen.l2, color=MUTED, linewidth=1, linestyle="--")
        above.tick_params(labelbottom=False)
        return figure
