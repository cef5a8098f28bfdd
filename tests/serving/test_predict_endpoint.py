"""`POST /predict` as an ASGI app: bodies in pieces, clients that leave, bugs, and who waits for whom."""

import asyncio
import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from softreg.data.dataset import Splits
from softreg.errors import ServingError
from softreg.serving.codec import PNG_28_HEADER, PredictRequest
from softreg.serving.models import Models
from softreg.serving.predict_endpoint import PredictEndpoint, _body
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
        assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
        assert dict(sent[0]["headers"])[b"content-length"] == b"%d" % len(sent[1]["body"])
        return sent[0]["status"], json.loads(sent[1]["body"] or b"null")

    return asyncio.run(ask())


def test_a_body_may_come_in_pieces(models: Models, mnist: Splits) -> None:
    body = png(mnist.test.images[0].numpy())
    whole = answer(models, [body], "model=tutorial")
    assert (whole[0], whole[1]["predictions"][0]["label"]) == (200, "7")
    assert answer(models, [body[:9], b"", body[9:100], body[100:]], "model=tutorial") == whole


def test_stages_and_evidence_are_given_to_whoever_asks(models: Models, mnist: Splits) -> None:
    body = png(mnist.test.images[0].numpy())
    for asked in ([], ["stages"], ["evidence"], ["stages", "evidence"]):
        found = answer(models, [body], f"model=tutorial&include={','.join(asked)}")[1]
        assert {"stages", "evidence"} & set(found) == set(asked)


def test_json_may_say_its_charset(models: Models, mnist: Splits) -> None:
    body = json.dumps(mnist.test.images[0].tolist()).encode()
    assert answer(models, [body], "model=tutorial", "Application/JSON; charset=utf-8")[0] == 200


def test_what_cannot_be_answered_is_refused_with_its_status(models: Models, mnist: Splits) -> None:
    body = png(mnist.test.images[0].numpy())
    assert answer(models, [body], kind="text/html")[0] == 415
    assert answer(models, [body], "model=nobody")[0] == 404
    assert answer(models, [body], "digit=x")[0] == 400
    assert answer(models, [body], "digit=1234567890")[0] == 400
    assert answer(models, [body], "digit=x")[1]["error"].startswith("digit ")
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


class Slow(PredictEndpoint):
    """Notes what is answered together, and does not begin before `free` is set."""

    def __init__(self, models: Models) -> None:
        super().__init__(models)
        self.free, self.batches = threading.Event(), list[list[bytes]]()

    def _answer(self, questions: Sequence[PredictRequest]) -> list[bytes | Exception]:
        self.free.wait(30)
        self.batches.append([b"evidence" if question.evidence else question.body for question in questions])
        return [b"{}"] * len(questions)


def test_images_are_answered_together_pictures_and_explanations_one_by_one_and_few_of_these_wait(models: Models) -> None:
    asked = [(PNG_28_HEADER, "")] * 40 + [(b"BM", "")] * 40 + [(b"BM", "include=evidence")] * 70

    async def ask_all() -> tuple[Slow, int]:
        endpoint = Slow(models)
        for batcher in endpoint.batchers:
            batcher.start()
        waiting = []
        for body, query in asked:
            question = endpoint._question(scope(query), body)
            queue = endpoint._queue_of(question)
            waiting.append(asyncio.ensure_future(queue.submit(question)))
            await asyncio.sleep(0)
            while len(waiting) in (1, 41, 81) and queue.queue_size:  # the first of each kind is taken, the others wait
                await asyncio.sleep(0.001)
        endpoint.free.set()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        for batcher in endpoint.batchers:
            await batcher.stop()
        return endpoint, sum(isinstance(answer, ServingError) and answer.status == 503 for answer in answers)

    endpoint, refused = asyncio.run(ask_all())
    sizes = {
        kind: {len(batch) for batch in endpoint.batches if set(batch) == {kind}} for kind in (PNG_28_HEADER, b"BM", b"evidence")
    }
    assert max(sizes[PNG_28_HEADER]) == 32
    assert sizes[b"BM"] == {1}
    assert sizes[b"evidence"] == {1}
    assert refused == 70 - 1 - 64
    assert sum(map(len, endpoint.batches)) == len(asked) - refused


def test_a_body_of_one_piece_need_not_say_that_it_is_whole(models: Models) -> None:
    async def receive_all() -> bytes:
        messages = [{"type": "http.request", "body": b"ab", "more_body": True}, {"type": "http.request", "body": b"c"}]

        async def receive() -> Any:
            return messages.pop(0)

        return await _body(receive)

    assert asyncio.run(receive_all()) == b"abc"


def scope(query: str) -> dict[str, Any]:
    return {"headers": [(b"content-type", b"image/png")], "query_string": query.encode()}


def test_an_unknown_type_is_no_question(models: Models) -> None:
    with pytest.raises(ServingError):
        PredictEndpoint(models)._question({"headers": [], "query_string": b""}, b"")
