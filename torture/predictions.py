"""Most of what a server is asked: digits to predict, over connections that stay open. The answer to a request must never change."""

import json
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from softreg.data.load import load_dataset
from torture.connections import Answer

N_DIGITS = 499  # a prime: every client asks about every digit
DRAWN = 250  # of the digits one in so many is a drawing, which must be looked for; the others are images already
DRAWING = (84, 84)  # pixels
LARGE = 100  # one in so many is for the default model, whose features take ten times as long as pixels
TOLERANCE = 1e-5  # of a probability: how many requests are answered together decides how their sums are rounded


class Predictions:
    """Requests to predict, and whether an answer is the one that was given first."""

    def __init__(self, host: str) -> None:
        images = load_dataset("mnist").test[:N_DIGITS].images.numpy()
        self._requests = [_request(host, number, *_encoded(image, number)) for number, image in enumerate(images)]
        self._known: list[list[bytes]] = [[] for _ in images]  # the first answer to each, and those that round it otherwise

    def make(self, number: int) -> bytes:
        """The bytes of request `number`."""
        return self._requests[number % N_DIGITS]

    def complaint(self, answer: Answer) -> str:
        """What is wrong with an answer; empty if nothing is."""
        if answer.status != 200:
            return f"status {answer.status}"
        known = self._known[answer.number % N_DIGITS]
        if answer.body in known:
            return ""
        if known and not _agree(json.loads(answer.body), json.loads(known[0])):
            return "another answer than before"
        known.append(answer.body)
        return ""


def _encoded(image: Any, number: int) -> tuple[str, bytes]:
    """Media type and body: a PNG, or JSON; now and then a larger drawing."""
    if number % DRAWN == 0:
        return "image/png", _png(Image.fromarray(255 - image).resize(DRAWING, Image.Resampling.BICUBIC))
    if number % 2:
        return "image/png", _png(Image.fromarray(image))
    return "application/json", json.dumps({"image": image.tolist()} if number % 4 else image.tolist()).encode()


def _png(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _request(host: str, number: int, media_type: str, body: bytes) -> bytes:
    query = "" if number % LARGE == 1 else "?model=tutorial"
    head = f"POST /predict{query} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {media_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _agree(found: dict[str, Any], first: dict[str, Any]) -> bool:
    """Whether two answers name the same labels with the same probabilities."""
    pairs = list(zip(found["predictions"], first["predictions"], strict=True))
    return all(
        ours["label"] == theirs["label"]
        and np.allclose(list(ours["probabilities"].values()), list(theirs["probabilities"].values()), atol=TOLERANCE)
        for ours, theirs in pairs
    )
