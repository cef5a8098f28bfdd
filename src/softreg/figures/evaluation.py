"""Figures of an evaluation: the confusion matrix, the worst mistakes, and one sample image."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, PowerNorm
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray
from torch import Tensor

from softreg.data.dataset import Dataset
from softreg.figures.house_style import BLUE, FAINT, INK, PALE_BLUE, house_style, new_figure
from softreg.figures.layout import draw_captioned, draw_images, heatmap_axes, image_grid
from softreg.inference.evaluation import Evaluation
from softreg.messages import translate

N_MISTAKES = 15
MAX_NUMBERED = 20  # classes up to which the cells of a confusion matrix have room for a number


def confusion_matrix(evaluation: Evaluation) -> Figure:
    """The confusion matrix: rows are labels, columns predictions; colour is the share of the row, numbers count images."""
    counts = evaluation.confusion.numpy()  # (C, C)
    correct = np.eye(len(counts), dtype=bool)
    shares = np.ma.masked_where(correct | (counts == 0), counts / np.maximum(counts.sum(1, keepdims=True), 1))
    norm = PowerNorm(0.5, 0, max(0.12, float(shares.max() or 0)))  # a square root keeps rare mistakes visible
    with house_style():
        title = translate("figures.confusion", accuracy=evaluation.accuracy, n=evaluation.n)
        figure, axes, margin = heatmap_axes(evaluation.classes, title)
        axes.imshow(np.ma.masked_where(~correct, correct), cmap=ListedColormap([PALE_BLUE]))
        heatmap = axes.imshow(shares, cmap="Oranges", norm=norm)
        axes.set(xlabel=translate("figures.named"), ylabel=translate("figures.is"))
        bar = figure.colorbar(heatmap, cax=margin, format=PercentFormatter(1, decimals=0))
        bar.set_label(translate("figures.share"))
        bar.outline.set_visible(False)
        if len(counts) <= MAX_NUMBERED:
            _number(axes, counts, dark=norm(shares).filled(0) > 0.6)
        return figure


def _number(axes: Axes, counts: NDArray[np.int64], dark: NDArray[np.bool_]) -> None:
    """Write the count of images into each cell, in bold on the diagonal."""
    for row, column in np.argwhere(counts):
        weight, colour = ("bold", BLUE) if row == column else ("normal", "white" if dark[row, column] else INK)
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=9, fontweight=weight, color=colour)


def worst_mistakes(evaluation: Evaluation, data: Dataset) -> Figure:
    """The wrong predictions with the highest probabilities: each image with its label, the prediction, and its probability."""
    worst = evaluation.worst_mistakes(N_MISTAKES).tolist()
    with house_style():
        if not worst:
            return new_figure(8, 1.2, translate("figures.no_mistakes", n=evaluation.n))
        figure, cells = image_grid(len(worst), translate("figures.worst_mistakes"), captions_for=data.classes)
        for cell, i in zip(cells, worst, strict=True):
            predicted = int(evaluation.predictions[i])
            label = translate("figures.mistake_is", label=data.classes[int(data.labels[i])])
            prediction = translate("figures.mistake_named", prediction=data.classes[predicted])
            draw_captioned(cell, data.images[i], label, prediction, float(evaluation.confidence[i]), data.classes)
        return figure


def sample_image(image: Tensor, label: str, prediction: str, title: str) -> Figure:
    """One image (H, W) or (H, W, 3) with its label and prediction; a digit is drawn as the lesson draws it."""
    with house_style():
        figure = new_figure(4.4, 5.0, title)
        axes = figure.add_axes((0.09, 0.05, 0.82, 0.74))
        draw_images(axes, image.numpy(), tuple(image.shape))
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(visible=True, color=FAINT)
        axes.set_title(translate("figures.label_and_prediction", label=label, prediction=prediction), pad=10)
        return figure
