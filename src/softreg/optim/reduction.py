"""Training on few images with many features, in the space that their rows span (`softreg.optim.row_space`).

A few hundred pictures of a few thousand features each make a problem whose Hessian has as many rows as there are features; in the
space of the rows it has as many as there are pictures.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from softreg.optim.continuation import stronger_penalties_first
from softreg.optim.minimize import minimize
from softreg.optim.objective import Objective
from softreg.optim.row_space import RowSpace
from softreg.optim.solver import Solver, State
from softreg.optim.solvers.newton_type import NewtonTypeSolver, solver_state

WIDE = 1.5  # features per row
MAX_NUMEL = 2**25  # of the rows: in float64, 256 MB
MIN_TOL = 1e-6  # the coordinates are rounded to the precision of the features, which changes the objective by a tenth of this


@dataclass(frozen=True, eq=False)
class Reduction:
    """An objective over wide rows, and the same over their coordinates.

    Attributes
    ----------
    objective : over the coordinates (N, N): what to minimise
    space : of the rows; None if the objective is the original one
    """

    objective: Objective
    space: RowSpace | None = None

    @classmethod
    def of(cls, objective: Objective, solver: Solver) -> Self:
        """The objective in the space of its (dense) rows, if that is much narrower and the solver's tolerance allows it."""
        matrix = objective.matrix
        wide = matrix.dim > WIDE * len(matrix) and matrix.rows.numel() <= MAX_NUMEL
        here = matrix.all_reduce is None and not matrix.mapped
        if not (wide and here and isinstance(solver, NewtonTypeSolver) and solver.tol >= MIN_TOL):
            return cls(objective)
        x, _ = matrix.rows_at(torch.arange(len(matrix)))
        space = RowSpace.of(x.double().cpu().numpy())
        rows = torch.from_numpy(space.coordinates).to(x)
        return cls(replace(objective, matrix=replace(matrix, rows=rows, scale=1.0, centre=None)), space)

    def begin_at(self, theta: Tensor, max_iterations: int) -> Tensor:
        """Theta (C, D + 1) for the coordinates, (C, N + 1); in place of zero, a point near the minimum for a stronger penalty.

        Few rows of many features can be separated, and where the penalty is weak, too, the first steps from zero go astray.
        """
        if self.space is None:
            return theta
        if not theta.any():
            return stronger_penalties_first(self.objective, max_iterations)[0]
        return torch.from_numpy(self.space.project(theta.double().cpu().numpy())).to(theta)

    def lift(self, theta: Tensor) -> Tensor:
        """Theta (C, N + 1) for the features, (C, D + 1)."""
        return theta if self.space is None else torch.from_numpy(self.space.lift(theta.double().cpu().numpy())).to(theta)

    def lift_state(self, state: State) -> State:
        """A state of a solver, theta and direction for the features; a bound that holds for rounded coordinates is dropped."""
        if self.space is None:
            return state
        here = solver_state(state)
        here = replace(here, direction=self.lift(here.direction), lower_bound=None)
        return replace(state, theta=self.lift(state.theta), solver_state=here)


def minimum(solver: Solver, objective: Objective, theta: Tensor, on_step: Callable[[State], None] = lambda state: None) -> Tensor:
    """The theta (C, D + 1) at which `minimize` ends."""
    reduction = Reduction.of(objective, solver)
    return reduction.lift(minimize(solver, reduction.objective, reduction.begin_at(theta, solver.total), on_step=on_step).theta)
