"""A training followed elsewhere: every step's cost, then the evaluation, to TensorBoard, MLflow or Weights & Biases.

A tracker is a context manager, made of the run's place and its recipe, that gives one function: `log(step, numbers)`. Each comes
with an extra of its own name, and is set up by its own environment variables (MLFLOW_TRACKING_URI, WANDB_MODE, ...).
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

        def log(step: int, numbers: Mapping[str, float]) -> None:
            for name, number in numbers.items():
                writer.add_scalar(name, number, step)

        yield log


@contextmanager
def mlflow(run: Path, recipe: Recipe) -> Iterator[Log]:
    """A run of the experiment `softreg`, where MLflow is told to keep them."""
    import mlflow

    mlflow.set_experiment(PROJECT)
    with mlflow.start_run(run_name=run.name):
        mlflow.log_params(asdict(recipe))
        yield lambda step, numbers: mlflow.log_metrics(dict(numbers), step=step)


@contextmanager
def wandb(run: Path, recipe: Recipe) -> Iterator[Log]:
    """A run of the project `softreg`; what is kept on this machine lies in wandb/ beside the run."""
    import wandb

    run.parent.mkdir(parents=True, exist_ok=True)
    with wandb.init(project=PROJECT, name=run.name, dir=run.parent, config=asdict(recipe)) as tracked:
        yield lambda step, numbers: tracked.log(dict(numbers), step=step)


TRACKERS: dict[str, Callable[[Path, Recipe], AbstractContextManager[Log]]] = {
    "tensorboard": tensorboard,
    "mlflow": mlflow,
    "wandb": wandb,
}


class TrackerSession:
    """The training of `run` as the tracker `log_to` sees it, or nobody if that is None.

    A tracker that cannot begin is an error, told before anything is trained. One that fails later is given up with a warning: no
    training is lost because somebody's server went away. What trackers print goes to stderr.

    Raises
    ------
    MissingExtraError
        If the tracker is not installed.
    RunError
        If it cannot begin.
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

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Tell the tracker these numbers of this step."""
        if self._log is None:
            return
        try:
            with redirect_stdout(sys.stderr):
                self._log(step, numbers)
        except Exception as error:
            self._log = None
            self._give_up(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            with redirect_stdout(sys.stderr):
                self._stack.__exit__(kind, error, trace)
        except Exception as failed:
            self._give_up(failed)

    def _give_up(self, error: Exception) -> None:
        warnings.warn(translate("tracking.given_up", tracker=self._name, why=error), SoftregWarning, stacklevel=3)
