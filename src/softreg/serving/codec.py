"""A request's body becomes a picture, and what the model makes of it becomes JSON."""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import orjson
import torch
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from softreg.errors import ServingError
from softreg.image_format import SIDE
from softreg.imaging.picture import Digit, Picture, Stage, mnist_picture, read_picture
from softreg.inference.attribution import attribution_maps
from softreg.inference.prediction import Prediction, by_class, predict
from softreg.messages import Language, translate, use_language
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.serving.models import Models

STAGE_PIXELS = 112  # pixels: the longer side of a stage as it is sent
PNG_28_HEADER = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x1c\0\0\0\x1c\x08\0"  # how a PNG of 28 x 28 8-bit greys begins
SPECIAL_CHUNKS = re.compile(rb"tRNS|acTL|eXIf")  # transparency, animation, orientation
IDENTITY = np.eye(2, 3)
NAME = "picture"  # of every picture: a client's own file names are not asked for


@dataclass(frozen=True, slots=True)
class PredictRequest:
    """What `POST /predict` asks.

    Attributes
    ----------
    body : a picture's file, or JSON
    is_json : which of the two
    model : a key of `Models`
    language : to answer in
    stages : whether to add the steps from the picture to the image
    evidence : whether to add each pixel's contribution to each class
    digit : whose evidence, counted from 0 in reading order; None for the least certain digit
    """

    body: bytes
    is_json: bool
    model: str
    language: Language
    stages: bool
    evidence: bool
    digit: int | None = None

    @property
    def is_image(self) -> bool:
        """Whether the body is a 28 x 28 image already, in which no digits have to be found."""
        return self.is_json or self.body.startswith(PNG_28_HEADER)


def predict_batch(models: Models, requests: Sequence[PredictRequest]) -> list[dict[str, Any] | Exception]:
    """The response to each request, or its error; the pictures for one model are predicted as one batch."""
    answers: dict[int, dict[str, Any] | Exception] = {}
    found = {key: _model_or_error(models, key) for key in {request.model for request in requests}}
    together: dict[SoftmaxRegression, list[tuple[int, Picture]]] = {}
    for i, request in enumerate(requests):
        use_language(request.language)
        model = found[request.model]
        if isinstance(model, Exception):
            answers[i] = model
            continue
        try:
            together.setdefault(model, []).append((i, _decode(request)))
        except Exception as error:  # even a fault of ours: it must not fall on the others
            answers[i] = error
    for model, asked in together.items():
        for (i, _), prediction in zip(asked, predict(model, [picture for _, picture in asked]), strict=True):
            use_language(requests[i].language)
            answers[i] = _encode(model, prediction, requests[i])
    return [answers[i] for i in range(len(requests))]


def _model_or_error(models: Models, key: str) -> SoftmaxRegression | Exception:
    try:
        return models.get(key)
    except Exception as error:
        return error


def parse_json_image(body: bytes) -> NDArray[np.uint8]:
    """The image uint8 (28, 28) in a JSON body: 28 rows of 28 whole numbers from 0 to 255, bare or as `{"image": ...}`.

    Raises
    ------
    ServingError
        If it is anything else.
    """
    try:
        value = orjson.loads(body)
        rows = value["image"] if isinstance(value, dict) else value
        if len(rows) != SIDE or not all(isinstance(row, list) and len(row) == SIDE for row in rows):
            raise ValueError("shape")
        return np.frombuffer(bytearray(b"".join(bytes(row) for row in rows)), np.uint8).reshape(SIDE, SIDE)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ServingError("serving.not_an_image") from None


def encode_array(values: torch.Tensor | NDArray[Any]) -> dict[str, Any]:
    """An array as JSON: `scale` times its bytes (base64) are its values; floats in 127 steps of the largest magnitude."""
    array = np.asarray(values)
    scale = 1.0
    if array.dtype != np.uint8:
        scale = (float(np.abs(array).max(initial=0)) or 1.0) / 127
        array = np.rint(array / scale).astype(np.int8)
    return {"shape": array.shape, "type": str(array.dtype), "scale": scale, "bytes": b64encode(array.tobytes()).decode("ascii")}


def parse_mnist_png(body: bytes) -> Picture | None:
    """What `read_picture` would give, in half the time, if the picture is a 28 x 28 grey PNG in MNIST's form; None if it is not."""
    if not body.startswith(PNG_28_HEADER) or SPECIAL_CHUNKS.search(body):
        return None
    try:
        file = PngImageFile(BytesIO(body))  # its size is known: what `Image.open` does besides takes longer than decoding
        image = np.frombuffer(bytearray(file.tobytes()), np.uint8).reshape(SIDE, SIDE)
    except Exception:  # read_picture says what is wrong with it
        return None
    return mnist_picture(NAME, image, image, (translate("pictures.unchanged"),))


def _decode(request: PredictRequest) -> Picture:
    if not request.is_json:
        return parse_mnist_png(request.body) or read_picture(request.body, name=NAME)
    image = parse_json_image(request.body)  # an image already: nothing to find, nothing to change
    digit = Digit(image, (0.0, 0.0, SIDE, SIDE), IDENTITY, 1, float("nan"), float((image > 127).mean()))
    stages = (Stage("pictures.stage_image", image),)
    return Picture(NAME, (SIDE, SIDE), (), stages, (digit,) if image.any() else (), None if image.any() else "pictures.blank")


def _encode(model: SoftmaxRegression, prediction: Prediction, request: PredictRequest) -> dict[str, Any]:
    payload, readings = prediction.to_json(), prediction.readings
    for digit, reading in zip(payload["digits"], readings, strict=True):
        digit["logits"] = by_class(model.classes, reading.logits)
    least = min(range(len(readings)), key=lambda i: readings[i].probability, default=None)  # the one its probabilities are of
    if least is not None:
        payload["logits"] = payload["digits"][least]["logits"]
    result: dict[str, Any] = {"schema": 1, "model": request.model, "predictions": [payload]}
    if request.stages:
        result["stages"] = [{"title": stage.title, **encode_array(_thumbnail(stage.array))} for stage in prediction.picture.stages]
    explained = least if request.digit is None else request.digit
    if request.evidence and explained is not None and explained < len(readings):
        result["evidence"] = _evidence(model, readings[explained].digit.image)
    return result


def _evidence(model: SoftmaxRegression, image: NDArray[np.uint8]) -> dict[str, Any]:
    """Each pixel's contribution to each class; the sums of the positive and negative ones, with the bias, add up to its logit."""
    pixels = attribution_maps(model, torch.from_numpy(image))  # (C, 28, 28)
    return {
        "image": encode_array(image),
        "pixels": encode_array(pixels),
        "for": by_class(model.classes, pixels.clamp_min(0).sum((1, 2))),
        "against": by_class(model.classes, pixels.clamp_max(0).sum((1, 2))),
        "bias": by_class(model.classes, model.linear.bias.detach()),
    }


def _thumbnail(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """At most `STAGE_PIXELS` pixels long, and without colour if it has none."""
    if array.ndim == 3 and (array == array[..., :1]).all():
        array = array[..., 0]
    factor = -(-max(array.shape[:2]) // STAGE_PIXELS)
    return np.asarray(Image.fromarray(array).reduce(factor)) if factor > 1 else array
