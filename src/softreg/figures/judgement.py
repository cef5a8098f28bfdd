"""Figures of an evaluation: what is taken for what, the worst mistakes, and one image drawn by lot."""

import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from softreg.data import Dataset
from softreg.evaluation import Evaluation
from softreg.figures.layout import image_grid
from softreg.figures.style import FAINT, INK, MUTED, ORANGE, bold, drawing, new_figure
from softreg.words import say

MISTAKES = 15
NUMBERED = 20  # up to so many classes, a confusion matrix has room for its numbers


def confusion_matrix(evaluation: Evaluation) -> Figure:
    """Rows are what the images are, columns what they were named; colour is the share of the row, numbers count images."""
    counts = evaluation.confusion.numpy()  # (C, C)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    mistakes = shares * (1 - np.eye(len(counts)))
    with drawing():
        figure = new_figure(8, 7.4, say("figures.confusion", accuracy=evaluation.accuracy, n=evaluation.n))
        axes = figure.add_axes((0.11, 0.09, 0.84, 0.80))
        axes.imshow(np.sqrt(mistakes), cmap="Oranges", vmin=0, vmax=max(0.35, float(np.sqrt(mistakes).max())))
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.set_xlabel(say("figures.named"))
        axes.set_ylabel(say("figures.is"))
        size = 11 if len(counts) <= NUMBERED else 6
        axes.set_xticks(range(len(counts)), evaluation.classes, fontsize=size)
        axes.set_yticks(range(len(counts)), evaluation.classes, fontsize=size)
        if len(counts) <= NUMBERED:
            for row, column in np.argwhere(counts):
                right = row == column
                weight, colour = (bold(), MUTED) if right else (400, INK)
                axes.text(
                    column, row, str(counts[row, column]), ha="center", va="center", fontsize=9, fontweight=weight, color=colour
                )
        return figure


def worst_mistakes(evaluation: Evaluation, data: Dataset) -> Figure:
    """The images named wrongly with the most confidence: what each is, what it was named, how probable that seemed."""
    worst = evaluation.worst_mistakes(MISTAKES).tolist()
    with drawing():
        if not worst:
            return new_figure(8, 1.2, say("figures.no_mistakes", n=evaluation.n))
        figure, cells = image_grid(len(worst), say("figures.worst_mistakes"), caption_lines=2)
        for cell, i in zip(cells, worst, strict=True):
            cell.imshow(data.images[i].numpy(), cmap="Greys", interpolation="nearest")
            label, named = int(data.labels[i]), int(evaluation.predictions[i])
            cell.set_title(say("figures.mistake_is", label=data.classes[label]), pad=18, fontsize=10)
            told = say(
                "figures.mistake_named", prediction=data.classes[named], probability=float(evaluation.probabilities[i, named])
            )
            cell.text(0.5, 1.03, told, transform=cell.transAxes, ha="center", va="bottom", fontsize=10, color=ORANGE)
        return figure


def test_sample(image: Tensor, label: str, prediction: str, index: int) -> Figure:
    """The lab's random test image (28, 28), as the lab shows it."""
    with drawing():
        figure = new_figure(4.4, 5.0, say("figures.test_sample", index=index))
        axes = figure.add_axes((0.09, 0.05, 0.82, 0.74))
        axes.imshow(image.numpy(), cmap="Greys", interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(visible=True, color=FAINT)
        axes.set_title(say("figures.label_and_prediction", label=label, prediction=prediction), pad=10)
        return figure
