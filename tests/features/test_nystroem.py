"""Kernel values, features and dual coefficients of a few landmarks, each against its formula in NumPy."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from softreg.features.nystroem import Nystroem, gaussian, hadamard, nystroem_of

M, A, DIM = 16, 3, 5
EPS = 0.01  # a model that was saved has weights for this one
TWO = torch.tensor([[1.0, 1.0], [1.0, -1.0]])


def buffers(seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Axes (D', A) and landmarks (M, A) in eight bits, each with a scale (A,)."""
    g = Generator().manual_seed(seed)
    axes, landmarks = (torch.randint(-127, 128, (n, A), generator=g, dtype=torch.int8) for n in (DIM, M))
    return axes, torch.rand(A, generator=g) / 100, landmarks, torch.rand(A, generator=g) / 100


@pytest.fixture(scope="module")
def few() -> Nystroem:
    return Nystroem.of(*buffers())


@pytest.fixture(scope="module")
def z(few: Nystroem) -> Tensor:
    return few.project(torch.randn(7, DIM, generator=Generator().manual_seed(1)))


def kernel(a: Any, b: Any) -> NDArray[np.float64]:
    """The Gaussian kernel of rows, with half the mean squared distance of the landmarks as its width."""
    landmarks = buffers()[2].double().numpy() * buffers()[3].numpy()
    width = np.square(landmarks[:, None] - landmarks).sum(2).mean()
    result: NDArray[np.float64] = np.exp(-0.5 / width * np.square(np.asarray(a)[:, None] - np.asarray(b)).sum(2))
    return result


def test_the_kernel_is_that_of_the_definition() -> None:
    a, b = (torch.randn(n, 5, generator=Generator().manual_seed(n), dtype=torch.float64) for n in (4, 7))
    for norms in (None, b.square().sum(1)):
        torch.testing.assert_close(gaussian(a, b, 0.3, norms), torch.exp(-0.3 * torch.cdist(a, b).square()))
    far = 1000 * torch.randn(20, 3, generator=Generator().manual_seed(0))  # distances of zero, or less by rounding
    assert float(gaussian(far, far.clone(), 1e9).max()) == 1


def test_projections_and_kernel_values_are_those_of_the_scaled_buffers(few: Nystroem) -> None:
    axes, axis_scale, landmarks, landmark_scale = (buffer.double().numpy() for buffer in buffers())
    v = torch.randn(7, DIM, generator=Generator().manual_seed(1))
    expected = v.double().numpy() @ (axes * axis_scale)
    np.testing.assert_allclose(few.project(v), expected)
    np.testing.assert_allclose(few.landmarks, landmarks * landmark_scale)
    np.testing.assert_allclose(few.norms, np.square(landmarks * landmark_scale).sum(1))
    np.testing.assert_allclose(few.kernel(few.project(v)), kernel(expected, few.landmarks))


def test_features_are_the_whitened_centred_kernel_rotated_by_hadamards_matrix(few: Nystroem, z: Tensor) -> None:
    gram = kernel(few.landmarks, few.landmarks)
    centred = kernel(z, few.landmarks) - gram.mean(0)
    whitened = np.linalg.solve(np.linalg.cholesky(gram + EPS * np.eye(M)), centred.T)
    rotated = torch.kron(torch.kron(TWO, TWO), torch.kron(TWO, TWO)).double().numpy() @ whitened
    np.testing.assert_allclose(few.centred(z), centred)
    np.testing.assert_allclose(few.features(z), rotated.T / np.sqrt(1 - gram.mean()), rtol=1e-4, atol=1e-5)
    assert few.features(z).dtype == torch.float32


def test_dual_coefficients_give_the_outputs_of_the_features(few: Nystroem, z: Tensor) -> None:
    weight = torch.randn(4, M, generator=Generator().manual_seed(2))
    outputs = few.centred(z) @ few.dual_coefficients(weight).T
    torch.testing.assert_close(outputs.float(), few.features(z) @ weight.T, rtol=1e-4, atol=1e-4)


def test_the_secant_is_the_sum_of_its_definition(few: Nystroem, z: Tensor) -> None:
    e, origin = np.random.default_rng(3).normal(size=(7, M)), np.zeros((1, A))
    change = (kernel(z, few.landmarks) - kernel(origin, few.landmarks)) * e
    steps = np.asarray(z)[:, None] - 2 * np.asarray(few.landmarks)  # (N, M, A)
    distances = (steps * np.asarray(z)[:, None]).sum(2)
    expected = (change / distances)[:, :, None] * steps
    np.testing.assert_allclose(few.secant(z, torch.from_numpy(e)), expected.sum(1))


def test_the_secant_at_the_mean_image_is_the_gradient(few: Nystroem) -> None:
    z = torch.zeros(1, A, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(few.kernel(z).sum(), z)
    torch.testing.assert_close(few.secant(torch.zeros_like(z), torch.ones(1, M, dtype=torch.float64)), gradient)


def test_damaged_buffers_give_finite_features() -> None:
    axes, _, landmarks, _ = buffers()
    huge = Nystroem.of(axes, torch.full((A,), 1e30), landmarks, torch.full((A,), 1e30))
    z = huge.project(torch.ones(1, DIM))
    assert float(z.abs().max()) == float(huge.landmarks.abs().max()) == 1e15
    assert bool(huge.features(z).isfinite().all())


@pytest.mark.parametrize("seed", range(20))  # what rounding leaves of the spread depends on the processor, too
def test_where_all_landmarks_are_one_features_are_finite(seed: int) -> None:
    axes, axis_scale, landmarks, landmark_scale = buffers(seed)
    same = Nystroem.of(axes, axis_scale, landmarks[:1].repeat(M, 1), landmark_scale)
    torch.testing.assert_close(same.scale, torch.tensor(EPS).double().sqrt())
    assert bool(same.features(same.landmarks[:2]).isfinite().all())


def test_the_same_buffers_are_computed_with_once_and_changed_ones_anew() -> None:
    first = nystroem_of(*buffers())
    assert torch.equal(first.landmarks, Nystroem.of(*buffers()).landmarks)
    assert nystroem_of(*buffers()) is first
    assert nystroem_of(*buffers(1)) is not first
    changed = list(buffers(1))
    before = nystroem_of(*changed)
    changed[2].add_(1)  # in place, which must not change what was kept
    assert nystroem_of(*changed) is not before


@pytest.mark.parametrize("m", [1, 4, 16])
def test_the_hadamard_matrix_is_sylvesters(m: int) -> None:
    matrix = torch.ones(1, 1)
    while len(matrix) < m:
        matrix = torch.kron(TWO, matrix)
    x = torch.randn(m, 3, generator=Generator().manual_seed(0))
    torch.testing.assert_close(hadamard(x), matrix @ x)
