"""The least that a server of a model can do: decode a PNG, ask the model, answer JSON. `benchmarks.throughput` runs it.

`app` is it for uvicorn and Granian, an ASGI app that answers one request at a time; run as a program, the same in mosec, which
answers a batch of those that wait. Both read the model that the environment variable MODEL names.
"""

import gc
import json
import os
from io import BytesIO
from typing import Any

import numpy as np
import torch
from mosec import Server, Worker
from numpy.typing import NDArray
from PIL import Image
from starlette.types import Receive, Scope, Send

import softreg
from softreg.runs.pretrained import pretrained_path

MAX_BATCH = 64  # as softreg's
WAIT_MS = 1  # mosec waits so long for others: it takes no less

torch.set_num_threads(1)
MODEL = softreg.load(pretrained_path(os.environ["MODEL"]))
gc.freeze()  # as softreg does: torch is not looked through for garbage again and again


def decode(body: bytes) -> NDArray[np.uint8]:
    """The image of a PNG, uint8 (28, 28)."""
    return np.asarray(Image.open(BytesIO(body)))


def answers(images: list[NDArray[np.uint8]]) -> list[dict[str, Any]]:
    """The most probable class and all probabilities of each image."""
    with torch.inference_mode():
        probabilities = torch.softmax(MODEL(torch.from_numpy(np.stack(images))), 1).tolist()
    return [
        {"label": MODEL.classes[int(np.argmax(p))], "probabilities": dict(zip(MODEL.classes, p, strict=True))}
        for p in probabilities
    ]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer every POST as if it were /predict."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    content = json.dumps(answers([decode(body)])[0]).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


class Predictor(Worker):  # type: ignore[misc]
    """The same in mosec."""

    def deserialize(self, data: bytes) -> NDArray[np.uint8]:
        """The image of a request."""
        return decode(data)

    def serialize(self, data: dict[str, Any]) -> bytes:
        """The response."""
        return json.dumps(data).encode()

    def forward(self, data: list[NDArray[np.uint8]]) -> list[dict[str, Any]]:
        """The answers to a batch."""
        return answers(data)


if __name__ == "__main__":
    server = Server()
    server.append_worker(Predictor, num=1, max_batch_size=MAX_BATCH, max_wait_time=WAIT_MS)
    server.run()
