"""A request's body becomes images, and what the model makes of them becomes JSON."""

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from softreg.errors import ServingError, SoftregError
from softreg.serving.models import Models

SIDE = 28


@dataclass(frozen=True, slots=True)
class Question:
    """What `POST /predict` asks.

    Attributes
    ----------
    body : a picture's file, or JSON
    is_json : which of the two
    model : a key of `Models`
    stages : whether the way from the picture to the image is asked for
    evidence : whether the evidence for each class is asked for
    """

    body: bytes
    is_json: bool
    model: str
    stages: bool
    evidence: bool


def image_of_json(body: bytes) -> Tensor:
    """The image uint8 (28, 28) in a JSON body: 28 rows of 28 whole numbers from 0 to 255, bare or as `{"image": ...}`."""
    try:
        value = json.loads(body)
        rows = value["image"] if isinstance(value, dict) else value
        if len(rows) != SIDE or not all(isinstance(row, list) and len(row) == SIDE for row in rows):
            raise ValueError("shape")
        return torch.frombuffer(bytearray(b"".join(bytes(row) for row in rows)), dtype=torch.uint8).view(SIDE, SIDE)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ServingError("serving.not_an_image", status=400) from None


def encoded(values: Tensor | np.ndarray[Any, Any]) -> dict[str, Any]:
    """An array as JSON: `scale` times its bytes (base64) are its values; floats in 127 steps of the largest magnitude."""
    array = np.asarray(values)
    scale = 1.0
    if array.dtype != np.uint8:
        scale = (float(np.abs(array).max(initial=0)) or 1.0) / 127
        array = np.rint(array / scale).astype(np.int8)
    return {"shape": array.shape, "type": str(array.dtype), "scale": scale, "bytes": b64encode(array.tobytes()).decode("ascii")}


def answer(models: Models, questions: Sequence[Question]) -> list[dict[str, Any] | Exception]:
    """The answers, or for a question that is refused the error; the images of one model go through it together."""
    answers: list[dict[str, Any] | Exception] = [{} for _ in questions]
    together: dict[str, list[tuple[int, Tensor, list[Tensor]]]] = {}
    for i, question in enumerate(questions):
        try:
            models.get(question.model)
            image, stages = _image(question)
            together.setdefault(question.model, []).append((i, image, stages))
        except SoftregError as error:
            answers[i] = error
    for key, asked in together.items():
        model = models.get(key)
        logits = model.logits(torch.stack([image for _, image, _ in asked]))  # (B, C)
        rows = torch.softmax(logits.double(), dim=1)
        for (i, image, stages), z, p in zip(asked, logits.tolist(), rows.tolist(), strict=True):
            answers[i] = told = _as_json(key, model.classes, z, p)
            if questions[i].stages:
                told["stages"] = [{"name": str(n), **encoded(stage)} for n, stage in enumerate([*stages, image])]
            if questions[i].evidence:
                x = model.features(image[None])  # (1, D)
                told["evidence"] = encoded((model.linear.weight.detach() * x).view(-1, SIDE, SIDE))
    return answers


def _image(question: Question) -> tuple[Tensor, list[Tensor]]:
    if question.is_json:
        return image_of_json(question.body), []
    import io

    from PIL import Image

    from softreg.errors import PictureError

    try:
        picture = Image.open(io.BytesIO(question.body), formats=("PNG", "JPEG", "WEBP"))
        picture = picture.convert("L")
    except (OSError, ValueError, SyntaxError) as error:
        raise PictureError("serving.not_an_image") from error
    array = np.asarray(picture)
    if array.shape == (SIDE, SIDE) and array[0, 0] < 128:
        return torch.from_numpy(array.copy()), []
    ink = 255 - array if np.median(array) > 127 else array
    ys, xs = np.nonzero(ink > 60)
    if not len(ys):
        return torch.zeros(SIDE, SIDE, dtype=torch.uint8), [torch.from_numpy(ink.copy())]
    cut = ink[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    scale = 20 / max(cut.shape)
    small = np.asarray(
        Image.fromarray(cut).resize(
            (max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale))), Image.Resampling.BOX
        )
    )
    h, w = small.shape
    total = small.sum() or 1
    cy, cx = (small.sum(1) * np.arange(h)).sum() / total, (small.sum(0) * np.arange(w)).sum() / total
    top, left = int(np.clip(round(13.5 - cy), 0, SIDE - h)), int(np.clip(round(13.5 - cx), 0, SIDE - w))
    out = np.zeros((SIDE, SIDE), np.uint8)
    out[top : top + h, left : left + w] = small
    return torch.from_numpy(out), [torch.from_numpy(ink.copy()), torch.from_numpy(cut.copy())]


def _as_json(key: str, classes: tuple[str, ...], logits: list[float], probabilities: list[float]) -> dict[str, Any]:
    best = max(range(len(classes)), key=probabilities.__getitem__)
    return {
        "schema": 1,
        "model": key,
        "predictions": [
            {
                "picture": "1",
                "label": classes[best],
                "probability": probabilities[best],
                "probabilities": dict(zip(classes, probabilities, strict=True)),
                "abstained": False,
                "reason": None,
                "logits": dict(zip(classes, logits, strict=True)),
            }
        ],
    }
