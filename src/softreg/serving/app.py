"""The routes. Each reads its request, asks one of the rooms beside it, and answers JSON."""

import json
from asyncio import to_thread
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from softreg._version import __version__
from softreg.errors import ServingError, SoftregError
from softreg.messages import LANGUAGES, catalogue, language, translate
from softreg.serving.batching import MicroBatcher
from softreg.serving.codec import PredictRequest, predict_batch
from softreg.serving.models import Models
from softreg.serving.openapi import document
from softreg.serving.security import COOKIE, LOCAL_HOSTS, SecurityMiddleware
from softreg.serving.training_job import TrainingJob, describe_fields, recipe_of
from softreg.serving.walkthrough import WalkthroughService

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass
class Playground:
    """What the routes share, and the app made of it.

    Attributes
    ----------
    models : to choose from
    hosts : the names it answers to
    token : what requests must carry if it is reachable from elsewhere
    """

    models: Models
    hosts: frozenset[str] = LOCAL_HOSTS
    token: str | None = None
    predictor: MicroBatcher[PredictRequest, dict[str, Any]] = field(init=False)
    explainer: MicroBatcher[PredictRequest, dict[str, Any]] = field(init=False)
    lesson: TrainingJob = field(init=False)
    follower: WalkthroughService = field(init=False)
    app: SecurityMiddleware = field(init=False)

    def __post_init__(self) -> None:
        self.predictor = MicroBatcher(partial(predict_batch, self.models))
        self.explainer = MicroBatcher(partial(predict_batch, self.models), waiting=16, batch=1)
        self.lesson = TrainingJob(self.models.add)
        self.follower = WalkthroughService(self.models)
        self.pages = _pages()
        self.routes = [
            Route("/predict", self.predict, methods=["POST"]),  # first, as it is asked most
            Route("/", self.page),
            Route("/page/{name}", self.page),
            Route("/words/{language}", self.words),
            Route("/healthz", self.healthz),
            Route("/models", self.list_models),
            Route("/recipe", self.recipe),
            Route("/walkthrough", self.walkthrough),
            Route("/openapi.json", self.openapi),
            Route("/training", self.train, methods=["POST"]),
            Route("/training/events", self.training_events),
            *(Route(f"/training/{action}", self.steer_training, methods=["POST"]) for action in ("pause", "continue", "stop")),
        ]
        refusals = {SoftregError: _refused, HTTPException: _no_such, ClientDisconnect: _gone, Exception: _fault}
        self.app = SecurityMiddleware(
            Starlette(routes=self.routes, lifespan=self._lifespan, exception_handlers=refusals), self.hosts, self.token
        )

    async def page(self, request: Request) -> Response:
        """The page and its parts, all in memory since the start."""
        if self.token is not None and "token" in request.query_params:  # the printed link: from here on the cookie carries it
            response: Response = RedirectResponse("/", 303)
            response.set_cookie(COOKIE, self.token, httponly=True, samesite="strict")
            return response
        name = request.path_params.get("name", "index.html")
        if name not in self.pages:
            raise HTTPException(404)
        content, kind, tag = self.pages[name]
        headers = {"etag": tag, "cache-control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=kind, headers=headers)

    async def words(self, request: Request) -> Response:
        """All the page says, in one language."""
        spoken = next((each for each in LANGUAGES if each == request.path_params["language"]), None)
        if spoken is None:
            raise HTTPException(404)
        return _json({name: sentence[spoken] for name, sentence in catalogue("page").items()})

    async def healthz(self, request: Request) -> Response:
        """Alive."""
        return _json({"status": "ok", "version": __version__})

    async def list_models(self, request: Request) -> Response:
        """The models to choose from."""
        return _json({"schema": 1, "default": self.models.default, "models": self.models.describe()})

    async def predict(self, request: Request) -> Response:
        """Say what digit it is."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json" and not kind.startswith("image/"):
            raise ServingError("serving.unknown_type", status=415)
        query = request.query_params if request.scope["query_string"] else QueryParams()
        include = query.get("include", "").split(",")
        question = PredictRequest(
            body=await request.body(),
            is_json=kind == "application/json",
            model=query.get("model", self.models.default),
            language=language(),
            stages="stages" in include,
            evidence="evidence" in include,
        )
        asked = self.explainer if question.evidence else self.predictor  # evidence takes longer: no answer waits behind it
        return _json(await asked.ask(question))

    async def walkthrough(self, request: Request) -> Response:
        """Follow a test image through a model whose features are pixels."""
        wanted = request.query_params.get("sample", "0")
        if not wanted.isdecimal() or len(wanted) > 9:
            raise ServingError("serving.not_a_number")
        return _json(await to_thread(self.follower.follow, int(wanted)))

    async def openapi(self, request: Request) -> Response:
        """The routes, for programs."""
        return _json(document())

    async def recipe(self, request: Request) -> Response:
        """The fields of a recipe that can be set from the page."""
        return _json({"schema": 1, "fields": describe_fields()})

    async def train(self, request: Request) -> Response:
        """Begin a training."""
        try:
            values = json.loads(await request.body() or b"{}")
        except (ValueError, RecursionError):
            raise ServingError("serving.not_a_recipe") from None
        self.lesson.start(recipe_of(values))
        return _json({"schema": 1, "status": "preparing"}, 202)

    async def steer_training(self, request: Request) -> Response:
        """Pause, continue, stop."""
        action = request.url.path.rpartition("/")[2]
        {"pause": self.lesson.pause, "continue": self.lesson.resume, "stop": self.lesson.stop}[action]()
        return _json({"schema": 1, "status": action})

    async def training_events(self, request: Request) -> Response:
        """The training as it goes, as server-sent events."""
        self.lesson.admit()

        async def events() -> AsyncIterator[bytes]:
            async for event in self.lesson.watch():
                yield b"data: " + json.dumps(event, allow_nan=False).encode() + b"\n\n"

        return StreamingResponse(events(), media_type="text/event-stream", headers={"cache-control": "no-store"})

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        self.predictor.start()
        self.explainer.start()
        yield
        await self.predictor.stop()
        await self.explainer.stop()


def _pages() -> dict[str, tuple[bytes, str, str]]:
    """The page's files by name: content, type, tag. Read once, so that no request ever names a file."""
    pages = {}
    for each in (files(__package__) / "page").iterdir():
        suffix = "." + each.name.rpartition(".")[2]
        if suffix in TYPES:
            content = each.read_bytes()
            pages[each.name] = content, TYPES[suffix], f'"{sha256(content).hexdigest()[:16]}"'
    return pages


def _json(value: object, status: int = 200) -> Response:
    content = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return Response(content, status, media_type="application/json")


async def _refused(request: Request, error: Exception) -> Response:
    """A refusal is a sentence that says what to do; other errors of softreg may name paths, and are told to nobody."""
    if error.__class__.__name__ == "RunError":
        return await _fault(request, error)
    response = _json({"error": str(error)}, getattr(error, "status", 400))
    if response.status_code == 413:
        response.headers["connection"] = "close"  # what is still coming is not read
    return response


async def _no_such(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    key = "serving.no_method" if error.status_code == 405 else "serving.no_route"
    response = _json({"error": translate(key)}, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # nobody is left to read it


async def _fault(request: Request, error: Exception) -> Response:
    return _json({"error": translate("serving.fault")}, 500)
