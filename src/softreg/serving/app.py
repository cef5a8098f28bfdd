"""The routes. Each reads its request, calls one of the modules beside it, and answers JSON."""

import gzip
import json
from asyncio import to_thread
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from softreg._version import __version__
from softreg.errors import ServingError, SoftregError
from softreg.messages import LANGUAGES, Language, language, translate, use_language
from softreg.page.assets import page_files, page_messages
from softreg.serving.access import AccessToken
from softreg.serving.batching import MAX_QUEUE, MicroBatcher
from softreg.serving.models import Models
from softreg.serving.openapi import document
from softreg.serving.predict_endpoint import PredictEndpoint
from softreg.serving.responses import (
    encode_json,
    json_response,
    on_disconnect,
    on_exception,
    on_http_error,
    on_softreg_error,
    whole_number,
)
from softreg.serving.security import COOKIE, LOCAL_HOSTS, SecurityMiddleware
from softreg.serving.training_form import describe_fields, recipe_of
from softreg.serving.training_job import TrainingJob
from softreg.serving.walkthrough import WalkthroughService
from softreg.serving.weights import PackedModel, pack_batch, pieces

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass
class Playground:
    """The state that the routes share, and the ASGI app with the routes.

    Attributes
    ----------
    models : the models to choose from
    hosts : the values of the Host header it answers to, without port
    token : what every request must carry if other machines can reach the server
    only_teacher_trains : whether trainings are started and steered from this machine alone; all may watch
    answers : who answers about a drawing: the server, or the page, which fetches the model once
    """

    models: Models
    hosts: frozenset[str] = LOCAL_HOSTS
    token: AccessToken | None = None
    only_teacher_trains: bool = False
    answers: Literal["server", "page"] = "server"
    predict: PredictEndpoint = field(init=False)
    lister: MicroBatcher[Language, bytes] = field(init=False)
    packer: MicroBatcher[str, PackedModel] = field(init=False)
    training: TrainingJob = field(init=False)
    walkthroughs: WalkthroughService = field(init=False)
    app: SecurityMiddleware = field(init=False)

    def __post_init__(self) -> None:
        self.predict = PredictEndpoint(self.models)
        self.lister = MicroBatcher(self._list_batch, max_batch=MAX_QUEUE)
        self.packer = MicroBatcher(partial(pack_batch, self.models))
        self.training = TrainingJob(self.models.add)
        self.walkthroughs = WalkthroughService(self.models)
        self.pages = _pages()
        self.routes = [
            Route("/predict", self.predict, methods=["POST"]),
            Route("/", self.page),
            Route("/page/{name}", self.page),
            Route("/words/{language}", self.words),
            Route("/healthz", self.healthz),
            Route("/models", self.list_models),
            Route("/weights", self.weights),
            Route("/recipe", self.recipe),
            Route("/walkthrough", self.walkthrough),
            Route("/openapi.json", self.openapi),
            Route("/training", self.start_training, methods=["POST"]),
            Route("/training/events", self.training_events),
            *(Route(f"/training/{action}", self.control_training, methods=["POST"]) for action in ("pause", "continue", "stop")),
        ]
        handlers = {
            SoftregError: on_softreg_error,
            HTTPException: on_http_error,
            ClientDisconnect: on_disconnect,
            Exception: on_exception,
        }
        self.starlette = Starlette(routes=self.routes, lifespan=self._lifespan, exception_handlers=handlers)
        self.app = SecurityMiddleware(self._dispatch, self.hosts, self.token)

    async def _dispatch(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass predictions on at once, all else to Starlette."""
        is_prediction = scope["type"] == "http" and scope["path"] == "/predict" and scope["method"] == "POST"
        await (self.predict if is_prediction else self.starlette)(scope, receive, send)

    async def page(self, request: Request) -> Response:
        """Serve a file of the page; they are in memory since the start."""
        if self.token is not None and "token" in request.query_params:  # the printed link: from here on the cookie carries it
            response: Response = RedirectResponse("/", 303)
            response.set_cookie(COOKIE.decode(), self.token.cookie, httponly=True, samesite="strict")
            return response
        name = request.path_params.get("name", "index.html")
        if name not in self.pages:
            raise HTTPException(404)
        content, media_type, etag = self.pages[name]
        headers = {"etag": etag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    async def words(self, request: Request) -> Response:
        """The page's messages in one language, and what each feature map is."""
        for known in LANGUAGES:
            if known == request.path_params["language"]:
                return json_response(page_messages(known))
        raise HTTPException(404)

    async def healthz(self, request: Request) -> Response:
        """Whether the server is alive, and its version."""
        return json_response({"status": "ok", "version": __version__})

    async def list_models(self, request: Request) -> Response:
        """The models to choose from, and the runs that were skipped."""
        return Response(await self.lister.submit(language()), media_type="application/json")

    async def weights(self, request: Request) -> Response:
        """A model for the page to compute with, and the images that keep it what it is while it learns drawings."""
        packed = await self.packer.submit(request.query_params.get("model", self.models.default))
        headers = {"etag": packed.etag, "cache-control": "no-cache", "vary": "accept-encoding"}
        if request.headers.get("if-none-match") == packed.etag:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            content, headers = packed.compressed, headers | {"content-encoding": "gzip"}
        else:
            content = await to_thread(gzip.decompress, packed.compressed)
        headers["content-length"] = str(len(content))
        return StreamingResponse(pieces(content), media_type="application/json", headers=headers)

    async def walkthrough(self, request: Request) -> Response:
        """A test image followed through a model whose features are pixels."""
        sample = whole_number("sample", request.query_params.get("sample", "0"))
        return json_response(await to_thread(self.walkthroughs.get, sample))

    async def openapi(self, request: Request) -> Response:
        """The OpenAPI document of the routes."""
        return json_response(document())

    async def recipe(self, request: Request) -> Response:
        """The fields of a recipe that can be set from the page."""
        return json_response({"schema": 1, "fields": describe_fields()})

    async def start_training(self, request: Request) -> Response:
        """Start a training."""
        self._check_may_train(request)
        try:
            values = json.loads(await request.body() or b"{}")
        except (ValueError, RecursionError):
            raise ServingError("serving.not_a_recipe") from None
        self.training.start(recipe_of(values))
        return json_response({"schema": 1, "status": "preparing"}, 202)

    async def control_training(self, request: Request) -> Response:
        """Pause, continue or stop the training."""
        self._check_may_train(request)
        action = request.url.path.rpartition("/")[2]
        {"pause": self.training.pause, "continue": self.training.resume, "stop": self.training.stop}[action]()
        return json_response({"schema": 1, "status": action})

    def _check_may_train(self, request: Request) -> None:
        """Raise if only the teacher may, and the request comes from another machine."""
        if self.only_teacher_trains and (request.client is None or not ip_address(request.client.host).is_loopback):
            raise ServingError("serving.only_teacher", status=403)

    async def training_events(self, request: Request) -> Response:
        """Stream the training as server-sent events, from its first step on."""
        self.training.check_capacity()

        async def events() -> AsyncIterator[bytes]:
            async for event in self.training.watch():
                yield b"data: " + json.dumps(event, allow_nan=False).encode() + b"\n\n"

        return StreamingResponse(events(), media_type="text/event-stream", headers={"cache-control": "no-store"})

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        batchers = (*self.predict.batchers, self.lister, self.packer)
        for batcher in batchers:
            batcher.start()
        yield
        for batcher in batchers:
            await batcher.stop()

    def _list_batch(self, languages: Sequence[Language]) -> list[bytes]:
        """The models, looked through once for all who wait."""
        listing = self.models.describe() | {"answers": self.answers}
        bodies: dict[Language, bytes] = {}
        for spoken in set(languages):
            use_language(spoken)
            skipped = [run | {"reason": translate(run["reason"])} for run in listing["skipped"]]
            bodies[spoken] = encode_json(listing | {"skipped": skipped})
        return [bodies[spoken] for spoken in languages]


def _pages() -> dict[str, tuple[bytes, str, str]]:
    """The page's files by name: content, media type, ETag. Read once, so that no request ever names a file."""
    pages = {}
    for name, content in page_files().items():
        if Path(name).suffix in MEDIA_TYPES:
            pages[name] = content, MEDIA_TYPES[Path(name).suffix], f'"{sha256(content).hexdigest()[:16]}"'
    return pages
