"""What L-BFGS and Newton have in common: find a direction, search along it, stop when the optimum is near enough."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar, final

import torch
from torch import Tensor

from softreg.compute.device import accumulate_dtype
from softreg.optim.duality_gap import DualityGap, duality_gap
from softreg.optim.objective import Objective
from softreg.optim.solver import SolverState, State, Termination, TerminationReason
from softreg.optim.solvers.conjugate_gradients import conjugate_gradients, inner
from softreg.optim.solvers.line_search import line_search
from softreg.optim.solvers.preconditioner import Preconditioner, precondition
from softreg.optim.solvers.warm_start import warm_start

PROMISING = 2.0  # times the tolerance: the bound is taken one step on, where it is several times tighter
NEAR, SMALL_RESIDUAL = 0.5, 0.2  # of the tolerance: an estimated gap, and what then may be left to prove one step on
HOPELESS = 1e-3  # of the tolerance: an estimate so small without a proof says that rounding hides it
MISJUDGED = 3.0  # times the tolerance; estimates are right to within that
InverseHessian = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class NewtonTypeState(SolverState):
    """What the next iteration starts from.

    Attributes
    ----------
    gradient : (C, D + 1), at theta
    direction : (C, D + 1), to search along next
    gap : (), the estimated distance to the minimum, in the objective
    reference_theta : (C, D + 1), where the preconditioner was computed
    lower_bound : (), what the objective cannot go below; None if no proof was tried here
    """

    gradient: Tensor
    direction: Tensor
    gap: Tensor
    reference_theta: Tensor = field(metadata={"stored_as": "anchor"})
    lower_bound: Tensor | None = None


@dataclass(eq=False)
class NewtonTypeSolver(ABC):
    """theta <- theta + t * direction, where the direction is about -Hessian^-1 gradient.

    One step is one iteration; its cost is the objective after it. The preconditioner is too large for a state and is computed again
    from its `reference_theta` on resuming, with the same bits.

    Parameters
    ----------
    tol : stop when the estimated gap to the minimum of the objective is at most this
    max_iterations : stop after this many iterations in any case
    certify : go on until the gap is also proven to be at most `tol` (`softreg.optim.duality_gap`)
    """

    tol: float
    max_iterations: int
    certify: bool = False
    _cached: tuple[Tensor, Preconditioner] | None = field(default=None, init=False, repr=False)

    state_type: ClassVar[type[SolverState]] = NewtonTypeState
    refresh_at: tuple[int, ...] = (3, 15, 45, 135)  # iterations after which the preconditioner is computed anew
    always_cg: ClassVar[bool] = False  # solve with the Hessian itself for every direction

    @property
    def total(self) -> int:
        """The largest number of iterations."""
        return self.max_iterations

    @abstractmethod
    def inverse_hessian(self, objective: Objective, state: NewtonTypeState) -> InverseHessian:
        """An approximation of the inverse Hessian, from gradients (C, D + 1) to directions (C, D + 1)."""

    def initial_state(self, gradient: Tensor, theta: Tensor) -> NewtonTypeState:
        """The state with the preconditioner at theta (C, D + 1), an empty history, and no direction yet."""
        return NewtonTypeState(gradient, torch.zeros_like(gradient), gradient.new_tensor(float("inf")), theta)

    def update_history(self, state: NewtonTypeState, s: Tensor, y: Tensor) -> NewtonTypeState:
        """The state with the step s (C, D + 1) and the change y (C, D + 1) of the gradient along it taken into account."""
        return state

    def curvature(self, objective: Objective, theta: Tensor) -> Objective:
        """The objective whose Hessian at theta (C, D + 1) is solved with."""
        return objective

    @final
    def start(self, objective: Objective, theta: Tensor) -> State:
        """The state at theta (C, D + 1), or near the optimum if theta is zero, shifted to sum to zero over classes.

        The shift changes no probability, and the penalty is smallest there.
        """
        theta = warm_start(objective, theta)
        theta = theta - theta.mean(0)
        cost, gradient = objective.value_and_gradient(theta)
        return self._directed(objective, State(theta, 0, cost, None, self.initial_state(gradient, theta)))

    @final
    def step(self, objective: Objective, state: State) -> State:
        """One iteration."""
        before = solver_state(state)
        found = line_search(objective, state.theta, state.cost, before.gradient, before.direction)
        if found is None:
            return replace(state, steps=state.steps + 1, termination=self._terminated(TerminationReason.STALLED, state))
        theta, cost, gradient = found
        steps = state.steps + 1
        if steps in self.refresh_at:  # and forget what was learnt about the Hessian far from here
            after = self.initial_state(gradient, theta)
        else:
            after = self.update_history(replace(before, gradient=gradient), theta - state.theta, gradient - before.gradient)
        return self._directed(objective, State(theta, steps, cost, None, after))

    def _directed(self, objective: Objective, state: State) -> State:
        """The state with the next direction, and terminated if going on is not worth it.

        The gap is estimated by the Newton decrement, 1/2 gradient^T Hessian^-1 gradient, exact for a quadratic. An approximation
        of the Hessian may be too steep and make the optimum seem near, so convergence always takes a solve with the Hessian itself.
        """
        here = solver_state(state)
        inverse = self.inverse_hessian(objective, here)
        direction = -inverse(here.gradient)
        if self.always_cg or newton_decrement(direction, here.gradient) <= self.tol:
            curvature = self.curvature(objective, state.theta)
            direction = conjugate_gradients(curvature, state.theta, here.gradient, inverse, superlinear=self.always_cg)
        gap = newton_decrement(direction, here.gradient)
        if not float(gap) > 0 and bool(here.gradient.any()):  # no direction downhill was found: that is no sign of the minimum
            gap = torch.full_like(gap, math.inf)
        here = replace(here, direction=direction, gap=gap, lower_bound=None)
        state = replace(state, solver_state=here)
        if float(here.gap) <= self.tol and self.certify:
            state, proven = self._prove_if_promising(objective, state, inverse)
            exact = self.always_cg and here.gradient.dtype == objective.matrix.accumulate_dtype
            if not proven and not exact and float(here.gap) <= HOPELESS * self.tol:
                return replace(state, termination=self._terminated(TerminationReason.STALLED, state))
        else:
            proven = float(here.gap) <= self.tol
        if proven:
            return replace(state, termination=self._terminated(TerminationReason.CONVERGED, state))
        if state.steps >= self.max_iterations:
            return replace(state, termination=self._terminated(TerminationReason.OUT_OF_ITERATIONS, state))
        return state

    def _prove_if_promising(self, objective: Objective, state: State, inverse: InverseHessian) -> tuple[State, bool]:
        """As `_prove`, where the gradient is small enough for that, or can be made so one step on."""
        here = solver_state(state)
        if objective.l2 > 0 and float(here.gap) <= NEAR * self.tol:
            return self._prove(objective, self._refined(objective, state, inverse))
        if upper_estimate(objective, here.gradient) <= PROMISING * self.tol:
            return self._prove(objective, state)
        return state, False

    def _refined(self, objective: Objective, state: State, inverse: InverseHessian) -> State:
        """The state with a direction that leaves little of the gradient: the Newton step, with more digits.

        A proof needs |gradient|^2 / (2 l2) to be small, which may be hundreds of times the gap. The rounding of a gradient in
        float32 alone may be too much for that, hence it is computed in float64; products with the Hessian need no such precision.
        """
        here, exact = solver_state(state), state.theta.to(objective.matrix.accumulate_dtype)
        gradient = here.gradient if exact is state.theta else objective.value_and_gradient(exact)[1]
        residual = gradient.to(state.theta.dtype) + objective.hessian_product(state.theta, here.direction)

        def is_enough(r: Tensor) -> bool:
            return upper_estimate(objective, r) <= SMALL_RESIDUAL * self.tol

        further = conjugate_gradients(objective, state.theta, residual, inverse, superlinear=False, is_enough=is_enough)
        direction = here.direction + further
        return replace(state, solver_state=replace(here, direction=direction, gap=newton_decrement(direction, here.gradient)))

    def _prove(self, objective: Objective, state: State) -> tuple[State, bool]:
        """The state with a lower bound of the objective, taken one step on, and whether the gap is proven to be at most `tol`."""
        here, dtype = solver_state(state), objective.matrix.accumulate_dtype
        proof = duality_gap(objective, state.theta, state.theta.to(dtype) + here.direction)
        here = replace(here, lower_bound=torch.tensor(proof.lower_bound, dtype=dtype))
        return replace(state, solver_state=here), proof.gap <= self.tol

    def _terminated(self, reason: TerminationReason, state: State) -> Termination:
        params: dict[str, object] = {"iterations": state.steps, "gap": float(solver_state(state).gap), "tol": self.tol}
        return Termination(reason, params)

    def preconditioner(self, objective: Objective, reference_theta: Tensor) -> Preconditioner:
        """The preconditioner at `reference_theta` (C, D + 1), cached."""
        if self._cached is None or self._cached[0] is not reference_theta:
            self._cached = reference_theta, precondition(objective, reference_theta)
        return self._cached[1]


def proven_gap(objective: Objective, theta: Tensor, here: NewtonTypeState) -> DualityGap:
    """The proof for theta (C, D + 1), its lower bound taken one step on, where it is tighter."""
    return duality_gap(objective, theta, theta + here.direction)


def checked_termination(objective: Objective, state: State) -> Termination:
    """The termination of a finished minimisation with the `proven` gap, both checked in float64.

    Where one more step lowers the objective by more than the tolerance, the solver's estimate was wrong and it has not converged.
    """
    assert state.termination is not None
    here, termination = solver_state(state), state.termination
    proof = proven_gap(objective, state.theta, here)
    proven = proof.gap if here.lower_bound is None else min(proof.gap, proof.value - float(here.lower_bound))
    params = termination.params | {"proven": proven}
    if termination.converged and proof.decrease > MISJUDGED * float(str(params["tol"])):
        return Termination(TerminationReason.STALLED, params | {"gap": proof.decrease})
    return replace(termination, params=params)


def upper_estimate(objective: Objective, gradient: Tensor) -> float:
    """|gradient|^2 / (2 l2), which the gap does not exceed but for rounding; the cheap forerunner of a proof."""
    if objective.l2 == 0:
        return math.inf
    return float((gradient[:, :-1].to(objective.matrix.accumulate_dtype).square() / (2 * objective.l2_per_feature)).sum())


def solver_state(state: State) -> NewtonTypeState:
    """The solver state, of the type that these solvers have put there."""
    assert isinstance(state.solver_state, NewtonTypeState)
    return state.solver_state


def newton_decrement(direction: Tensor, gradient: Tensor) -> Tensor:
    """-1/2 gradient^T direction, in float64: the Newton decrement if the direction is Newton's."""
    return -0.5 * inner(direction, gradient).to(accumulate_dtype(gradient.device))
