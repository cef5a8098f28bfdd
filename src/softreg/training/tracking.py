"""Experiment trackers: the cost of every step and the evaluation are logged to TensorBoard, MLflow or Weights & Biases.

A tracker is a context manager, made from the run's path and its recipe, that yields a function `log(step, metrics)`. Each needs the
extra of its name and reads its own environment variables (MLFLOW_TRACKING_URI, WANDB_MODE, ...). To add one: a function here and an
entry in `TRACKERS`. Importing this does not import torch.
"""

import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from softreg.errors import MissingExtraError, RunError, SoftregWarning
from softreg.messages import translate
from softreg.recipe import Recipe

Log = Callable[[int, Mapping[str, float]], object]
PROJECT = "softreg"


@contextmanager
def tensorboard(run: Path, recipe: Recipe) -> Iterator[Log]:
    """Event files in tensorboard/NAME beside the run: `tensorboard --logdir runs/tensorboard`."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(run.parent / "tensorboard" / run.name)) as writer:
        writer.add_text("recipe", f"```toml\n{recipe.to_toml()}```")

        def log(step: int, metrics: Mapping[str, float]) -> None:
            for name, value in metrics.items():
                writer.add_scalar(name, value, step)

        yield log


@contextmanager
def mlflow(run: Path, recipe: Recipe) -> Iterator[Log]:
    """A run of the experiment `softreg` in the tracking store that MLflow is configured for."""
    import mlflow

    mlflow.set_experiment(PROJECT)
    with mlflow.start_run(run_name=run.name):
        mlflow.log_params(asdict(recipe))
        yield lambda step, metrics: mlflow.log_metrics(dict(metrics), step=step)


@contextmanager
def wandb(run: Path, recipe: Recipe) -> Iterator[Log]:
    """A run of the project `softreg`; its local files are in wandb/ beside the run."""
    import wandb

    run.parent.mkdir(parents=True, exist_ok=True)
    with wandb.init(project=PROJECT, name=run.name, dir=run.parent, config=asdict(recipe)) as tracked:
        yield lambda step, metrics: tracked.log(dict(metrics), step=step)


TRACKERS: dict[str, Callable[[Path, Recipe], AbstractContextManager[Log]]] = {
    "tensorboard": tensorboard,
    "mlflow": mlflow,
    "wandb": wandb,
}


class TrackerSession:
    """Logs the training of `run` to the tracker `log_to`; does nothing if that is None.

    A tracker that fails at the start is an error, raised before training. One that fails later is disabled with a warning, since no
    training should be lost because a server went away. What trackers print goes to stderr.

    Raises
    ------
    MissingExtraError
        If the tracker is not installed.
    RunError
        If it cannot be started.
    """

    def __init__(self, log_to: str | None, run: Path, recipe: Recipe) -> None:
        self._name, self._stack = log_to, ExitStack()
        self._log: Log | None = None
        if log_to is None:
            return
        try:
            with redirect_stdout(sys.stderr):
                self._log = self._stack.enter_context(TRACKERS[log_to](run, recipe))
        except ModuleNotFoundError as error:
            raise MissingExtraError("tracking.missing_extra", extra=log_to) from error
        except Exception as error:
            raise RunError("tracking.not_begun", tracker=log_to, why=error) from error

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log the metrics of one step."""
        if self._log is None:
            return
        try:
            with redirect_stdout(sys.stderr):
                self._log(step, metrics)
        except Exception as error:
            self._disable(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            with redirect_stdout(sys.stderr):
                self._stack.__exit__(kind, error, trace)
        except Exception as failed:
            self._disable(failed)

    def _disable(self, error: Exception) -> None:
        self._log = None
        warnings.warn(translate("tracking.given_up", tracker=self._name, why=error), SoftregWarning, stacklevel=3)
