"""The solver interface: a solver improves a state step by step, and records why it stopped."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, ClassVar, Protocol, Self

from torch import Tensor

from softreg.messages import translate
from softreg.optim.objective import Objective


class TerminationReason(Enum):
    """Why a minimisation ended; run folders and checkpoints hold the values."""

    CONVERGED = "converged"
    EPOCHS_DONE = "epochs_done"
    WORSE_THAN_GUESSING = "worse_than_guessing"
    STALLED = "stalled"
    OUT_OF_ITERATIONS = "out_of_iterations"
    STOPPED = "stopped"  # by a callback that raised `StopMinimization`
    INTERRUPTED = "interrupted"  # by Ctrl-C

    @property
    def is_success(self) -> bool:
        """Whether the solver did all it was asked to."""
        return self in {TerminationReason.CONVERGED, TerminationReason.EPOCHS_DONE}

    @property
    def is_early(self) -> bool:
        """Whether somebody ended it before the solver would have."""
        return self in {TerminationReason.STOPPED, TerminationReason.INTERRUPTED}


@dataclass(frozen=True)
class Termination:
    """How a minimisation ended. `str()` is a sentence for people.

    Attributes
    ----------
    reason : why
    params : the numbers in that sentence, by name
    """

    reason: TerminationReason
    params: dict[str, object] = field(default_factory=dict)

    @property
    def converged(self) -> bool:
        """Whether the solver did all it was asked to."""
        return self.reason.is_success

    def __str__(self) -> str:
        proof = translate("solvers.proof", **self.params) if "proven" in self.params else ""
        return translate(f"solvers.{self.reason.value}", **self.params, proof=proof)

    def to_json(self) -> dict[str, Any]:
        """The JSON object that run folders and checkpoints hold."""
        return {"key": self.reason.value, "converged": self.converged, "facts": self.params}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The termination that `to_json` described.

        Raises
        ------
        LookupError, TypeError, ValueError
            If `value` does not describe one.
        """
        termination = cls(TerminationReason(value["key"]), dict(value["facts"]))
        str(termination)  # raises unless the numbers its sentence needs are there
        return termination


@dataclass(frozen=True, eq=False)
class SolverState:
    """What a solver carries from one step to the next beside theta: a dataclass of tensors, one class per solver.

    A field that is None is not stored. `field(metadata={"stored_as": name})` is the name in checkpoints, where it differs.
    """

    def to_tensors(self) -> dict[str, Tensor]:
        """The tensors by the names that checkpoints use."""
        values = {name: getattr(self, attribute) for name, attribute in self._names().items()}
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        """The state that `to_tensors` described.

        Raises
        ------
        LookupError, TypeError
            If a tensor is missing, or one has an unknown name.
        """
        names = cls._names()
        return cls(**{names[name]: tensor for name, tensor in tensors.items()})

    @classmethod
    def _names(cls) -> dict[str, str]:
        return {item.metadata.get("stored_as", item.name): item.name for item in fields(cls)}


@dataclass(frozen=True, eq=False)
class State:
    """A minimisation after `steps` steps: all that the next step depends on, so it can be stopped and resumed bit for bit.

    Attributes
    ----------
    theta : (C, D + 1), weights and bias
    steps : epochs or iterations done
    cost : the objective at theta; for SGD, the mean mini-batch loss of the last epoch
    termination : how it ended; None while there is more to do
    solver_state : what the solver itself carries over
    """

    theta: Tensor
    steps: int
    cost: float
    termination: Termination | None
    solver_state: SolverState


class Solver(Protocol):
    """Minimises an objective, driven by `softreg.optim.minimize`."""

    state_type: ClassVar[type[SolverState]]

    @property
    def total(self) -> int:
        """The largest number of steps it takes."""

    def start(self, objective: Objective, theta: Tensor) -> State:
        """The state before the first step, at theta (C, D + 1)."""

    def step(self, objective: Objective, state: State) -> State:
        """The state after one more epoch or iteration; `state` itself is not changed."""
