"""The routes: their answers against the model asked directly, the page's files, errors, and a training from request to run."""

import asyncio
import gzip
import json
import threading
from base64 import b64decode
from typing import Any

import numpy as np
import pytest

import softreg
from softreg.data.dataset import Splits
from softreg.errors import PictureError
from softreg.messages import catalogue
from softreg.runs.run import Run
from softreg.serving import app, codec
from softreg.serving.app import Playground
from softreg.serving.batching import MAX_QUEUE
from softreg.serving.models import Models
from tests.helpers.live_server import Served, array_of, png


def test_healthz(served: Served) -> None:
    assert served.json("GET", "/healthz") == (200, {"status": "ok", "version": softreg.__version__})


def test_what_the_page_is_made_of_is_sent_once(served: Served) -> None:
    status, headers, content = served.ask("GET", "/")
    assert (status, bool(content)) == (200, True)
    assert served.ask("GET", "/", If_None_Match=headers["etag"])[::2] == (304, b"")
    assert served.ask("GET", "/", If_None_Match='"older"')[::2] == (200, content)


def test_words_in_a_language_that_nobody_wrote(served: Served) -> None:
    assert served.ask("GET", "/words/ko")[0] == 200
    assert served.ask("GET", "/words/fr")[0] == 404


def test_a_picture_is_answered_as_the_model_itself_answers(served: Served, tutorial_run: Run, mnist: Splits) -> None:
    model = tutorial_run.model()
    for i in range(20):
        image = mnist.test.images[i]
        status, answer = served.predict(png(image.numpy()), "?model=mine")
        assert status == 200
        logits = model(image[None])[0]
        said = answer["predictions"][0]
        assert list(said["logits"].values()) == pytest.approx(logits.tolist(), abs=1e-4)
        assert sum(said["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert (said["label"] is None) == said["abstained"] == (said["reason"] is not None)
        if not said["abstained"]:
            assert said["label"] == model.classes[int(logits.argmax())]


def test_no_image_waits_behind_pictures_and_what_is_beyond_the_queue_is_refused(
    mnist: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on = threading.Event()

    def slowly(*_: object, **__: object) -> None:
        going_on.wait(60)
        raise PictureError("pictures.empty", name="picture")

    monkeypatch.setattr(codec, "read_picture", slowly)
    playground = Playground(Models())
    image, picture = png(mnist.test.images[0].numpy()), png(np.zeros((30, 30), np.uint8))

    async def ask(body: bytes) -> int:
        """The status of the answer to POST /predict."""
        headers = [(b"host", b"localhost"), (b"content-type", b"image/png")]
        scope = {"type": "http", "method": "POST", "path": "/predict", "headers": headers, "query_string": b""}
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        await playground.app(scope, receive, send)
        return int(sent[0]["status"])

    async def run() -> None:
        async with playground._lifespan(playground.app):  # type: ignore[arg-type]
            pictures = [asyncio.create_task(ask(picture)) for _ in range(MAX_QUEUE + 20)]
            assert await ask(image) == 200
            going_on.set()
            statuses = await asyncio.gather(*pictures)
        assert set(statuses) == {400, 503}
        assert MAX_QUEUE <= statuses.count(400) < MAX_QUEUE + 20

    asyncio.run(run())


def test_json_and_png_of_the_same_image_are_answered_alike(served: Served, mnist: Splits) -> None:
    image = mnist.test.images[5]
    _, from_png = served.predict(png(image.numpy()))
    for body in (image.tolist(), {"image": image.tolist()}):
        status, from_json = served.predict(json.dumps(body).encode(), kind="application/json")
        assert status == 200
        assert from_json["predictions"][0]["probabilities"] == pytest.approx(from_png["predictions"][0]["probabilities"])


def test_an_image_without_ink_is_abstained_from(served: Served) -> None:
    status, answer = served.predict(json.dumps([[0] * 28] * 28).encode(), kind="application/json")
    assert status == 200
    assert answer["predictions"][0]["label"] is None
    assert answer["predictions"][0]["reason"]


def test_stages_and_evidence_come_on_request_and_the_evidence_adds_up(served: Served, tutorial_run: Run, mnist: Splits) -> None:
    picture = png(mnist.test.images[0].numpy())
    _, plain = served.predict(picture)
    assert not {"stages", "evidence"} & plain.keys()
    _, full = served.predict(picture, "?include=stages,evidence&model=mine")
    assert np.array_equal(array_of(full["stages"][-1]), mnist.test.images[0].numpy())
    evidence = array_of(full["evidence"]["pixels"])
    assert evidence.shape == (10, 28, 28)
    bias = tutorial_run.model().linear.bias.detach().numpy()
    logits = full["predictions"][0]["logits"]
    told = [[full["evidence"][part][c] for c in logits] for part in ("for", "against", "bias")]
    assert np.sum(told, axis=0) == pytest.approx(list(logits.values()), abs=1e-4)
    assert told[2] == pytest.approx(bias.tolist())
    step = full["evidence"]["pixels"]["scale"]  # each of 784 pixels is rounded to half a step at most; most are empty
    assert evidence.sum(axis=(1, 2)) + bias == pytest.approx(list(logits.values()), abs=100 * step)


def test_a_training_sends_its_steps_and_its_numbers_are_the_run_s(served: Served) -> None:
    with served.connect(60) as events:
        events.sendall(b"GET /training/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        status, _ = served.json("POST", "/training", b'{"epochs": 3, "seed": 5}', Content_Type="application/json")
        assert status == 202
        again, refusal = served.json("POST", "/training", b"{}", Content_Type="application/json")
        assert again == 409
        assert refusal["error"]
        received = b""
        while b'"status": "ended"' not in received and b'"status": "failed"' not in received:
            received += events.recv(65536)
    steps = [
        json.loads(line.partition(b"data: ")[2])
        for line in received.split(b"\r\n")
        if line.startswith(b"data: ") and line.endswith(b"}\n\n")
    ]
    costs = [step["cost"] for event in steps for step in event["steps"]]
    _, models = served.json("GET", "/models")
    own = next(model for model in models["models"] if model["model"] == "sgd")
    run = softreg.train(softreg.Recipe(epochs=3, seed=5), served.folder / "again")
    assert costs == run.costs
    assert own["accuracy"] == run.result["evaluation"]["accuracy"]


@pytest.mark.parametrize(
    "name", ["..%2f..%2fapp.py", "%2e%2e/app.py", "../app.py", "..\\app.py", "app.py", "", "%2fetc%2fpasswd", "index.html%00.js"]
)
def test_a_page_is_never_a_path(served: Served, name: str) -> None:
    assert served.ask("GET", f"/page/{name}")[0] == 404


def test_only_what_a_page_is_made_of_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = app._pages()
    assert any(name.endswith(".js") for name in whole)
    monkeypatch.delitem(app.MEDIA_TYPES, ".js")
    assert set(app._pages()) == {name for name in whole if not name.endswith(".js")}


def test_refusals_are_said_in_korean_too(served: Served) -> None:
    status, answer = served.json("GET", "/nothing", Accept_Language="ko-KR,ko;q=0.9")
    assert (status, answer["error"]) == (404, catalogue("serving")["no_route"]["ko"])


def test_weights_are_those_of_the_model_packed_for_the_page(served: Served, tutorial_run: Run) -> None:
    status, answer = served.json("GET", "/weights?model=mine")
    assert status == 200
    weight = np.frombuffer(b64decode(answer["weight"]["bytes"]), answer["weight"]["type"]).reshape(10, 784)
    assert np.array_equal(weight, tutorial_run.model().linear.weight.detach().numpy())
    assert answer["classes"] == [*"0123456789"]
    assert len(gzip.decompress(b64decode(answer["reference"]))) == 300 * 784
    assert served.json("GET", "/weights?model=nothing")[0] == 404


def test_weights_are_sent_once_and_gzipped_to_whom_takes_it(served: Served) -> None:
    _, plain, content = served.ask("GET", "/weights?model=mine")
    status, headers, packed = served.ask("GET", "/weights?model=mine", Accept_Encoding="br, gzip")
    assert (status, headers["content-encoding"], headers["etag"]) == (200, "gzip", plain["etag"])
    assert gzip.decompress(packed) == content
    assert served.ask("GET", "/weights?model=mine", If_None_Match=headers["etag"])[::2] == (304, b"")
    assert served.ask("GET", "/weights?model=best")[1]["etag"] != headers["etag"]


def test_who_answers_is_told_with_the_version_of_each_model(served: Served) -> None:
    _, listed = served.json("GET", "/models")
    assert listed["answers"] == "server"
    versions = [model["version"] for model in listed["models"]]
    assert len({*versions}) == len(versions)
