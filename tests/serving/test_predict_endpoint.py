"""`POST /predict` as an ASGI app: bodies in pieces, clients that leave, bugs, and who waits for whom."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from softreg.data.dataset import Splits
from softreg.errors import ServingError
from softreg.serving.models import Models
from softreg.serving.predict_endpoint import PredictEndpoint
from tests.helpers.live_server import png


@pytest.fixture(scope="module")
def models() -> Models:
    return Models()


def answer(models: Models, pieces: Sequence[bytes], query: str = "", kind: str = "image/png") -> tuple[int, Any]:
    """Status and JSON for a body that arrives in these pieces; without any, the client has gone."""

    async def ask() -> tuple[int, Any]:
        messages = [{"type": "http.request", "body": piece, "more_body": i + 1 < len(pieces)} for i, piece in enumerate(pieces)]
        sent: list[Any] = []

        async def receive() -> Any:
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        endpoint = PredictEndpoint(models)
        for batcher in endpoint.batchers:
            batcher.start()
        headers = [(b"content-type", kind.encode()), (b"content-type", b"text/plain")]
        scope = {"type": "http", "method": "POST", "path": "/predict", "headers": headers, "query_string": query.encode()}
        try:
            await endpoint(scope, receive, send)
        finally:
            for batcher in endpoint.batchers:
                await batcher.stop()
        return sent[0]["status"], json.loads(sent[1]["body"] or b"null")

    return asyncio.run(ask())


def test_a_body_may_come_in_pieces(models: Models, mnist: Splits) -> None:
    body = png(mnist.test.images[0].numpy())
    whole = answer(models, [body], "model=tutorial")
    assert (whole[0], whole[1]["predictions"][0]["label"]) == (200, "7")
    assert answer(models, [body[:9], b"", body[9:100], body[100:]], "model=tutorial") == whole


def test_json_may_say_its_charset(models: Models, mnist: Splits) -> None:
    body = json.dumps(mnist.test.images[0].tolist()).encode()
    assert answer(models, [body], "model=tutorial", "Application/JSON; charset=utf-8")[0] == 200


def test_what_cannot_be_answered_is_refused_with_its_status(models: Models, mnist: Splits) -> None:
    body = png(mnist.test.images[0].numpy())
    assert answer(models, [body], kind="text/html")[0] == 415
    assert answer(models, [body], "model=nobody")[0] == 404
    assert answer(models, [body], "digit=x")[0] == 400
    assert answer(models, [body], "digit=1234567890")[0] == 400
    assert answer(models, [b"no picture"])[0] == 400


def test_whoever_has_gone_is_not_read(models: Models) -> None:
    assert answer(models, [])[0] == 499


def test_a_bug_is_answered_and_raised_for_the_log(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(PredictEndpoint, "_question", fails)
    with pytest.raises(ZeroDivisionError):
        answer(models, [b""])


def test_each_kind_of_cost_has_its_queue(models: Models, mnist: Splits) -> None:
    endpoint, image, picture = PredictEndpoint(models), png(mnist.test.images[0].numpy()), b"BM"
    asked = {
        (kind, query): endpoint._queue_of(endpoint._question(scope(query), body))
        for kind, body in (("image", image), ("picture", picture))
        for query in ("", "include=stages", "include=stages,evidence")
    }
    assert len({*map(id, asked.values())}) == 3
    assert asked["image", ""] is asked["image", "include=stages"]
    assert asked["picture", ""] is asked["picture", "include=stages"]
    assert asked["image", "include=stages,evidence"] is asked["picture", "include=stages,evidence"]


def scope(query: str) -> dict[str, Any]:
    return {"headers": [(b"content-type", b"image/png")], "query_string": query.encode()}


def test_an_unknown_type_is_no_question(models: Models) -> None:
    with pytest.raises(ServingError):
        PredictEndpoint(models)._question({"headers": [], "query_string": b""}, b"")
