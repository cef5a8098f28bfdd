"""Training a run's recipe again: are the weights the same, and if not, why not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from softreg.compute.device import choose_device
from softreg.data.load import load_splits
from softreg.errors import RunError
from softreg.messages import translate
from softreg.model.serialization import model_to_bytes
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.optim.minimize import StopMinimization
from softreg.optim.solver import State, TerminationReason
from softreg.runs.environment import capture_environment
from softreg.runs.run import Run
from softreg.training.fit import fit

DECISIVE = ("softreg", "libraries", "processor", "cpu_capability", "threads", "device")  # what the last bits depend on


@dataclass(frozen=True)
class Reproduction:
    """What came of training again.

    Attributes
    ----------
    same : whether every bit of the model is as in the run
    difference : the largest absolute difference between two weights, 0 if `same`
    weights : how many there are
    differing : how many of them are not the same
    sha256 : of the model trained again
    recorded : of the model when the run was saved
    changed : whether the model file is no longer the one that was saved
    why : what may explain a difference, as sentences
    """

    same: bool
    difference: float
    weights: int
    differing: int
    sha256: str
    recorded: str
    changed: bool
    why: list[str]


def reproduce(run: Run, on_step: Callable[[State], None] = lambda state: None) -> Reproduction:
    """Train the recipe of `run` again, as many steps as it took, and compare the models bit for bit.

    Raises
    ------
    SoftregError
        If the run cannot be read, or its data is not to be had.
    """
    model, recorded = run.model(), run.result["model_sha256"]
    steps = len(run.costs) if run.termination.reason.is_early else None

    def stop_where_it_stopped(state: State) -> None:
        on_step(state)
        if state.steps == steps:
            raise StopMinimization

    splits = load_splits(run.recipe.dataset, run.recipe.validation)
    again = fit(run.recipe, splits.train, stop_where_it_stopped)
    if again.termination.reason is TerminationReason.INTERRUPTED:
        raise KeyboardInterrupt
    if again.model.linear.weight.shape != model.linear.weight.shape:
        raise RunError("reproduce.other_shape", path=run.path)
    (_, digest), (_, digest_again) = model_to_bytes(model), model_to_bytes(again.model)
    mine, theirs = _numbers(again.model), _numbers(model)
    same, changed = digest_again == digest, digest != recorded
    return Reproduction(
        same=same,
        difference=float((mine - theirs).abs().max()),
        weights=len(mine),
        differing=int((mine != theirs).sum()),
        sha256=digest_again,
        recorded=recorded,
        changed=changed,
        why=[] if same else _reasons(run, splits.train.sha256(), changed=changed),
    )


def _numbers(model: SoftmaxRegression) -> torch.Tensor:
    """All numbers of the model in a row, float64."""
    return torch.cat([tensor.detach().cpu().flatten().double() for _, tensor in model.named_tensors()])


def _reasons(run: Run, data_sha256: str | None, *, changed: bool) -> list[str]:
    """What is not as it was when the run was trained."""
    then, now = run.environment, capture_environment(choose_device(run.recipe.device))
    reasons = [translate("reproduce.changed")] if changed else []
    if (before := then["data_sha256"].get("train")) != data_sha256:
        reasons.append(translate("reproduce.other", what="data", now=data_sha256, before=before))
    for what, before, after in _flat(then, now):
        if before != after:
            reasons.append(translate("reproduce.other", what=what, now=after, before=before))
    return reasons or [translate("reproduce.no_reason")]


def _flat(then: dict[str, Any], now: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """What decides the last bits, then and now, the libraries one by one."""
    pairs = [(name, then.get(name), now[name]) for name in DECISIVE if name != "libraries"]
    libraries = then["libraries"]
    return pairs + [(name, libraries.get(name), version) for name, version in now["libraries"].items()]
