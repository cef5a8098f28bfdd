"""Draws the pictures of docs/features-explained.md, in English and in Korean, and prints what they measure as JSON.

::

    python -m benchmarks.feature_pictures --out docs/images

Only training images are read. Claim: one convex layer makes a third of the errors or fewer on `patches`, `scattering` and `both`
that it makes on pixels, of digits as written and of bent ones, although bending moves an image about as far in any of them.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import NullFormatter, PercentFormatter, StrMethodFormatter
from torch import Generator, Tensor

from softreg.data.augmentation import elastic_transform
from softreg.data.dataset import Dataset
from softreg.data.load import load_dataset
from softreg.features.deskew import deskew
from softreg.features.feature_map import FeatureMap
from softreg.features.scattering import Scattering
from softreg.figures.house_style import BLUE, INK, MUTED, ORANGE, house_style, new_figure, save
from softreg.messages import LANGUAGES, Message, language, use_language
from softreg.recipe import Recipe
from softreg.training.fit import fit

MAPS = ("pixels", "deskew", "patches", "scattering", "both")
TRAINED, HELD_OUT, BENT, MOVED = 6000, 10_000, 5000, 500  # images
PAIR = (4, 9)  # the classes whose logits are drawn
SHOWN = 9  # digits in the first picture
CHANNELS = ((1, 0), (1, 2), (1, 4), (1, 6), (2, 0), (2, 4), (3, 4), (3, 36))  # (group of `Scattering.activations`, channel)

TITLES = {
    "upright": Message(en="Centred and upright: what remains is the shape", ko="가운데로 옮기고 바로 세우면 모양만 남습니다"),
    "before": Message(en="as written", ko="쓴 그대로"),
    "after": Message(en="deskewed", ko="바로 세운 뒤"),
    "channels": Message(en="A digit through eight of the 81 channels", ko="81개 채널 가운데 8개로 본 숫자 하나"),
    "found": Message(en="where", ko="위치"),
    "pooled": Message(en="pooled", ko="풀링"),
    "errors": Message(
        en="Errors on held-out digits, as written and bent, after 6,000 images",
        ko="6,000장을 학습한 모델이 쓴 그대로의 숫자와 구부린 숫자에서 틀린 비율",
    ),
    "bent": Message(en="bent", ko="구부린 뒤"),
    "logits": Message(en="4 or 9? Held-out images on a line", ko="4일까 9일까? 학습에 쓰지 않은 이미지를 한 줄로 세우기"),
    "line": Message(en="logit of 9 minus logit of 4", ko="9의 로짓 - 4의 로짓"),
    "wrong": Message(en="{features}: {count} of {n} on the wrong side", ko="{features}: {n}장 중 {count}장이 반대쪽"),
}


@dataclass(frozen=True)
class Measurement:
    """What a model of `TRAINED` images on a feature map does with images that it has not seen.

    Attributes
    ----------
    features : the name of the map
    displacement : the median distance of an image to its bent copy, over that to the nearest image of another class
    written, bent : the share of held-out images that are read wrongly, as they are and bent
    differences : of the held-out images of each class of `PAIR`, the logit of the second minus that of the first
    """

    features: str
    displacement: float
    written: float
    bent: float
    differences: tuple[Tensor, Tensor]

    @property
    def wrong(self) -> int:
        """How many images of `PAIR` are on the wrong side of zero."""
        first, second = self.differences
        return int((first > 0).sum() + (second < 0).sum())

    def to_json(self) -> dict[str, float]:
        """All but the differences."""
        shares = {"displacement": self.displacement, "errors": self.written, "errors_bent": self.bent}
        return shares | {"wrong_side": self.wrong, "pair": sum(map(len, self.differences))}


@torch.no_grad()
def measure(features: str, train: Dataset) -> Measurement:
    """Train on the first images, and read the last ones as they are and bent."""
    known, unseen = train[:TRAINED], train[len(train) - HELD_OUT : len(train)]
    model = fit(Recipe(features=features, solver="lbfgs", l2=3e-3, tol=3e-3), known).model
    logits = model.logits(unseen.images)
    bent = model.logits(elastic_transform(unseen.images[:BENT], Generator().manual_seed(0)))
    first, second = (logits[unseen.labels == digit] for digit in PAIR)
    return Measurement(
        features,
        displacement(model.features, known),
        error(logits, unseen.labels),
        error(bent, unseen.labels[:BENT]),
        (first[:, PAIR[1]] - first[:, PAIR[0]], second[:, PAIR[1]] - second[:, PAIR[0]]),
    )


def error(logits: Tensor, labels: Tensor) -> float:
    """The share of wrong predictions."""
    return float((logits.argmax(1) != labels).double().mean())


def displacement(feature_map: FeatureMap, known: Dataset) -> float:
    """The median over some images of the distance to a bent copy, over that to the nearest image of another class."""
    images, labels = known.images[:MOVED], known.labels[:MOVED]
    x, others = feature_map(images), feature_map(known.images)  # (M, D), (N, D)
    moved = feature_map(elastic_transform(images, Generator().manual_seed(0)))  # (M, D)
    distances = torch.cdist(x, others)  # (M, N)
    distances[labels[:, None] == known.labels] = torch.inf
    return float(((x - moved).norm(dim=1) / distances.amin(1)).median())


def draw_upright(images: Tensor) -> Figure:
    """Digits as written and deskewed, in two rows."""
    figure = new_figure(8, 2.6, str(TITLES["upright"]))
    for row, (name, shown) in enumerate((("before", images / 255), ("after", deskew(images)))):
        figure.text(0.03, 0.62 - 0.42 * row, str(TITLES[name]), color=MUTED)
        for column, image in enumerate(shown):
            _show(figure.add_axes((0.17 + 0.09 * column, 0.47 - 0.42 * row, 0.085, 0.36)), image)
    return figure


def draw_channels(image: Tensor) -> Figure:
    """An upright digit, some of its activations, and what pooling leaves of them."""
    scattering = Scattering()
    groups = scattering.activations(scattering.planes(image[None]))
    figure = new_figure(9, 3.1, str(TITLES["channels"]))
    _show(figure.add_axes((0.01, 0.33, 0.1, 0.4)), deskew(image[None])[0])
    for row, name in enumerate(("found", "pooled")):
        figure.text(0.125, 0.62 - 0.4 * row, str(TITLES[name]), color=MUTED)
    for column, (group, channel) in enumerate(CHANNELS):
        u, (down, across) = groups[group]
        found = u[:, 0, channel]  # (H', W')
        for row, shown in enumerate((found, (down.T @ found @ across).sqrt())):
            _show(figure.add_axes((0.195 + 0.1 * column, 0.47 - 0.42 * row, 0.095, 0.36)), shown)
    return figure


def draw_errors(measured: list[Measurement]) -> Figure:
    """Two bars per feature map."""
    figure = new_figure(8, 3.6, str(TITLES["errors"]))
    axes = figure.add_axes((0.14, 0.12, 0.82, 0.74))
    for row, found in enumerate(measured):
        for share, offset, colour in ((found.written, -0.2, BLUE), (found.bent, 0.2, ORANGE)):
            axes.barh(row + offset, share, 0.38, color=colour)
            axes.text(share + 0.002, row + offset, f"{share:.1%}", va="center", color=MUTED)
    axes.set_yticks(range(len(measured)), [found.features for found in measured], color=INK)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(axis="y", visible=False)
    axes.legend(
        [Patch(color=BLUE), Patch(color=ORANGE)], [str(TITLES["before"]), str(TITLES["bent"])], frameon=False, loc="lower right"
    )
    return figure


def draw_separations(measured: list[Measurement]) -> Figure:
    """Histograms of the logits' difference, one below the other."""
    figure = new_figure(8, 1.0 + 1.6 * len(measured), str(TITLES["logits"]))
    height = 0.84 / len(measured)
    for row, found in enumerate(measured):
        axes = figure.add_axes((0.07, 0.91 - height * (row + 1) + 0.04, 0.89, height - 0.09))
        spread = float(torch.cat(found.differences).abs().quantile(0.995))
        for values, digit, colour in zip(found.differences, PAIR, (BLUE, ORANGE), strict=True):
            axes.hist(values.numpy(), bins=80, range=(-spread, spread), color=colour, alpha=0.75, label=str(digit))
        axes.axvline(0, color=INK, linewidth=1, linestyle="--")
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))  # the default is written in mathtext
        axes.yaxis.set_minor_formatter(NullFormatter())
        n = sum(map(len, found.differences))
        axes.set_title(TITLES["wrong"].format(features=found.features, count=found.wrong, n=n), loc="left")
        axes.legend(frameon=False, loc="upper right")
    axes.set_xlabel(str(TITLES["line"]))
    return figure


def _show(axes: Axes, image: Tensor) -> None:
    axes.imshow(image.numpy(), cmap="Greys", interpolation="nearest", vmin=0)
    axes.axis("off")


def main() -> None:
    """Measure, draw and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    out = parser.parse_args().out
    train = load_dataset("mnist").train
    measured = {name: measure(name, train) for name in MAPS}
    for chosen in LANGUAGES:
        use_language(chosen)
        with house_style():
            figures = {
                "upright": draw_upright(train.images[:SHOWN]),
                "channels": draw_channels(train.images[2]),
                "errors": draw_errors(list(measured.values())),
                "separation": draw_separations([measured[name] for name in ("pixels", "deskew", "both")]),
            }
        for name, figure in figures.items():
            save(figure, out / f"features-{name}.{language()}.png")
    print(json.dumps({name: found.to_json() for name, found in measured.items()}, indent=2))


if __name__ == "__main__":
    main()
