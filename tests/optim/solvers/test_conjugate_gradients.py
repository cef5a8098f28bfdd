"""Conjugate gradients against a dense solve of the Hessian that autograd gives."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from softreg.optim.objective import Objective
from softreg.optim.solvers import conjugate_gradients as module
from softreg.optim.solvers.conjugate_gradients import conjugate_gradients, inner
from softreg.optim.solvers.preconditioner import precondition
from tests.helpers.problems import dense_hessian, random_theta, small_objective

pytestmark = pytest.mark.usefixtures("one_thread")


def centred(theta: Tensor) -> Tensor:
    """As the solvers keep it: summing to zero over classes."""
    return theta - theta.mean(0)


def exact(objective: Objective, theta: Tensor, gradient: Tensor) -> Tensor:
    """The solution of least norm: a constant added to every bias changes nothing."""
    step: Tensor = -(torch.linalg.pinv(dense_hessian(objective, theta), hermitian=True) @ gradient.flatten()).view(theta.shape)
    return step


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("preconditioned", [False, True])
def test_a_small_gradient_is_solved_for_almost_exactly(weighted: bool, preconditioned: bool) -> None:
    objective = small_objective(weighted=weighted)
    theta = centred(random_theta(objective))
    gradient = 1e-12 * objective.value_and_gradient(theta)[1]  # superlinear: the smaller the gradient, the more precise
    solve = precondition(objective, theta).solve if preconditioned else lambda r: r - r.mean(0)
    found = conjugate_gradients(objective, theta, gradient, solve, superlinear=True)
    wanted = exact(objective, theta, gradient)
    assert float((found - wanted).norm() / wanted.norm()) < 1e-3


def test_it_goes_on_until_the_residual_is_enough() -> None:
    objective = small_objective()
    theta = centred(random_theta(objective))
    _, gradient = objective.value_and_gradient(theta)
    solve = precondition(objective, theta).solve
    for factor in (1e-2, 1e-5):
        wanted = factor * float(gradient.norm())

        def is_enough(residual: Tensor, wanted: float = wanted) -> bool:
            return float(residual.norm()) <= wanted

        found = conjugate_gradients(objective, theta, gradient, solve, superlinear=False, is_enough=is_enough)
        assert float((gradient + objective.hessian_product(theta, found)).norm()) <= wanted * (1 + 1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_estimate_of_the_gap_is_right_to_within_a_quarter(seed: int) -> None:
    objective = small_objective(seed=seed)
    theta = centred(random_theta(objective, seed, scale=2.0))
    _, gradient = objective.value_and_gradient(theta)
    solve = precondition(objective, theta).solve
    found = conjugate_gradients(objective, theta, gradient, solve, superlinear=False)
    ratio = float(inner(found, gradient) / inner(exact(objective, theta, gradient), gradient))
    assert 0.75 <= ratio <= 1 + 1e-9


def test_no_gradient_no_direction() -> None:
    objective = small_objective()
    theta = random_theta(objective)
    direction = conjugate_gradients(objective, theta, torch.zeros_like(theta), lambda r: r, superlinear=True)
    assert not direction.any()


@pytest.mark.parametrize(
    ("superlinear", "size", "dim", "reduction"),
    [
        (False, 1.0, 20, 0.25),  # half the gradient, squared
        (False, 1e-20, 20, 0.25),
        (True, 1e6, 20, 0.09),
        (True, 1e-2, 20, None),  # the root of the gradient's size, squared
        (True, 1e-40, 8, torch.finfo(torch.float64).eps),  # not below rounding
    ],
)
def test_it_ends_with_the_first_residual_that_is_small_enough(
    superlinear: bool, size: float, dim: int, reduction: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = small_objective(n=100, d=dim, c=5, l2=1e-3)
    if dim > 10:  # so that it takes some steps
        objective.matrix.rows.mul_(torch.logspace(-1, 1, dim, dtype=torch.float64))
    theta = centred(random_theta(objective, scale=0.2))
    gradient = size * objective.value_and_gradient(theta)[1]
    hessian, products = dense_hessian(objective, theta), 0

    class Counted(Objective):
        def hessian_product(self, theta: Tensor, direction: Tensor) -> Tensor:
            nonlocal products
            products += 1
            return super().hessian_product(theta, direction)

    def metric(r: Tensor) -> float:
        return float(inner(r, solve(r)))

    def solve(r: Tensor) -> Tensor:
        return 2 * (r - r.mean(0))

    counted, ratios = Counted(**vars(objective)), []
    for most in range(60):
        monkeypatch.setattr(module, "MAX_ITER", most)
        found = conjugate_gradients(counted, theta, gradient, solve, superlinear=superlinear)
        residual = gradient + (hessian @ found.flatten()).view(theta.shape)
        ratios.append(metric(residual) / metric(gradient))
        if products < sum(range(most + 1)):  # it has ended by itself
            break
    wanted = math.sqrt(metric(gradient)) if reduction is None else reduction
    assert len(ratios) > 3
    assert ratios[-1] == ratios[-2] <= wanted * 1.001
    assert min(ratios[:-2]) > wanted * 0.999


@pytest.mark.parametrize("curvature", [0.0, -1.0, math.inf, math.nan])
def test_where_nothing_curves_there_is_no_direction(curvature: float) -> None:
    objective = small_objective()
    theta = random_theta(objective)

    class Flat(Objective):
        def hessian_product(self, theta: Tensor, direction: Tensor) -> Tensor:
            return curvature * direction

    gradient = objective.value_and_gradient(theta)[1]
    assert not conjugate_gradients(Flat(**vars(objective)), theta, gradient, lambda r: r, superlinear=True).any()


def test_a_residual_that_is_enough_already_takes_no_product_and_one_that_never_is_ends() -> None:
    objective = replace(small_objective(), l2=1e-3)
    theta = centred(random_theta(objective))
    gradient = objective.value_and_gradient(theta)[1]
    found = conjugate_gradients(
        objective, theta, gradient, lambda r: r - r.mean(0), superlinear=False, is_enough=lambda residual: False
    )
    wanted = exact(objective, theta, gradient)
    assert float((found - wanted).norm() / wanted.norm()) < 1e-6
