"""Training a run's recipe again: whether the weights are the same, and what may explain a difference."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from softreg.compute.defaults import default_torch
from softreg.compute.device import choose_device
from softreg.errors import RunError
from softreg.messages import translate
from softreg.model.serialization import model_to_bytes
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.optim.solver import State, TerminationReason
from softreg.runs.data import run_splits
from softreg.runs.environment import capture_environment
from softreg.runs.run import Run
from softreg.training.fit import fit

DECISIVE = (
    "softreg",
    "libraries",
    "processor",
    "cpu_capability",
    "threads",
    "device",
)  # for the last bits of the weights


@dataclass(frozen=True)
class Reproduction:
    """The comparison of a run's model with the one trained again.

    Attributes
    ----------
    same : whether every bit of the model is as in the run
    difference : the largest absolute difference between two weights, 0 if `same`
    weights : how many there are
    differing : how many of them differ
    sha256 : of the model trained again
    saved_sha256 : of the model when the run was saved
    file_modified : whether the model file has changed since
    reasons : sentences that may explain a difference
    """

    same: bool
    difference: float
    weights: int
    differing: int
    sha256: str
    saved_sha256: str
    file_modified: bool
    reasons: list[str]

    def to_json(self) -> dict[str, Any]:
        """As `softreg reproduce --json` prints it."""
        names = {"saved_sha256": "recorded", "file_modified": "changed", "reasons": "why"}
        return {names.get(name, name): value for name, value in asdict(self).items()}


@default_torch()
def reproduce(run: Run, on_step: Callable[[State], None] = lambda state: None, *, data: Any = None) -> Reproduction:
    """Train the recipe of `run` again, for as many steps, and compare the models bit for bit.

    `data` takes the place of the recipe's dataset: what was passed to `train`, if anything was.

    Raises
    ------
    SoftregError
        If the run or its data cannot be read.
    KeyboardInterrupt
        If Ctrl-C ends this training: there is nothing to compare then.
    """
    model, saved_sha256 = run.model(), run.result["model_sha256"]
    stop_after = len(run.costs) if run.termination.reason.is_early else None
    splits = run_splits(run, data)
    again = fit(run.recipe, splits.train, on_step, stop_after=stop_after)
    if again.termination.reason is TerminationReason.INTERRUPTED:
        raise KeyboardInterrupt
    if again.model.linear.weight.shape != model.linear.weight.shape:
        raise RunError("reproduce.other_shape", path=run.path)
    (_, digest), (_, digest_again) = model_to_bytes(model), model_to_bytes(again.model)
    mine, theirs = _numbers(again.model), _numbers(model)
    same, file_modified = digest_again == digest, digest != saved_sha256
    return Reproduction(
        same=same,
        difference=float((mine - theirs).abs().max()),
        weights=len(mine),
        differing=int((mine != theirs).sum()),
        sha256=digest_again,
        saved_sha256=saved_sha256,
        file_modified=file_modified,
        reasons=[] if same else _reasons(run, splits.train.sha256(), file_modified=file_modified),
    )


def _numbers(model: SoftmaxRegression) -> torch.Tensor:
    """All numbers of the model as one float64 vector."""
    return torch.cat([tensor.detach().cpu().flatten().double() for _, tensor in model.named_tensors()])


def _reasons(run: Run, data_sha256: str | None, *, file_modified: bool) -> list[str]:
    """What differs from the recorded data and environment."""
    then, now = run.environment, capture_environment(choose_device(run.recipe.device))
    reasons = [translate("reproduce.changed")] if file_modified else []
    if (before := then["data_sha256"].get("train")) != data_sha256:
        reasons.append(translate("reproduce.other", what="data", now=data_sha256, before=before))
    for what, before, after in _flat(then, now):
        if before != after:
            reasons.append(translate("reproduce.other", what=what, now=after, before=before))
    return reasons or [translate("reproduce.no_reason")]


def _flat(then: dict[str, Any], now: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """(name, then, now) of everything that decides the last bits, each library that was recorded by itself."""
    pairs = [(name, then.get(name), now[name]) for name in DECISIVE if name != "libraries"]
    return pairs + [(name, version, now["libraries"].get(name)) for name, version in then["libraries"].items()]
