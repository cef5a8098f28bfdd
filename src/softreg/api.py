"""`softreg.predict`, `softreg.explain` and `softreg.export`: the commands of these names, for Python programs.

A model is a name that comes with softreg ("handwriting", "best", "tutorial"), the folder of a run, a `Run`, or a
`SoftmaxRegression`. May import `figures`, `exporting` and what is below; start reading at `predict`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray

from softreg.errors import PictureError
from softreg.exporting.export import export as export_model
from softreg.figures.evidence import evidence_on_picture
from softreg.figures.house_style import save
from softreg.imaging.decode import Source
from softreg.imaging.picture import Picture, picture_from_array, read_picture
from softreg.inference.attribution import Attribution, first_and_second
from softreg.inference.prediction import DigitPrediction, Prediction, percent
from softreg.inference.prediction import predict as predict_pictures
from softreg.messages import translate
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.runs.pretrained import READER, pretrained_path
from softreg.runs.run import Run, load
from softreg.storage.destination import check_destination

AnyPicture = Source | NDArray[np.uint8] | torch.Tensor | Picture
Several = TypeVar("Several", bound=AnyPicture)
AnyModel = str | os.PathLike[str] | Run | SoftmaxRegression
DEFAULT = pretrained_path(READER)  # by its path: a folder of the same name is none of ours


@overload
def predict(pictures: AnyPicture, model: AnyModel = DEFAULT) -> Prediction: ...
@overload
def predict(pictures: list[Several] | tuple[Several, ...], model: AnyModel = DEFAULT) -> list[Prediction]: ...
def predict(pictures: AnyPicture | list[Several] | tuple[Several, ...], model: AnyModel = DEFAULT) -> Prediction | list[Prediction]:
    """Read the digits in one picture, or in several.

    Parameters
    ----------
    pictures : a path, the bytes of a file, an open file, an array uint8 (H, W) or (H, W, 3); or a list of these
    model : a name, the folder of a run, a `Run`, or a model

    Returns
    -------
    Prediction or list of Prediction
        One for a single picture, a list for a list. `label` is the answer, None if the model abstains; `str()` is a sentence.

    Raises
    ------
    PictureError
        If a picture cannot be read.
    RunError
        If there is no such run.
    """
    asked = _model(model)
    if isinstance(pictures, list | tuple):
        return predict_pictures(asked, [_picture(picture) for picture in pictures])
    (prediction,) = predict_pictures(asked, [_picture(pictures)])
    return prediction


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a picture's digits were read as they were: `str()` puts it into words, `save` draws it.

    Attributes
    ----------
    picture : the picture, with the steps of its reading
    digits : for each digit its prediction, and the contributions of its pixels to the most probable class and to the runner-up
    """

    picture: Picture
    digits: tuple[tuple[DigitPrediction, Attribution, Attribution], ...]

    def __str__(self) -> str:
        return "\n".join(line for digit in self.digits for line in _lines(*digit))

    def save(self, path: str | os.PathLike[str], *, force: bool = True) -> Path:
        """Draw the contributions on the picture, as a PNG file, and give its path back; `force` replaces a file."""
        check_destination(Path(path), force=force)
        save(evidence_on_picture(self.picture, self.digits), Path(path), replace=force)
        return Path(path)

    def to_json(self) -> list[dict[str, Any]]:
        """The digits, as `softreg explain PICTURE --json` prints them."""
        return [prediction.to_json() | {"evidence": [part.to_json() for part in parts]} for prediction, *parts in self.digits]


def explain(picture: AnyPicture, model: AnyModel = DEFAULT) -> Explanation:
    """Explain why the digits of a picture are read as they are; parameters as in `predict`.

    Raises
    ------
    PictureError
        If the picture cannot be read, or no digit is found in it.
    RunError
        If there is no such run.
    """
    found, asked = _picture(picture), _model(model)
    (prediction,) = predict_pictures(asked, [found])
    if prediction.picture.reason is not None:
        raise PictureError("explain.nothing", picture=found.name, reason=translate(prediction.picture.reason))
    return Explanation(prediction.picture, tuple((digit, *first_and_second(asked, digit)) for digit in prediction.readings))


def export(model: AnyModel, path: str | os.PathLike[str], file_format: str | None = None, *, force: bool = False) -> Path:
    """Write a model for other programs to the file `path`, and return that path.

    The format is "onnx", "npz" or "json", by default the ending of the file's name.

    Raises
    ------
    SoftregError
        If there is no such run or format, the file exists and not `force`, or it cannot be written.
    """
    export_model(_model(model), file_format or Path(path).suffix.removeprefix("."), Path(path), force=force)
    return Path(path)


def _model(model: AnyModel) -> SoftmaxRegression:
    if isinstance(model, SoftmaxRegression):
        return model
    return model.model() if isinstance(model, Run) else load(model)


def _picture(picture: AnyPicture) -> Picture:
    if isinstance(picture, Picture):
        return picture
    if isinstance(picture, torch.Tensor):
        picture = picture.cpu().numpy()
    return picture_from_array(picture) if isinstance(picture, np.ndarray) else read_picture(picture)


def _lines(prediction: DigitPrediction, *parts: Attribution) -> Iterator[str]:
    reason = prediction.to_json()["reason"]
    if reason:
        yield translate("explain.doubted", reason=reason)
    for part in parts:
        probability = percent(float(prediction.probabilities[prediction.classes.index(part.label)]))
        sums = {"pro": part.positive, "contra": part.negative, "logit": part.logit, "bias": part.bias}
        yield translate("explain.line", label=part.label, probability=probability, **sums)
