"""What a solver is: something that improves a state one step at a time until it knows why to stop."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol, Self

from torch import Tensor

from softreg.messages import translate
from softreg.optim.objective import Objective


class TerminationReason(Enum):
    """Why a minimisation ended; the values stand in run folders and checkpoints."""

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
        """As run folders and checkpoints keep it."""
        return {"key": self.reason.value, "converged": self.converged, "facts": self.params}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The termination that `to_json` gave.

        Raises
        ------
        LookupError, TypeError, ValueError
            If it is not one.
        """
        termination = cls(TerminationReason(value["key"]), dict(value["facts"]))
        str(termination)  # the numbers its sentence needs are there
        return termination


@dataclass(frozen=True, eq=False)
class State:
    """Where a solver stands after `steps` steps: everything the next step depends on, so it can be stopped and resumed bit for bit.

    Attributes
    ----------
    theta : (C, D + 1), weights and bias
    steps : epochs or iterations done
    cost : the objective at theta; for SGD, the mean mini-batch loss of the last epoch
    termination : how it ended; None while there is more to do
    memory : the solver's own tensors, by name
    """

    theta: Tensor
    steps: int
    cost: float
    termination: Termination | None
    memory: dict[str, Tensor]


class Solver(Protocol):
    """Minimises an objective, driven by `softreg.optim.minimize`."""

    @property
    def total(self) -> int:
        """The most steps it takes."""

    def start(self, objective: Objective, theta: Tensor) -> State:
        """The state before the first step, at theta (C, D + 1)."""

    def step(self, objective: Objective, state: State) -> State:
        """The state one epoch or iteration later; `state` itself is not changed."""
