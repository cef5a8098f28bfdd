"""What L-BFGS and Newton share: find a direction, search along it, stop when the optimum is near enough."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

from torch import Tensor

from softreg.compute.device import accumulate_dtype
from softreg.optim.duality_gap import duality_gap
from softreg.optim.objective import Objective
from softreg.optim.solver import State, Termination, TerminationReason
from softreg.optim.solvers.conjugate_gradients import conjugate_gradients, inner
from softreg.optim.solvers.line_search import line_search
from softreg.optim.solvers.preconditioner import Preconditioner, precondition
from softreg.optim.solvers.warm_start import warm_start

Inverse = Callable[[Tensor], Tensor]


@dataclass(eq=False)
class NewtonTypeSolver(ABC):
    """theta <- theta + t * direction, where the direction is about -Hessian^-1 gradient.

    One step is one iteration, its cost the objective after it. `memory` holds the `gradient`, the `direction` to go, the `gap` to
    the optimum as estimated, the `anchor`, and what the solver itself remembers. The anchor is the theta at which the
    preconditioner was made; the preconditioner, large, is not remembered but made again from its anchor, the same bit for bit.

    Parameters
    ----------
    tol : it ends when the objective is about so near its minimum
    max_iterations : it ends then at the latest
    certify : go on until the gap can also be proven to be below `tol` (`softreg.optim.duality_gap`)
    """

    tol: float
    max_iterations: int
    certify: bool = False
    _kept: tuple[Tensor, Preconditioner] | None = field(default=None, init=False, repr=False)

    refresh: ClassVar[tuple[int, ...]] = (3, 15, 45, 135)  # iterations after which the preconditioner is made anew
    always: ClassVar[bool] = False  # ask the Hessian itself for every direction

    @property
    def total(self) -> int:
        """Iterations, at most."""
        return self.max_iterations

    @abstractmethod
    def inverse(self, objective: Objective, memory: dict[str, Tensor]) -> Inverse:
        """A guess of the inverse Hessian: gradients (C, D + 1) to directions."""

    def remember(self, memory: dict[str, Tensor], step: Tensor, change: Tensor) -> None:  # noqa: B027 - may be nothing
        """Take into memory what a step (C, D + 1) has taught: the change of the gradient (C, D + 1) along it."""

    @final
    def start(self, objective: Objective, theta: Tensor) -> State:
        """At theta (C, D + 1), or near the optimum if it is zero, moved to sum to zero over classes.

        Softmax cannot tell, and the penalty is least there.
        """
        theta = warm_start(objective, theta)
        theta = theta - theta.mean(0)
        cost, gradient = objective.value_and_gradient(theta)
        memory = {"gradient": gradient, "anchor": theta}
        return self._directed(objective, State(theta, steps=0, cost=cost, termination=None, memory=memory))

    @final
    def step(self, objective: Objective, state: State) -> State:
        """One iteration."""
        found = line_search(objective, state)
        if found is None:
            return replace(state, steps=state.steps + 1, termination=self._terminated(TerminationReason.STALLED, state))
        theta, cost, gradient = found
        memory, steps = state.memory | {"gradient": gradient}, state.steps + 1
        if steps in self.refresh:  # what was learnt of the Hessian far from here is forgotten
            memory = {"gradient": gradient, "anchor": theta}
        else:
            self.remember(memory, theta - state.theta, gradient - state.memory["gradient"])
        return self._directed(objective, State(theta, steps, cost, None, memory))

    def _directed(self, objective: Objective, state: State) -> State:
        """With the direction to go from here, and the ending if it is not worth going.

        The gap is estimated by the Newton decrement, 1/2 gradient^T Hessian^-1 gradient, exact for a parabola. A guess of the
        Hessian may be too steep and the optimum seem near, so the end is never declared before the Hessian itself was asked.
        """
        inverse, gradient = self.inverse(objective, state.memory), state.memory["gradient"]
        direction = -inverse(gradient)
        if self.always or newton_decrement(direction, gradient) <= self.tol:
            direction = conjugate_gradients(objective, state.theta, gradient, inverse, superlinear=self.always)
        state = replace(state, memory=state.memory | {"direction": direction, "gap": newton_decrement(direction, gradient)})
        if self._near(objective, state):
            return replace(state, termination=self._terminated(TerminationReason.CONVERGED, state))
        if state.steps >= self.max_iterations:
            return replace(state, termination=self._terminated(TerminationReason.OUT_OF_ITERATIONS, state))
        return state

    def _near(self, objective: Objective, state: State) -> bool:
        """Near enough, as estimated; to `certify`, as proven too: tried once the squared gradient over 2 l2 promises it."""
        if not float(state.memory["gap"]) <= self.tol:
            return False
        promised = (
            0.5 * float(state.memory["gradient"].to(objective.matrix.accumulate_dtype).square().sum()) <= objective.l2 * self.tol
        )
        return not self.certify or (promised and duality_gap(objective, state.theta).gap <= self.tol)

    def _terminated(self, reason: TerminationReason, state: State) -> Termination:
        params: dict[str, object] = {"iterations": state.steps, "gap": float(state.memory["gap"]), "tol": self.tol}
        return Termination(reason, params)

    def preconditioner(self, objective: Objective, anchor: Tensor) -> Preconditioner:
        """The one made at the anchor (C, D + 1)."""
        if self._kept is None or self._kept[0] is not anchor:
            self._kept = anchor, precondition(objective, anchor)
        return self._kept[1]


def newton_decrement(direction: Tensor, gradient: Tensor) -> Tensor:
    """Half of what the slope along the direction promises, float64: Newton's, if the direction is."""
    return -0.5 * inner(direction, gradient).to(accumulate_dtype(gradient.device))
