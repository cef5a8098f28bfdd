"""Evidence drawn on the picture itself."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

from softreg.figures.house_style import DIVERGING, FAINT, MUTED, bold, house_style, new_figure
from softreg.figures.layout import LEFT, TOP, WIDTH
from softreg.imaging.picture import Picture
from softreg.inference.explanation import Evidence
from softreg.inference.prediction import DigitPrediction, percent
from softreg.messages import translate

SIDE, GAP, ABOVE, BELOW, FOOT = 1.72, 0.16, 0.42, 0.66, 0.62  # inches: of a panel, between, above and below it, for the scale
SHARPER = 8  # drawn pixels for one of the image: matplotlib's own smoothing would bleed out of the picture
FADED = 0.35  # of the picture's contrast that is left under the evidence
AROUND = 0.22  # of a digit's longer side, shown around it

STRONGEST = 0.995  # this share of the pixels that say anything is told apart; a few louder ones must not pale the rest

Explained = tuple[DigitPrediction, Evidence, Evidence]


def evidence_on_picture(picture: Picture, explained: Sequence[Explained]) -> Figure:
    """For each digit read, a row: the digit, what spoke for its class, for the runner-up, and for the one rather than the other."""
    rows = len(explained)
    height = TOP + rows * (ABOVE + SIDE + BELOW) + FOOT
    strengths = np.abs(np.stack([share for each in explained for share in _shares(each)]))
    largest = float(np.quantile(strengths[strengths > 0], STRONGEST)) if strengths.any() else 1.0
    scale = ScalarMappable(Normalize(-largest, largest), DIVERGING)
    with house_style():
        figure = new_figure(WIDTH, height, translate("explain.figure_title", picture=_short(picture.name)))
        for row, each in enumerate(explained):
            bottom = height - TOP - (row + 1) * (ABOVE + SIDE + BELOW) + BELOW
            _row(figure, bottom, picture, each, scale)
        _legend(figure, scale)
        return figure


def _shares(explained: Explained) -> tuple[NDArray[np.float32], ...]:
    """The evidence for the first class, for the second, and the difference of the two, each (28, 28)."""
    first, second = (each.shares.numpy() for each in explained[1:])
    return first, second, first - second


def _row(figure: Figure, bottom: float, picture: Picture, explained: Explained, scale: ScalarMappable) -> None:
    reading, first, second = explained
    panels = []
    for column in range(4):
        left = LEFT + column * (SIDE + GAP)
        panels.append(figure.add_axes((left / WIDTH, bottom / figure.get_figheight(), SIDE / WIDTH, SIDE / figure.get_figheight())))
    titles = (
        translate("explain.found"),
        translate("explain.for_class", label=first.label),
        translate("explain.for_class", label=second.label),
        translate("explain.rather_than", label=first.label, other=second.label),
    )
    below = (
        translate(
            "explain.read_with_doubt" if reading.doubt else "explain.read_as",
            label=first.label,
            probability=percent(reading.probability),
        ),
        _sums(first),
        _sums(second),
        translate("explain.lead", lead=first.logit - second.logit, bias=first.bias - second.bias),
    )
    for panel, title, words, shares in zip(panels, titles, below, (None, *_shares(explained)), strict=True):
        _draw_crop(panel, picture, reading, faded=shares is not None)
        if shares is not None:
            _draw_evidence(panel, picture, reading, shares, scale)
        panel.set_title(title, fontweight=bold(), pad=6)
        panel.text(0, -0.05, words, transform=panel.transAxes, va="top", fontsize=8.5, color=MUTED, linespacing=1.45)


def _sums(evidence: Evidence) -> str:
    return translate(
        "explain.sums", logit=evidence.logit, bias=evidence.bias, pro=evidence.speaking_for, contra=evidence.speaking_against
    )


def _draw_crop(panel: Axes, picture: Picture, reading: DigitPrediction, *, faded: bool) -> None:
    """The picture around the digit, in its own pixels; in pale grey under evidence."""
    pixels = picture.stages[0].array
    if faded:
        grey = pixels if pixels.ndim == 2 else pixels.mean(2)
        pixels = (255 - FADED * (255 - grey)).astype(np.uint8)
    width, height = picture.size
    panel.imshow(pixels, extent=(0, width, height, 0), cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    x, y, w, h = reading.digit.box
    side = max(w, h) * (1 + 2 * AROUND)
    panel.set(xlim=(x + (w - side) / 2, x + (w + side) / 2), ylim=(y + (h + side) / 2, y + (h - side) / 2), xticks=[], yticks=[])
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]).mean(0) / 255
    red, green, blue = np.broadcast_to(edge, 3).tolist()
    panel.set_facecolor((red, green, blue))  # the paper goes on beyond the picture
    panel.grid(visible=False)
    panel.spines[:].set(visible=True, color=FAINT)


def _draw_evidence(
    panel: Axes, picture: Picture, reading: DigitPrediction, shares: NDArray[np.float32], scale: ScalarMappable
) -> None:
    """Shares (28, 28), laid where their pixels came from; the stronger, the less the picture shines through."""
    limits = panel.axis()
    fine = np.kron(shares, np.ones((SHARPER, SHARPER)))
    colours = scale.to_rgba(fine)
    colours[..., 3] = np.sqrt(np.clip(np.abs(fine) / scale.get_clim()[1], 0, 1))
    place = Affine2D(np.vstack([reading.digit.affine, [0, 0, 1]])) + panel.transData
    panel.imshow(colours, extent=(0, 28, 28, 0), interpolation="nearest", transform=place)
    panel.axis(limits)


def _legend(figure: Figure, scale: ScalarMappable) -> None:
    height = figure.get_figheight()
    axes = figure.add_axes(((WIDTH - 3.2) / 2 / WIDTH, 0.34 / height, 3.2 / WIDTH, 0.12 / height))
    bar = figure.colorbar(scale, cax=axes, orientation="horizontal", extend="both")
    axes.grid(visible=False)
    bar.outline.set_visible(False)
    for x, side, place in ((-0.07, "against", "right"), (1.07, "for", "left")):
        axes.text(x, 0.5, translate(f"figures.{side}"), transform=axes.transAxes, ha=place, va="center", fontsize=10, color=MUTED)


def _short(name: str) -> str:
    """The end of a long name."""
    return name if len(name) <= 40 else f"...{name[-40:]}"
