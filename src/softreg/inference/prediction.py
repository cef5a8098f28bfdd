"""What a model reads in a person's picture: digit by digit, left to right, or why it would rather not say."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import Any

import torch
from torch import Tensor

from softreg.errors import PictureError
from softreg.imaging.decode import Source
from softreg.imaging.picture import Digit, Picture, read_picture
from softreg.messages import translate
from softreg.model.softmax_regression import SoftmaxRegression

BATCH = 4  # pictures in memory at a time: with their steps they may take 20 MB each
MIN_CONFIDENCE = 0.5  # a class less probable than this is more likely wrong than right


@dataclass(frozen=True, eq=False)
class DigitPrediction:
    """One digit of a picture, read.

    Attributes
    ----------
    digit : where it was found, and its image
    logits, probabilities : (C,)
    doubt : the key of the table of words that says why the model abstains; None if it does not
    """

    digit: Digit
    logits: Tensor
    probabilities: Tensor
    classes: tuple[str, ...]
    doubt: str | None

    @property
    def label(self) -> str:
        """The most probable class."""
        return self.classes[int(self.probabilities.argmax())]

    @property
    def probability(self) -> float:
        """Of the label."""
        return float(self.probabilities.max())

    def to_json(self) -> dict[str, Any]:
        """Its place in the upright picture, in pixels, and what was read there."""
        x, y, width, height = self.digit.box
        return {
            "x": x,
            "y": y,
            "width": width,
            "height": height,
            "label": None if self.doubt else self.label,
            "probability": self.probability,
            "probabilities": by_class(self.classes, self.probabilities),
            "reason": translate(self.doubt) if self.doubt else None,
        }


@dataclass(frozen=True, eq=False)
class Prediction:
    """What was read in one picture.

    Attributes
    ----------
    picture : the picture, with its steps
    readings : its digits, left to right
    classes : of the model
    """

    picture: Picture
    readings: tuple[DigitPrediction, ...]
    classes: tuple[str, ...]

    @property
    def doubt(self) -> str | None:
        """The key of the table of words that says why there is no answer; None if there is one."""
        return self.picture.reason or next((each.doubt for each in self.readings if each.doubt), None)

    @property
    def label(self) -> str | None:
        """The digits read, left to right, as one text; None where the model abstains."""
        return None if self.doubt else "".join(each.label for each in self.readings)

    @property
    def probability(self) -> float:
        """That every digit is what it was read as; 0 if none was found."""
        return prod(each.probability for each in self.readings) if self.readings else 0.0

    @property
    def probabilities(self) -> Tensor:
        """By class, (C,): of the only digit, or of the least certain one; equal where no digit was found."""
        if not self.readings:
            return torch.full((len(self.classes),), 1 / len(self.classes))
        return min(self.readings, key=lambda each: each.probability).probabilities

    def to_json(self) -> dict[str, Any]:
        """As `softreg predict --json` and the server's `/predict` tell it."""
        return {
            "picture": self.picture.name,
            "label": self.label,
            "probability": self.probability,
            "probabilities": by_class(self.classes, self.probabilities),
            "abstained": self.doubt is not None,
            "reason": translate(self.doubt) if self.doubt else None,
            "boxes": [each.to_json() for each in self.readings],
            "notes": list(self.picture.notes),
        }


def predict(model: SoftmaxRegression, pictures: Sequence[Picture]) -> list[Prediction]:
    """Read all pictures; their digits go through the model together."""
    digits = [digit for picture in pictures for digit in picture.digits]
    if not digits:
        return [Prediction(picture, (), model.classes) for picture in pictures]
    images = torch.stack([torch.from_numpy(digit.image) for digit in digits])  # (N, 28, 28)
    logits, probabilities, whys = predict_images(model, images)
    found = zip(digits, logits, probabilities, whys, strict=True)
    readings = iter([DigitPrediction(digit, z, p, model.classes, why) for digit, z, p, why in found])
    return [Prediction(picture, tuple(next(readings) for _ in picture.digits), model.classes) for picture in pictures]


def predict_each(model: SoftmaxRegression, sources: Iterable[tuple[Source, str]]) -> Iterator[Prediction | PictureError]:
    """Read pictures, each given as what `read_picture` takes and a name, in order; for one that cannot be read, the error.

    However many they are, only a few are in memory at a time.
    """
    waiting = iter(sources)
    while taken := [_read(source, name) for source, name in islice(waiting, BATCH)]:
        predictions = iter(predict(model, [each for each in taken if isinstance(each, Picture)]))
        yield from (next(predictions) if isinstance(each, Picture) else each for each in taken)


def _read(source: Source, name: str) -> Picture | PictureError:
    try:
        return read_picture(source, name=name)
    except PictureError as error:
        return error


@torch.inference_mode()
def predict_images(model: SoftmaxRegression, images: Tensor) -> tuple[Tensor, Tensor, list[str | None]]:
    """What a model makes of images (N, 28, 28): logits (N, C), probabilities (N, C), and of each why not to believe it.

    An image is doubted if no class is likelier than all the others together; and, by a model that was calibrated, if it is unlike
    any class (`softreg.model.out_of_distribution`). The reason is a key of the table of words, or None.
    """
    x = model.features(images.to(model.linear.weight.device))  # (N, D)
    logits, probabilities = model.classify(x)  # (N, C)
    uncertain = (probabilities.max(1).values <= MIN_CONFIDENCE).tolist()
    novel = (model.ood_detector(x, logits) > 0).tolist() if model.ood_detector else [False] * len(images)
    whys = [
        "prediction.novel" if new else "prediction.uncertain" if torn else None for new, torn in zip(novel, uncertain, strict=True)
    ]
    return logits.cpu(), probabilities.cpu(), whys


def percent(probability: float) -> str:
    """A probability for people: never more certain than it is."""
    return ">99.9%" if probability >= 0.9995 else f"{probability:.1%}"


def by_class(classes: tuple[str, ...], values: Tensor) -> dict[str, float]:
    """Values (C,) under their classes' names."""
    return dict(zip(classes, values.tolist(), strict=True))
