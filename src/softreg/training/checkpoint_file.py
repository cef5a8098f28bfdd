"""The file of one checkpoint: where a training stands, and what it belongs to."""

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch

from softreg.errors import RunError, SoftregWarning
from softreg.messages import translate
from softreg.optim.solver import State, Termination
from softreg.optim.solvers.registry import solver_class
from softreg.recipe import Recipe
from softreg.runs.environment import capture_environment
from softreg.storage.tensors import dumps, loads
from softreg.training.fit import TrainState

FORMAT = "1"
FINGERPRINT_KEYS = ("libraries", "cpu_capability", "threads", "device")  # what the last bits of the weights depend on


@dataclass(frozen=True)
class Origin:
    """What a checkpoint belongs to.

    Attributes
    ----------
    run : the run folder
    recipe : what is trained
    data_sha256 : of the training images and labels; None if they are too many to hash
    fingerprint : of the machine: libraries, kind of processor, threads, device
    """

    run: Path
    recipe: Recipe
    data_sha256: str | None
    fingerprint: dict[str, Any]

    @classmethod
    def here(cls, run: Path, recipe: Recipe, data_sha256: str | None, device: torch.device) -> Self:
        """Of a training on this machine."""
        environment = capture_environment(device)
        return cls(run, recipe, data_sha256, {key: environment[key] for key in FINGERPRINT_KEYS})

    def encode(self, progress: TrainState) -> bytes:
        """The bytes of the file."""
        state = progress.state
        tensors = {"theta": state.theta} | {f"memory.{name}": tensor for name, tensor in state.solver_state.to_tensors().items()}
        metadata = {
            "recipe": self.recipe.to_toml(),
            "data_sha256": self.data_sha256,
            "machine": self.fingerprint,
            "on_device": [name for name, tensor in tensors.items() if tensor.device.type != "cpu"],
            "steps": state.steps,
            "cost": state.cost,
            "ended": state.termination.to_json() if state.termination else None,
            "costs": progress.losses,
            "seconds": progress.seconds,
        }
        return dumps(tensors, {"format": FORMAT, "progress": json.dumps(metadata)})[0]

    def decode(self, raw: bytes, device: torch.device) -> TrainState:
        """The training that a file holds, on `device`; a warning if it was another machine's.

        Raises
        ------
        RunError
            If it was trained on other data.
        ValueError
            If the file is damaged or of another recipe.
        """
        tensors, metadata, progress = _parse(raw)
        if metadata["format"] != FORMAT or progress["recipe"] != self.recipe.to_toml():
            raise ValueError("recipe")
        if progress["data_sha256"] != self.data_sha256:
            raise RunError("runs.other_data", path=self.run, now=self.data_sha256, before=progress["data_sha256"])
        if changes := [key for key in FINGERPRINT_KEYS if progress["machine"][key] != self.fingerprint[key]]:
            warnings.warn(translate("runs.other_machine", path=self.run, changes=", ".join(changes)), SoftregWarning, stacklevel=3)
        return _to_state(tensors, progress, self.recipe.solver, device)


def state_from_bytes(raw: bytes, solver: str, device: torch.device) -> TrainState:
    """The training in bytes of `Origin.encode`, for a rank that has no folder of its own."""
    tensors, _, progress = _parse(raw)
    return _to_state(tensors, progress, solver, device)


def _parse(raw: bytes) -> tuple[dict[str, torch.Tensor], dict[str, str], dict[str, Any]]:
    """The tensors, the metadata and the progress of a checkpoint."""
    tensors, metadata = loads(raw, {"format", "progress"})
    return tensors, metadata, json.loads(metadata["progress"])


def _to_state(tensors: dict[str, torch.Tensor], progress: dict[str, Any], solver: str, device: torch.device) -> TrainState:
    # Copied, because torch's allocator aligns memory, and alignment decides the order of sums
    tensors = {name: tensor.clone().to(device if name in progress["on_device"] else "cpu") for name, tensor in tensors.items()}
    memory = {name.removeprefix("memory."): tensor for name, tensor in tensors.items() if name != "theta"}
    termination = Termination.from_json(progress["ended"]) if progress["ended"] else None
    solver_state = solver_class(solver).state_type.from_tensors(memory)
    state = State(tensors["theta"], progress["steps"], progress["cost"], termination, solver_state)
    return TrainState(state, progress["costs"], progress["seconds"])
