"""What a model reads in a person's picture: line by line, digit by digit, or why it abstains."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from math import prod
from typing import Any

import torch
from torch import Tensor

from softreg.compute.defaults import default_torch
from softreg.errors import PictureError
from softreg.imaging.decode import Source
from softreg.imaging.picture import Digit, Picture, read_picture
from softreg.inference.reading import Reading, interpret
from softreg.inference.scores import Scores, score
from softreg.messages import translate
from softreg.model.softmax_regression import SoftmaxRegression

BATCH = 4  # pictures in memory at a time: with their steps they may take 20 MB each
MIN_CONFIDENCE = 0.5  # a class less probable than this is more likely wrong than right
UNNAMED = "?"  # stands for a digit that is not named, in a line of several


@dataclass(frozen=True, eq=False)
class DigitPrediction:
    """One digit of a picture, read.

    Attributes
    ----------
    digit : where it was found, and its image
    logits, probabilities : (C,)
    abstention_reason : the key of the message that says why the model abstains; None if it does not
    """

    digit: Digit
    logits: Tensor
    probabilities: Tensor
    classes: tuple[str, ...]
    abstention_reason: str | None

    @cached_property
    def by_class(self) -> dict[str, float]:
        """The probabilities under their classes' names."""
        return by_class(self.classes, self.probabilities)

    @cached_property
    def label(self) -> str:
        """The most probable class."""
        return max(self.by_class, key=self.by_class.__getitem__)

    @cached_property
    def probability(self) -> float:
        """Of the label."""
        return self.by_class[self.label]

    def to_json(self) -> dict[str, Any]:
        """Its place in the upright picture, in pixels, and what was read there."""
        return {**self.place(), **self.answer()}

    def place(self) -> dict[str, float]:
        """Its box in the upright picture, in pixels."""
        x, y, width, height = self.digit.box
        return {"x": x, "y": y, "width": width, "height": height}

    def answer(self) -> dict[str, Any]:
        """What was read, as JSON; where the model abstains, `label` is null."""
        return {
            "label": None if self.abstention_reason else self.label,
            "probability": self.probability,
            "probabilities": self.by_class,
            **_abstention(self.abstention_reason),
        }


@dataclass(frozen=True, eq=False)
class Prediction:
    """What was read in one picture.

    Attributes
    ----------
    picture : the picture, with its steps
    readings : its digits, in reading order
    classes : of the model
    """

    picture: Picture
    readings: tuple[DigitPrediction, ...]
    classes: tuple[str, ...]

    def __str__(self) -> str:
        if self.abstention_reason:
            return f"{self.picture.name}: {translate(self.abstention_reason)}"
        return f"{self.picture.name}: {' / '.join(self.lines)} ({percent(self.probability)})"

    @property
    def abstention_reason(self) -> str | None:
        """The key of the message that says why there is no answer; None if there is one."""
        return self.picture.reason or next((r.abstention_reason for r in self.readings if r.abstention_reason), None)

    @property
    def label(self) -> str | None:
        """All digits in reading order as one text; None if the model abstains on any of them."""
        return None if self.abstention_reason else "".join(reading.label for reading in self.readings)

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines of text, with a question mark for each digit on which the model abstains."""
        texts = iter(UNNAMED if reading.abstention_reason else reading.label for reading in self.readings)
        lengths = self.picture.lines or ((len(self.readings),) if self.readings else ())
        return tuple("".join(islice(texts, length)) for length in lengths)

    @property
    def probability(self) -> float:
        """The probability that every digit was read correctly; 0 if none was found."""
        return prod(reading.probability for reading in self.readings) if self.readings else 0.0

    @property
    def probabilities(self) -> Tensor:
        """By class, (C,): of the only digit, or of the least certain one; equal where no digit was found."""
        if not self.readings:
            return torch.full((len(self.classes),), 1 / len(self.classes))
        return min(self.readings, key=lambda reading: reading.probability).probabilities

    def to_json(self) -> dict[str, Any]:
        """As `softreg predict --json` and the server's `/predict` give it; a digit's `box` is `[x, y, width, height]`."""
        answers = [(reading, reading.answer()) for reading in self.readings]
        return {
            "picture": self.picture.name,
            "label": self.label,
            "probability": self.probability,
            "probabilities": by_class(self.classes, self.probabilities),
            **_abstention(self.abstention_reason),
            "lines": list(self.lines),
            "digits": [{"box": list(reading.digit.box), **answer} for reading, answer in answers],
            "boxes": [{**reading.place(), **answer} for reading, answer in answers],
            "notes": list(self.picture.notes),
        }


def _abstention(reason: str | None) -> dict[str, Any]:
    """Whether, why in the user's language, and why for a program: the last part of the message's key."""
    return {
        "abstained": reason is not None,
        "reason": translate(reason) if reason else None,
        "reason_code": reason.rpartition(".")[2] if reason else None,
    }


@default_torch(keep_inference_mode=True)
def predict(model: SoftmaxRegression, pictures: Sequence[Picture]) -> list[Prediction]:
    """Read all pictures, each in the way in which the model is surest of its digits (`softreg.inference.reading`).

    A model that was trained on other images than digits on paper gets each picture whole.
    """
    model.check_reads_pictures()
    if model.whole_pictures:
        pictures = [picture.as_one_image(model.image_shape, model.ground) for picture in pictures]
    interpreted = list(interpret(model, pictures))
    reasons = iter(_all_abstention_reasons(interpreted))
    predictions = []
    for picture, scores, _ in interpreted:
        found = () if scores is None else zip(picture.digits, scores.logits, scores.probabilities, strict=True)
        readings = tuple(DigitPrediction(digit, z, p, model.classes, next(reasons)) for digit, z, p in found)
        predictions.append(Prediction(picture, readings, model.classes))
    return predictions


def _all_abstention_reasons(interpreted: Sequence[Reading]) -> list[str | None]:
    """Of the digits of all pictures, told together: for one image at a time the comparisons would take longer than the model."""
    scored = [(scores, doubt) for _, scores, doubt in interpreted if scores is not None]
    if not scored:
        return []
    scores = Scores.cat([part for part, _ in scored])
    doubts = [torch.full((len(part.logits),), -torch.inf) if doubt is None else doubt for part, doubt in scored]
    return abstention_reasons(scores, torch.cat(doubts))


def predict_each(model: SoftmaxRegression, sources: Iterable[tuple[Source, str]]) -> Iterator[Prediction | PictureError]:
    """Read pictures, each given as what `read_picture` takes and a name, in order; for one that cannot be read, the error.

    However many they are, only a few are in memory at a time.
    """
    waiting = iter(sources)
    while batch := [_picture_or_error(source, name) for source, name in islice(waiting, BATCH)]:
        predictions = iter(predict(model, [picture for picture in batch if isinstance(picture, Picture)]))
        yield from (next(predictions) if isinstance(picture, Picture) else picture for picture in batch)


def _picture_or_error(source: Source, name: str) -> Picture | PictureError:
    try:
        return read_picture(source, name=name)
    except PictureError as error:
        return error


@default_torch(keep_inference_mode=True)
def predict_images(model: SoftmaxRegression, images: Tensor) -> tuple[Tensor, Tensor, list[str | None]]:
    """What a model says of images (N, 28, 28): logits (N, C), probabilities (N, C), and for each the reason to abstain, or None."""
    scores = score(model, images)
    return scores.logits, scores.probabilities, abstention_reasons(scores)


def abstention_reasons(scores: Scores, doubt: Tensor | None = None) -> list[str | None]:
    """For each image the key of the message that says why not to name it, or None.

    It is not named if no class is likelier than all the others together; nor, by a model that was calibrated, if it is unlike
    any class (`softreg.model.out_of_distribution`), nor if the log odds of a digit, -novelty, do not exceed its `doubt` (N,).
    """
    probability = scores.probabilities.max(1).values
    held_against = [
        ("prediction.novel", scores.novelty > 0),
        ("prediction.uncertain", probability <= MIN_CONFIDENCE),
    ]
    if doubt is not None:
        held_against.append(("prediction.doubtful", -scores.novelty <= doubt))
    flags = zip(*(flag.tolist() for _, flag in held_against), strict=True)
    return [next((key for (key, _), held in zip(held_against, image, strict=True) if held), None) for image in flags]


def percent(probability: float) -> str:
    """A probability for people: never more certain than it is."""
    if 0 < probability < 0.0005:
        return "<0.1%"
    return ">99.9%" if probability >= 0.9995 else f"{probability:.1%}"


def by_class(classes: tuple[str, ...], values: Tensor) -> dict[str, float]:
    """Values (C,) under their classes' names."""
    return dict(zip(classes, values.tolist(), strict=True))
