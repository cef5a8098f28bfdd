"""`POST /predict`, a bare ASGI app: it is requested most, and Starlette's middleware and router take longer than the model."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive, Scope, Send

from softreg.errors import ServingError, SoftregError
from softreg.messages import language
from softreg.serving.batching import MicroBatcher
from softreg.serving.codec import PredictRequest, predict_batch
from softreg.serving.models import Models
from softreg.serving.responses import encode_json, on_disconnect, on_exception, on_softreg_error, whole_number

PICTURE_THREADS = 2  # a picture takes milliseconds, or half a second: the next one need not wait for it
MAX_EXPLANATIONS = 64  # that wait
N_PARSED = 64  # queries that are kept parsed: most are alike


class Options(NamedTuple):
    """What the query of a request says; an empty model is the default one."""

    model: str
    stages: bool
    evidence: bool
    digit: int | None


class PredictEndpoint:
    """Which digit a picture shows, or why the model abstains.

    There is a queue for each kind of cost: an image takes a millisecond and waits behind no picture, which may take a second.
    """

    def __init__(self, models: Models) -> None:
        self._models = models
        self._images = MicroBatcher(self._answer)
        self._pictures = MicroBatcher(self._answer, max_batch=1, threads=PICTURE_THREADS)
        self._explanations = MicroBatcher(self._answer, max_queue=MAX_EXPLANATIONS, max_batch=1)
        self.batchers = (self._images, self._pictures, self._explanations)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. As with Starlette, a bug is answered, too, and raised again for the server to log."""
        request = Request(scope, receive)
        try:
            question = self._question(scope, await _body(receive))
            content = await self._queue_of(question).submit(question)
        except SoftregError as error:
            await (await on_softreg_error(request, error))(scope, receive, send)
        except ClientDisconnect as error:
            await (await on_disconnect(request, error))(scope, receive, send)
        except Exception as error:
            await (await on_exception(request, error))(scope, receive, send)
            raise
        else:
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": content})

    def _question(self, scope: Scope, body: bytes) -> PredictRequest:
        media_type = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        media_type = media_type.partition(b";")[0].strip().lower()
        if media_type != b"application/json" and not media_type.startswith(b"image/"):
            raise ServingError("serving.unknown_type", status=415)
        options = _options(scope["query_string"])
        return PredictRequest(
            body=body,
            is_json=media_type == b"application/json",
            model=options.model or self._models.default,
            language=language(),
            stages=options.stages,
            evidence=options.evidence,
            digit=options.digit,
        )

    def _queue_of(self, question: PredictRequest) -> MicroBatcher[PredictRequest, bytes]:
        if question.evidence:
            return self._explanations
        return self._images if question.is_image else self._pictures

    def _answer(self, questions: Sequence[PredictRequest]) -> list[bytes | Exception]:
        """JSON for each question, or its error."""
        answers = predict_batch(self._models, questions)
        return [answer if isinstance(answer, Exception) else encode_json(answer) for answer in answers]


async def _body(receive: Receive) -> bytes:
    """The whole body of a request; the middleware limits it."""
    pieces, more = [], True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(pieces)


@lru_cache(N_PARSED)
def _options(query_string: bytes) -> Options:
    query = QueryParams(query_string)
    include = query.get("include", "").split(",")
    digit = query.get("digit", "")
    return Options(
        model=query.get("model", ""),
        stages="stages" in include,
        evidence="evidence" in include,
        digit=whole_number("digit", digit) if digit else None,
    )
