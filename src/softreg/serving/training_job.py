"""One training at a time, watched step by step; it can be paused, continued and stopped, and its run is saved."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from queue import SimpleQueue
from typing import Any

from softreg.compute.progress import listen, report
from softreg.compute.threads import lower_priority
from softreg.errors import RunError, ServingError, SolverError, WriteError
from softreg.messages import LANGUAGES, Language, use_language
from softreg.optim.minimize import StopMinimization
from softreg.optim.solver import State
from softreg.optim.solvers.registry import SOLVERS
from softreg.recipe import Recipe
from softreg.runs.run import Run
from softreg.serving.codec import encode_array
from softreg.serving.public_errors import log_error, public_error
from softreg.serving.run_folder import train_in_free_folder
from softreg.training.training_monitor import Snapshot, TrainingMonitor

MAX_WATCHERS = 64
HEARTBEAT_SECONDS = 15.0  # seconds
POLL_SECONDS = 0.05  # seconds


class TrainingStopped(BaseException):
    """Raised by a report of progress to end a training before its first step; no `except Exception` on the way may catch it."""


class TrainingJob:
    """The training that the page's Learn part shows: at most one at a time, in a thread of its own.

    All are in the same thread: Matplotlib keeps its open fonts by thread, and OpenMP its workers.

    Parameters
    ----------
    saved : called with the run that was saved; returns its key in the table of models
    """

    def __init__(self, saved: Callable[[Run], str]) -> None:
        self._saved = saved
        self._thread: threading.Thread | None = None
        self._recipes = SimpleQueue[Recipe]()
        self._ended = threading.Event()  # cleared: from a training's start until everything is saved; while it is paused, too
        self._ended.set()
        self._going = threading.Event()  # cleared: paused
        self._stopping = False
        self._changed = asyncio.Event()
        self._closed = False
        self._watchers = 0
        self._number = 0
        self._steps: list[dict[str, Any]] = []
        self._status: dict[str, Any] = {"status": "idle"}
        self._view: dict[str, Any] | None = None

    @property
    def is_running(self) -> bool:
        """Whether a training has begun and not ended, though it may be paused."""
        return not self._ended.is_set()

    def start(self, recipe: Recipe) -> None:
        """Start a training; refused while another one is running."""
        if self.is_running:
            raise ServingError("serving.training_already", status=409)
        self._loop = asyncio.get_running_loop()
        self._stopping = False
        self._going.set()
        self._number += 1
        self._steps, self._view = [], None
        total = recipe.epochs if SOLVERS[recipe.solver].unit == "epoch" else recipe.max_iterations
        self._status = {
            "status": "preparing",
            "solver": recipe.solver,
            "features": recipe.features,
            "lr": recipe.lr,
            "total": total,
        }
        self._ended.clear()
        self._recipes.put(recipe)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="softreg-train", daemon=True)
            self._thread.start()
        self._announce()

    def pause(self) -> None:
        """Pause after the current step."""
        self._require_training()
        self._going.clear()

    def resume(self) -> None:
        """Continue a paused training."""
        self._require_training()
        self._going.set()

    def stop(self) -> None:
        """Stop after the current step and save the run; before the first step, stop now and save nothing."""
        self._require_training()
        self._stop()

    def close(self) -> None:
        """End the streams and the training: the server shuts down."""
        self._closed = True
        self._stop()
        self._announce()

    def join(self) -> None:
        """Wait for the training to end."""
        self._ended.wait()

    def check_capacity(self) -> None:
        """Raise if `MAX_WATCHERS` watch already; to be called before the response has begun."""
        if self._watchers >= MAX_WATCHERS:
            raise ServingError("serving.busy", status=503)

    async def watch(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the state of the training: all steps so far, then each change; a slow watcher gets several steps at once."""
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
                    await asyncio.wait_for(changed.wait(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    continue
        finally:
            self._watchers -= 1

    def _stop(self) -> None:
        self._stopping = True
        self._going.set()

    def _on_progress(self, stage: str, done: int, total: int | None) -> None:
        """Between two parts of the preparation: end it if told to. Once there are steps, the training ends after one of them."""
        if self._stopping and not self._steps:
            raise TrainingStopped

    def _require_training(self) -> None:
        if not self.is_running:
            raise ServingError("serving.not_training", status=409)

    def _work(self) -> None:
        """The thread. Answers come before it."""
        lower_priority()
        while True:
            self._train(self._recipes.get())

    def _train(self, recipe: Recipe) -> None:
        """Train, save, and say how it ended, once it has."""
        facts: dict[str, Any] = {"status": "failed", "message": _in_each_language(ServingError("serving.fault"))}
        try:
            with listen(self._on_progress):
                report("data")
                facts = self._outcome(recipe)
        except TrainingStopped:
            facts = {"status": "ended", "ending": "stopped", "message": _in_each_language(ServingError("serving.stopped_early"))}
        except BaseException as error:  # what is no Exception, either: the thread is needed for the next training
            log_error(error)
        self._publish(ended=True, **facts)

    def _outcome(self, recipe: Recipe) -> dict[str, Any]:
        """Train and save; what there is to tell of it."""
        try:
            from softreg.data.load import load_splits

            monitor = TrainingMonitor(recipe, load_splits(recipe.dataset, recipe.validation))
            run = train_in_free_folder(recipe, lambda state: self._step(monitor, state))
        except (RunError, WriteError, OSError) as error:
            log_error(error)
            return {"status": "failed", "message": _in_each_language(ServingError("serving.not_saved"))}
        except SolverError as error:
            reason = error.key.removeprefix("solvers.")
            return {"status": "failed", "ending": reason, "message": _in_each_language(public_error(error))}
        except Exception as error:  # even a bug: the page must not wait for ever
            return {"status": "failed", "message": _in_each_language(public_error(error))}
        result, ending = run.result, run.termination
        evaluation = result["evaluation"]
        return {
            "status": "ended",
            "ending": ending.reason.value,
            "message": _in_each_language(ending),
            "model": self._saved(run),
            "accuracy": evaluation["accuracy"],
            "accuracy_interval": evaluation["accuracy_interval"],
            "n": evaluation["n"],
            "seconds": result["train_seconds"],
        }

    def _step(self, monitor: TrainingMonitor, state: State) -> None:
        """After each step, in the training's thread: publish it, wait while paused, and end if told to."""
        snapshot = monitor.snapshot(state.theta)
        self._steps.append({"step": state.steps, "cost": state.cost, "accuracy": snapshot.accuracy})
        self._view = _encode(snapshot)
        if state.termination is not None:
            self._publish(status="saving")
            return
        self._publish(status="running")
        self._wait_while_paused()
        if self._stopping:
            self._publish(status="saving")
            raise StopMinimization

    def _wait_while_paused(self) -> None:
        """Wait while paused. Published from here, so that no step follows the word "paused"."""
        paused = False
        while not self._going.wait(POLL_SECONDS):
            if not paused:
                self._publish(status="paused")
            paused = True
        if paused:
            self._publish(status="running")

    def _publish(self, *, ended: bool = False, **facts: Any) -> None:
        """Change what watchers see; called from the training's thread."""
        self._status = self._status | facts
        if ended:  # after the last word, since from here on another training may start, and before anybody hears of it
            self._ended.set()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._announce)

    def _announce(self) -> None:
        """Wake all who watch."""
        self._changed.set()
        self._changed = asyncio.Event()


def _in_each_language(sentence: object) -> dict[Language, str]:
    """The sentence in every language: the page may be read in another one than the training was started in."""
    texts = {}
    for language in LANGUAGES:
        use_language(language)
        texts[language] = str(sentence)
    return texts


def _encode(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "templates": encode_array(snapshot.templates),
        "n": snapshot.n,
        "hardest": [
            {"image": encode_array(image), "label": label, "prediction": prediction, "probability": probability}
            for image, label, prediction, probability in snapshot.hardest
        ],
    }
