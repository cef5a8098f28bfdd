"""One training at a time, watched step by step: paused, continued, stopped; its run is saved, and can be drawn on at once."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import fields
from typing import Any

from softreg.errors import RunError, ServingError, SoftregError
from softreg.messages import LANGUAGES, Language, translate, use_language
from softreg.optim.minimize import StopMinimization
from softreg.optim.solver import State
from softreg.optim.solvers.registry import SOLVERS
from softreg.recipe import Recipe
from softreg.runs.run import Run
from softreg.serving.codec import encode_array
from softreg.training.training_monitor import Snapshot, TrainingMonitor

FIELDS = ("features", "solver", "epochs", "batch_size", "lr", "l2", "max_iterations", "seed")  # never `dataset`: it may be a path
MOST = {"epochs": 200, "max_iterations": 500}
MOST_WATCHERS = 8
HEARTBEAT = 15.0  # seconds
GLANCE = 0.05  # seconds


def describe_fields() -> list[dict[str, Any]]:
    """The recipe's fields that the page offers, with bounds, defaults and words: what its form is made of."""
    described = []
    for each in fields(Recipe):
        if each.name in FIELDS:
            bounds = each.metadata["spec"]
            described.append(
                {
                    "name": each.name,
                    "default": each.default,
                    "choices": list(bounds.choices),
                    "low": bounds.low,
                    "high": min(bounds.high, MOST.get(each.name, bounds.high)),
                    "whole": isinstance(each.default, int),
                    "solvers": [name for name in SOLVERS if each.name in Recipe.fields_read_by(name)],
                    "help": translate(f"recipe.{each.name}", choices=", ".join(bounds.choices)),
                }
            )
    return described


def recipe_of(values: object) -> Recipe:
    """The recipe a request asks for; only `FIELDS` may be set."""
    if not isinstance(values, dict):
        raise ServingError("serving.not_a_recipe")
    for name, value in values.items():
        if name not in FIELDS:
            raise ServingError("serving.unknown_field", choices=", ".join(FIELDS))
        if name in MOST and isinstance(value, int | float) and value > MOST[name]:
            raise ServingError("serving.too_many", field=name, most=MOST[name])
    return Recipe.from_mapping(values)


class TrainingJob:
    """What the page's Learn part shows: at most one training under way, in a thread of its own.

    Parameters
    ----------
    saved : told of the run that was saved; gives the key it can be drawn on with
    """

    def __init__(self, saved: Callable[[Run], str]) -> None:
        self._saved = saved
        self._thread: threading.Thread | None = None
        self._going = threading.Event()  # cleared: paused
        self._stopping = False
        self._changed = asyncio.Event()
        self._closed = False
        self._watchers = 0
        self._number = 0
        self._steps: list[dict[str, Any]] = []
        self._status: dict[str, Any] = {"status": "idle"}
        self._view: dict[str, Any] | None = None

    def start(self, recipe: Recipe) -> None:
        """Begin to train; refused while another training is under way."""
        if self.under_way:
            raise ServingError("serving.training_already", status=409)
        self._loop = asyncio.get_running_loop()
        self._stopping = False
        self._going.set()
        self._number += 1
        self._steps, self._view = [], None
        total = recipe.epochs if recipe.solver == "sgd" else recipe.max_iterations
        self._status = {
            "status": "preparing",
            "solver": recipe.solver,
            "features": recipe.features,
            "lr": recipe.lr,
            "total": total,
        }
        self._thread = threading.Thread(target=self._train, args=(recipe,), name="softreg-train", daemon=True)
        self._thread.start()
        self._announce()

    @property
    def under_way(self) -> bool:
        """Whether a training is running or paused."""
        return self._thread is not None and self._thread.is_alive()

    def pause(self) -> None:
        """Hold after the step under way."""
        self._must_be_under_way()
        self._going.clear()

    def resume(self) -> None:
        """Go on."""
        self._must_be_under_way()
        self._going.set()

    def stop(self) -> None:
        """End after the step under way, and save what was learned."""
        self._must_be_under_way()
        self._stopping = True
        self._going.set()

    def close(self) -> None:
        """The server is going: end the streams and the training."""
        self._closed = self._stopping = True
        self._going.set()
        self._announce()

    def join(self) -> None:
        """Wait for the training to end."""
        if self._thread is not None:
            self._thread.join()

    def admit(self) -> None:
        """Refuse who comes to watch when enough do; to be asked before the answer has begun."""
        if self._watchers >= MOST_WATCHERS:
            raise ServingError("serving.busy", status=503)

    async def watch(self) -> AsyncIterator[dict[str, Any]]:
        """What there is to see, from the first step on, and then whatever is new; a slow watcher gets several steps at once."""
        self._watchers += 1
        try:
            number, sent = -1, 0
            while not self._closed:
                changed = self._changed
                if number != self._number:
                    number, sent = self._number, 0
                status, new = self._status, self._steps[sent:]  # in this order: what is told of was made before
                yield {"training": number, **status, "from": sent, "steps": new, "view": self._view}
                sent += len(new)
                try:
                    await asyncio.wait_for(changed.wait(), HEARTBEAT)
                except TimeoutError:
                    continue
        finally:
            self._watchers -= 1

    def _must_be_under_way(self) -> None:
        if not self.under_way:
            raise ServingError("serving.not_training", status=409)

    def _train(self, recipe: Recipe) -> None:
        """The thread: train, save, and say how it ended."""
        try:
            from softreg.data.load import load_splits
            from softreg.training.train import train

            watch = TrainingMonitor(recipe, load_splits(recipe.dataset, recipe.validation))
            run = train(recipe, name=recipe.solver, on_step=lambda state: self._step(watch, state))
        except (RunError, OSError):  # which name folders: the page is not told where
            self._publish(status="failed", message=_in_each_language(ServingError("serving.not_saved")))
        except SoftregError as error:
            self._publish(status="failed", ending=error.key.removeprefix("solvers."), message=_in_each_language(error))
        except Exception:  # a fault of ours: the page must not wait for ever, and learns no more than that
            self._publish(status="failed", message=_in_each_language(ServingError("serving.fault")))
            raise
        else:
            result, ending = run.result, run.termination
            evaluation = result["evaluation"]
            self._publish(
                status="ended",
                ending=ending.reason.value,
                message=_in_each_language(ending),
                model=self._saved(run),
                accuracy=evaluation["accuracy"],
                accuracy_interval=evaluation["accuracy_interval"],
                n=evaluation["n"],
                seconds=result["train_seconds"],
            )

    def _step(self, watch: TrainingMonitor, state: State) -> None:
        """After each step, in the training's thread: show it, hold while paused, and end if told to."""
        view = watch.snapshot(state.theta)
        self._steps.append({"step": state.steps, "cost": state.cost, "accuracy": view.accuracy})
        self._view = _view_as_json(view)
        if state.termination is not None:
            self._publish(status="saving")
            return
        self._publish(status="running")
        self._hold()
        if self._stopping:
            self._publish(status="saving")
            raise StopMinimization

    def _hold(self) -> None:
        """Wait while paused; said from here, so that no step comes after it was said."""
        held = False
        while not self._going.wait(GLANCE):
            if not held:
                self._publish(status="paused")
            held = True
        if held:
            self._publish(status="running")

    def _publish(self, **facts: Any) -> None:
        """From the training's thread: change what is shown."""
        self._status = self._status | facts
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._announce)

    def _announce(self) -> None:
        """Wake all who watch."""
        self._changed.set()
        self._changed = asyncio.Event()


def _in_each_language(sentence: object) -> dict[Language, str]:
    """What `sentence` says as text: the page may be read in another language than the training was begun in."""
    told = {}
    for each in LANGUAGES:
        use_language(each)
        told[each] = str(sentence)
    return told


def _view_as_json(view: Snapshot) -> dict[str, Any]:
    return {
        "templates": encode_array(view.templates),
        "n": view.n,
        "hardest": [
            {"image": encode_array(image), "label": label, "prediction": prediction, "probability": probability}
            for image, label, prediction, probability in view.hardest
        ],
    }
