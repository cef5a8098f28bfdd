"""The figure of `softreg explain PICTURE`: the evidence for and against each class, drawn on the picture itself."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

from softreg.figures.house_style import DIVERGING, FAINT, MUTED, house_style, new_figure
from softreg.figures.layout import LEFT, TOP, WIDTH
from softreg.imaging.picture import Picture
from softreg.inference.attribution import Attribution
from softreg.inference.prediction import DigitPrediction, percent
from softreg.messages import translate

PANEL, GAP, ABOVE, BELOW, FOOT = 1.72, 0.16, 0.42, 0.66, 0.62  # inches: of a panel, between, above and below it, for the scale
UPSAMPLING = 8  # matplotlib's own smoothing would draw evidence outside the picture
FADED_CONTRAST = 0.35  # of the picture under the evidence
PADDING = 0.22  # around a digit, of its longer side
SCALE_QUANTILE = 0.995  # of the magnitudes; a few outliers must not make all other pixels pale

Explained = tuple[DigitPrediction, Attribution, Attribution]


def evidence_on_picture(picture: Picture, explained: Sequence[Explained]) -> Figure:
    """A row per digit: the digit, the evidence for its class, for the runner-up, and for the former over the latter."""
    height = TOP + len(explained) * (ABOVE + PANEL + BELOW) + FOOT
    scale = _shared_scale([evidence for digit in explained for evidence in _maps(digit)])
    with house_style():
        figure = new_figure(WIDTH, height, translate("explain.figure_title", picture=_shorten(picture.name)))
        for row, digit in enumerate(explained):
            bottom = height - TOP - (row + 1) * (ABOVE + PANEL + BELOW) + BELOW
            _draw_row(figure, bottom, picture, digit, scale)
        _draw_legend(figure, scale)
        return figure


def _maps(explained: Explained) -> tuple[NDArray[np.float32], ...]:
    """The evidence for the first class, for the second, and their difference, each (28, 28)."""
    first, second = (attribution.map.numpy() for attribution in explained[1:])
    return first, second, first - second


def _shared_scale(maps: Sequence[NDArray[np.float32]]) -> ScalarMappable:
    """One colour scale for all maps, symmetric about zero."""
    magnitudes = np.abs(np.stack(maps))
    largest = float(np.quantile(magnitudes[magnitudes > 0], SCALE_QUANTILE)) if magnitudes.any() else 1.0
    return ScalarMappable(Normalize(-largest, largest), DIVERGING)


def _draw_row(figure: Figure, bottom: float, picture: Picture, explained: Explained, scale: ScalarMappable) -> None:
    """The four panels of one digit, `bottom` inches from the lower edge."""
    prediction = explained[0]
    rows = zip(_panels(figure, bottom), _titles(picture, explained), _captions(explained), (None, *_maps(explained)), strict=True)
    for panel, title, caption, evidence in rows:
        _draw_crop(panel, picture, prediction, faded=evidence is not None)
        if evidence is not None:
            _draw_evidence(panel, prediction, evidence, scale)
        panel.set_title(title, fontweight="bold", pad=6)
        panel.text(0, -0.05, caption, transform=panel.transAxes, va="top", fontsize=8.5, color=MUTED, linespacing=1.45)


def _panels(figure: Figure, bottom: float) -> list[Axes]:
    """Four square axes side by side."""
    height = figure.get_figheight()
    lefts = [LEFT + column * (PANEL + GAP) for column in range(4)]
    return [figure.add_axes((left / WIDTH, bottom / height, PANEL / WIDTH, PANEL / height)) for left in lefts]


def _is_whole(picture: Picture, prediction: DigitPrediction) -> bool:
    """Whether the picture was read as one image, by a model of anything but digits on paper."""
    return tuple(prediction.digit.box) == (0, 0, *picture.size)


def _titles(picture: Picture, explained: Explained) -> tuple[str, ...]:
    prediction, first, second = explained
    return (
        translate("explain.whole" if _is_whole(picture, prediction) else "explain.found"),
        translate("explain.for_class", label=first.label),
        translate("explain.for_class", label=second.label),
        translate("explain.rather_than", label=first.label, other=second.label),
    )


def _captions(explained: Explained) -> tuple[str, ...]:
    prediction, first, second = explained
    read = "explain.read_with_doubt" if prediction.abstention_reason else "explain.read_as"
    return (
        translate(read, label=first.label, probability=percent(prediction.probability)),
        _sums(first),
        _sums(second),
        translate("explain.lead", lead=first.logit - second.logit, bias=first.bias - second.bias),
    )


def _sums(attribution: Attribution) -> str:
    sums = {"pro": attribution.positive, "contra": attribution.negative}
    return translate("explain.sums", logit=attribution.logit, bias=attribution.bias, **sums)


def _draw_crop(panel: Axes, picture: Picture, prediction: DigitPrediction, *, faded: bool) -> None:
    """The picture around the digit at full resolution; in pale grey where evidence is drawn on it."""
    pixels = picture.stages[0].array
    if faded:
        grey = pixels if pixels.ndim == 2 else pixels.mean(2)
        pixels = (255 - FADED_CONTRAST * (255 - grey)).astype(np.uint8)
    width, height = picture.size
    panel.imshow(pixels, extent=(0, width, height, 0), cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
    x, y, w, h = prediction.digit.box
    side = max(w, h) * (1 if _is_whole(picture, prediction) else 1 + 2 * PADDING)
    panel.set(xlim=(x + (w - side) / 2, x + (w + side) / 2), ylim=(y + (h + side) / 2, y + (h - side) / 2), xticks=[], yticks=[])
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]).mean(0) / 255
    red, green, blue = np.broadcast_to(edge, 3).tolist()
    panel.set_facecolor((red, green, blue))  # the paper continues beyond the picture
    panel.grid(visible=False)
    panel.spines[:].set(visible=True, color=FAINT)


def _draw_evidence(panel: Axes, prediction: DigitPrediction, evidence: NDArray[np.float32], scale: ScalarMappable) -> None:
    """Evidence (H, W), drawn where its pixels came from; weak evidence is transparent."""
    limits = panel.axis()
    fine = np.kron(evidence, np.ones((UPSAMPLING, UPSAMPLING)))
    colours = scale.to_rgba(fine)
    colours[..., 3] = np.sqrt(np.clip(np.abs(fine) / scale.get_clim()[1], 0, 1))
    to_picture = Affine2D(np.vstack([prediction.digit.affine, [0, 0, 1]])) + panel.transData
    panel.imshow(colours, extent=(0, evidence.shape[1], evidence.shape[0], 0), interpolation="nearest", transform=to_picture)
    panel.axis(limits)


def _draw_legend(figure: Figure, scale: ScalarMappable) -> None:
    """The colour bar at the foot."""
    height = figure.get_figheight()
    axes = figure.add_axes(((WIDTH - 3.2) / 2 / WIDTH, 0.34 / height, 3.2 / WIDTH, 0.12 / height))
    bar = figure.colorbar(scale, cax=axes, orientation="horizontal", extend="both")
    axes.grid(visible=False)
    bar.outline.set_visible(False)
    for x, side, ha in ((-0.07, "against", "right"), (1.07, "for", "left")):
        axes.text(x, 0.5, translate(f"figures.{side}"), transform=axes.transAxes, ha=ha, va="center", fontsize=10, color=MUTED)


def _shorten(name: str) -> str:
    """The end of a long name."""
    return name if len(name) <= 40 else f"...{name[-40:]}"
