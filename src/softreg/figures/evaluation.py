"""Figures of an evaluation: what is taken for what, the worst mistakes, and one image drawn by lot."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray
from torch import Tensor

from softreg.data.dataset import Dataset
from softreg.figures.house_style import BLUE, FAINT, INK, ORANGE, PALE_BLUE, bold, house_style, new_figure
from softreg.figures.layout import heatmap_axes, image_grid
from softreg.inference.evaluation import Evaluation
from softreg.messages import translate

MISTAKES = 15
NUMBERED = 20  # up to so many classes, a confusion matrix has room for its numbers
SHORT = 3  # letters of a class's name that leave room for a probability in the same line


def confusion_matrix(evaluation: Evaluation) -> Figure:
    """Rows are what the images are, columns what they were named; colour is the share of the row, numbers count images."""
    counts = evaluation.confusion.numpy()  # (C, C)
    right = np.eye(len(counts), dtype=bool)
    shares = np.ma.masked_where(right | (counts == 0), counts / np.maximum(counts.sum(1, keepdims=True), 1))
    norm = PowerNorm(0.5, 0, max(0.12, float(shares.max() or 0)))  # a root, so that rare mistakes are seen beside frequent ones
    with house_style():
        title = translate("figures.confusion", accuracy=evaluation.accuracy, n=evaluation.n)
        figure, axes, margin = heatmap_axes(evaluation.classes, title)
        axes.imshow(np.ma.masked_where(~right, right), cmap=ListedColormap([PALE_BLUE]))
        drawn = axes.imshow(shares, cmap="Oranges", norm=norm)
        axes.set(xlabel=translate("figures.named"), ylabel=translate("figures.is"))
        bar = figure.colorbar(drawn, cax=margin, format=PercentFormatter(1, decimals=0))
        bar.set_label(translate("figures.share"))
        bar.outline.set_visible(False)
        if len(counts) <= NUMBERED:
            _number(axes, counts, dark=norm(shares).filled(0) > 0.6)
        return figure


def _number(axes: Axes, counts: NDArray[np.int64], dark: NDArray[np.bool_]) -> None:
    """Write into each cell how many images it counts; those named rightly are bold."""
    for row, column in np.argwhere(counts):
        weight, colour = (bold(), BLUE) if row == column else (400, "white" if dark[row, column] else INK)
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=9, fontweight=weight, color=colour)


def worst_mistakes(evaluation: Evaluation, data: Dataset) -> Figure:
    """The images named wrongly with the most confidence: what each is, what it was named, how probable that seemed."""
    worst = evaluation.worst_mistakes(MISTAKES).tolist()
    space = "\n" if max(map(len, data.classes)) > SHORT else " "
    with house_style():
        if not worst:
            return new_figure(8, 1.2, translate("figures.no_mistakes", n=evaluation.n))
        figure, cells = image_grid(len(worst), translate("figures.worst_mistakes"), caption_lines=2 if space == " " else 3)
        for cell, i in zip(cells, worst, strict=True):
            cell.imshow(data.images[i].numpy(), cmap="Greys", interpolation="nearest", vmin=0, vmax=255)
            named = int(evaluation.predictions[i])
            told = translate("figures.mistake_named", prediction=data.classes[named])
            told += f"{space}({float(evaluation.probabilities[i, named]):.1%})"
            below = cell.text(
                0.5, 1.03, told, transform=cell.transAxes, ha="center", va="bottom", size=9.5, linespacing=1.35, color=ORANGE
            )
            truth = translate("figures.mistake_is", label=data.classes[int(data.labels[i])])
            cell.annotate(truth, (0.5, 1), (0, 3.5), xycoords=below, textcoords="offset points", ha="center", fontsize=9.5)
        return figure


def sample_image(image: Tensor, label: str, prediction: str, index: int) -> Figure:
    """The lab's random test image (28, 28), as the lab shows it."""
    with house_style():
        figure = new_figure(4.4, 5.0, translate("figures.test_sample", index=index))
        axes = figure.add_axes((0.09, 0.05, 0.82, 0.74))
        axes.imshow(image.numpy(), cmap="Greys", interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(visible=True, color=FAINT)
        axes.set_title(translate("figures.label_and_prediction", label=label, prediction=prediction), pad=10)
        return figure
