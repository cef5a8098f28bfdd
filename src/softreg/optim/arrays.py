"""The minimum over numpy or SciPy arrays, by the solver that suits their size. Torch is imported only if a large one is needed."""

from typing import Any

from softreg.optim.small_newton import Solution, is_small, solve_small


def solve_arrays(
    rows: Any, labels: Any, classes: int, l2: float, l1: float, *, solver: str, max_iter: int, start: Any, **options: Any
) -> Solution:
    """What `exact.solve` finds, with its parameters; small problems are solved by Newton's method whatever `solver` says."""
    before = 0
    if l1 == 0 and is_small(rows, classes):
        solution = solve_small(rows, labels, classes, l2, start=start, max_iter=max_iter, **options)
        if solution.gap <= options["tol"] or solution.steps >= max_iter:
            return solution
        start, before = solution.theta, solution.steps
    from softreg.optim.exact import solve

    solution = solve(rows, labels, classes, l2, l1, solver=solver, max_iter=max_iter - before, start=start, **options)
    return Solution(solution.theta, before + solution.steps, solution.gap)
