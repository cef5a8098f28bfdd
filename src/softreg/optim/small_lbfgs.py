"""L-BFGS for problems that are not large, to a proven gap, in numpy; in single precision as far as that leads, if it pays.

For those whose passes over the rows are so short that the overhead of a general solver would show, and for wide ones. A search
along a direction needs no pass: the logits are linear in its length. The direction is that of L-BFGS in its compact form (Byrd,
Nocedal and Schnabel, Representations of quasi-Newton matrices, Mathematical Programming 63, 1994), four products with the history.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dtrtri

from softreg.optim.small_preconditioner import at_zero, class_blocks
from softreg.optim.small_problem import FINE, SINGLE, Array, SmallProblem, Solution

MAX_NUMEL = 2**23  # numbers in the rows
MAX_PRODUCTS = 2**25  # in a pass over them: N D C
WIDE, MAX_WEIGHTS = 1000, 2**20  # features, above which even an approximate Hessian is expensive; weights, from which it pays again
TINY, LOOSEST = 70, 1e-6  # coefficients, and the tolerance for them: a looser one saves an iteration at most
MAX_ITER = 150  # beyond, Newton's method is better
HISTORY_SIZE = 8
REFRESH_AT = {True: 3, False: 6}  # iteration after which every class gets a block of its own, by whether there are two ...
MAX_BLOCK = 64  # ... if blocks have at most so many rows
CHEAP = 2**21  # products in the one block of two classes, which up to here is made at every iteration: Newton's method
WORTH_SINGLE, COARSE = 2**17, 1e-6  # numbers in the rows or logits from which single precision pays, and how far it always leads
FLAT = 0.25  # of the initial slope: a search ends there
SHORTEST, LONGEST = 0.1, 10.0  # a new length divides the interval by at least this part, and grows at most so much
MAX_TRIALS = 20
NOISE = 10  # roundings of the objective
MAX_PROOFS = 5
MARGIN, RETRY = 0.9, 0.1  # of the tolerance, where the proof is tried first; and of that, at least, where it is tried again

Precondition = Callable[[Array], Array]


def is_middling(rows: Any, classes: int, l2: float) -> bool:
    """Whether the rows (N, D) are dense, and passes over them short or D large; without a penalty there is no proof."""
    if not isinstance(rows, np.ndarray) or l2 <= 0:
        return False
    n, d = rows.shape
    wide = d > n or (d > WIDE and d * classes < MAX_WEIGHTS)
    return rows.size <= MAX_NUMEL and (rows.size * classes <= MAX_PRODUCTS or wide)


def solve_middling(
    rows: Array,
    labels: NDArray[np.int64],
    classes: int,
    l2: float,
    *,
    weights: Array | None,
    fit_intercept: bool,
    start: Array | None,
    tol: float,
    max_iter: int,
) -> Solution:
    """Minimise the weighted mean cross-entropy plus 1/2 l2 ||W||^2; parameters as those of `exact.solve`.

    Gives up after some 150 iterations, or where rounding hides any progress: the gap tells.
    """
    tol = min(tol, LOOSEST) if classes * rows.shape[1] <= TINY else tol
    single = max(rows.size, len(rows) * classes) >= WORTH_SINGLE or (rows.dtype == np.float32 and tol >= SINGLE)
    in_place = rows.dtype == np.float64 or single
    problem = SmallProblem(rows, labels, classes, l2, weights, fit_intercept=fit_intercept, in_place=in_place, single=single)
    goal = MARGIN * tol if tol >= FINE else 0.01 * tol
    limit = min(max_iter, MAX_ITER)
    if limit == 0:
        return problem.solution(problem.standardized(start), 0)
    path = _Path(problem, start)
    if problem.z.dtype == np.float32 and tol < SINGLE:
        path.follow(COARSE, limit)
        path.in_double()
    for _ in range(MAX_PROOFS):
        arrived = path.follow(goal, limit)
        if not arrived and path.problem.z.dtype == np.float32 and path.steps < limit:
            path.in_double()
            arrived = path.follow(goal, limit)
        solution = path.problem.solution(path.theta, path.steps, path.logits)
        if solution.gap <= tol or not arrived:
            break
        goal = min(goal, path.estimate()) * max(RETRY, MARGIN * tol / solution.gap)
    return solution


class _Path:
    """Where the minimisation is, and what it has learnt on the way."""

    def __init__(self, problem: SmallProblem, start: Array | None) -> None:
        self.problem, self.steps = problem, 0
        self.theta = problem.standardized(start).astype(problem.z.dtype)
        if start is None and problem.fit_intercept:
            self.theta[:, -1] = problem.constant_logits()
        if start is None:
            self.logits = np.repeat(self.theta[:, -1:], len(problem.z), axis=1)
        else:
            self.logits = problem.logits(self.theta)
        self.newton = problem.k == 1 and self.theta.shape[1] <= MAX_BLOCK and self.theta.shape[1] * problem.z.size <= CHEAP
        self._arrive()
        self._begin(at_zero(problem))

    def in_double(self) -> None:
        """Go on in double precision."""
        self.problem = self.problem.in_double()
        self.theta = self.theta.astype(np.float64)
        self.logits = self.problem.logits(self.theta)
        self._arrive()
        self._begin(class_blocks(self.problem, self.p) if self.theta.shape[1] <= MAX_BLOCK else at_zero(self.problem))

    def _arrive(self) -> None:
        """Find what there is to know where theta is, and the logits."""
        self.noise = NOISE * float(np.finfo(self.theta.dtype).eps)
        self.loss, self.p = self.problem.loss_and_probabilities(self.logits)
        self.residual = self.problem.residual(self.p)
        self.gradient = self.problem.gradient(self.theta, self.residual)

    def _begin(self, precondition: Precondition) -> None:
        """Use a preconditioner from here on, and forget what was learnt with another."""
        self.precondition = precondition
        self.natural = precondition(self.gradient)
        self.history: _History | None = None

    def estimate(self) -> float:
        """The gap, about."""
        return self.problem.upper_estimate(self.gradient)

    def follow(self, goal: float, limit: int) -> bool:
        """Go on until a proof promises to succeed; False if rounding hides the way, or it takes more than `limit` steps in all."""
        while self.estimate() > goal:
            if self.steps >= limit or not self._step():
                return False
        return True

    def _step(self) -> bool:
        """One iteration; False if rounding hides any progress."""
        direction = -self.natural if self.history is None else self.history.direction(self.natural).reshape(self.theta.shape)
        step = self._search(direction)
        if step is None:
            return False
        self.theta = self.theta + step
        before, natural_before = self.gradient, self.natural
        self.gradient = self.problem.gradient(self.theta, self.residual)
        self.steps += 1
        if self.newton or (self.steps == REFRESH_AT[self.problem.k == 1] and self.theta.shape[1] <= MAX_BLOCK):
            self._begin(class_blocks(self.problem, self.p))
            return True
        self.natural = self.precondition(self.gradient)
        self.history = self.history or _History(self.theta)
        self.history.append(step, self.gradient - before, self.natural - natural_before, self.gradient)
        return True

    def _search(self, direction: Array) -> Array | None:
        """The step along the direction to where its slope is small, by Newton's method and secants; logits and p are those there.

        None if the direction does not lead downhill, as far as rounding lets see.
        """
        problem, dtype = self.problem, self.theta.dtype.type
        along = problem.logits(direction)  # (K, N)
        penalized = problem.penalty * direction
        slope = float(np.vdot(self.gradient, direction))
        penalty_slope, penalty_curvature = float(np.vdot(self.theta, penalized)), float(np.vdot(direction, penalized))
        curvature = problem.curvature(self.p, along) + penalty_curvature
        length = -slope / curvature if curvature > 0 else 0.0
        low, low_slope, high, noise = 0.0, slope, np.inf, self.noise * (1 + abs(self.loss))
        label_slope = float(np.vdot(problem.one_hot, along))  # of the mean logit of the labels
        label_logit = float(np.vdot(problem.one_hot, self.logits))
        for _ in range(MAX_TRIALS if length > 0 else 0):
            logits = self.logits + dtype(length) * along
            log_sum, p = problem.log_sum_and_probabilities(logits)
            loss, weighted = log_sum - label_logit - length * label_slope, p * problem.weights
            trial_slope = float(np.vdot(weighted, along)) - label_slope + penalty_slope + length * penalty_curvature
            fell = loss - self.loss + length * (penalty_slope + 0.5 * length * penalty_curvature) <= noise
            if fell and abs(trial_slope) <= FLAT * -slope:
                weighted -= problem.one_hot
                self.logits, self.loss, self.p, self.residual = logits, loss, p, weighted
                step: Array = dtype(length) * direction
                return step
            secant = length - trial_slope * (length - low) / (trial_slope - low_slope) if trial_slope > low_slope else np.inf
            if fell and trial_slope < 0:
                low, low_slope = length, trial_slope
            else:
                high = length
            length = min(max(secant, low + SHORTEST * (min(high, LONGEST * low) - low)), LONGEST * low if low > 0 else high)
            length = min(length, low + (1 - SHORTEST) * (high - low)) if high < np.inf else length
        return None


class _History:
    """The last steps s, (K, D + 1) each, and the changes y of the gradient and u of the preconditioned gradient along them.

    Of y, only its products with s and u are kept, from the oldest to the latest.
    """

    def __init__(self, like: Array) -> None:
        self.both = np.zeros((2, HISTORY_SIZE, like.size), like.dtype)  # all s, then all u
        self.slots: list[int] = []  # of the oldest to the latest
        self.sy, self.uy = (np.zeros((HISTORY_SIZE, HISTORY_SIZE)) for _ in range(2))
        self.gradient = np.zeros((2, HISTORY_SIZE))  # the products with the last gradient

    def append(self, s: Array, y: Array, u: Array, gradient: Array) -> None:
        """Take a step, and the gradient after it, into account; not one along which rounding has made the curvature negative."""
        useful = float(np.vdot(s, y)) > 0 and float(np.vdot(u, y)) > 0
        if useful:
            if len(self.slots) == HISTORY_SIZE:
                self.slots.append(self.slots.pop(0))
                self.sy[:-1, :-1], self.uy[:-1, :-1] = self.sy[1:, 1:].copy(), self.uy[1:, 1:].copy()
            else:
                self.slots.append(len(self.slots))
            self.both[:, self.slots[-1]] = s.reshape(-1), u.reshape(-1)
        products = (self.both.reshape(2 * HISTORY_SIZE, -1) @ np.stack([y.reshape(-1), gradient.reshape(-1)], axis=1)).T
        products = products.reshape(2, 2, HISTORY_SIZE)[:, :, self.slots]  # of y and the gradient, with s and u
        self.gradient = products[1]
        if useful:
            count = len(self.slots)
            self.sy[:count, count - 1], self.uy[:count, count - 1] = products[0]
            self.uy[count - 1, :count] = products[0, 1]

    def direction(self, natural: Array) -> Array:
        """-(inverse Hessian) gradient, from the preconditioned gradient; flat."""
        if not self.slots:
            return -natural.reshape(-1)
        count, dtype = len(self.slots), natural.dtype
        sy, uy = self.sy[:count, :count], self.uy[:count, :count]  # upper triangular; symmetric
        gamma = sy[-1, -1] / uy[-1, -1]
        inverse, _ = dtrtri(sy)
        t = inverse @ self.gradient[0]
        coefficients = np.zeros((2, HISTORY_SIZE), dtype)
        coefficients[0, self.slots] = inverse.T @ (gamma * (self.gradient[1] - uy @ t) - sy.diagonal() * t)
        coefficients[1, self.slots] = gamma * t
        direction: Array = coefficients.reshape(-1) @ self.both.reshape(2 * HISTORY_SIZE, -1)
        direction -= dtype.type(gamma) * natural.reshape(-1)
        return direction
