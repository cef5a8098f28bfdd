"""The detector of kernel maps: its direction against scikit-learn, and the whole of it on what it has not seen."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from softreg.features.feature_map import FeatureMap
from softreg.model.detectors import make_detector
from softreg.model.gaussian_detector import GaussianDetector
from softreg.model.linear_detector import L2, MAX_ITERATIONS, LinearDetector
from softreg.model.out_of_distribution import Examples, binary_logistic
from softreg.optim.design_matrix import DesignMatrix
from softreg.optim.solvers.lbfgs import LBFGS

CLASSES, DIM = 3, 40


class Cosines(FeatureMap):
    """Random Fourier features of projections, which are the images: a stand-in for a kernel map."""

    name, quantum, storage_dtype = "cosines", 1 / 64, torch.int8
    dim, projected_dim = DIM, 2

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.frequencies, self.phases = torch.randn(2, DIM, generator=generator), 6.3 * torch.rand(DIM, generator=generator)

    def expand(self, projections: Tensor) -> Tensor:
        return torch.cos(projections @ self.frequencies + self.phases)


def ring(n: int, radius: float, seed: int) -> Tensor:
    """Points around zero, at about a radius (N, 2)."""
    generator = torch.Generator().manual_seed(seed)
    angle, r = 6.3 * torch.rand(n, generator=generator), radius + 0.2 * torch.randn(n, generator=generator)
    return torch.stack([r * angle.cos(), r * angle.sin()], 1)


@pytest.fixture(scope="module")
def features() -> Cosines:
    return Cosines()


@pytest.fixture(scope="module")
def layer() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(DIM, CLASSES)


@pytest.fixture(scope="module")
def examples(features: Cosines, layer: nn.Linear) -> Examples:
    """Images within an outer ring of outliers: no direction of the plane tells them apart."""

    def matrices(z: Tensor) -> tuple[DesignMatrix, DesignMatrix]:
        labels = torch.arange(len(z)) % CLASSES
        return DesignMatrix(features.quantised_from(z), labels, scale=features.quantum), DesignMatrix(z, labels)

    def logits(z: Tensor) -> Tensor:
        return features.outputs(z, layer.weight, layer.bias).detach()

    known, held_out, outliers = ring(3000, 1, 1), ring(2000, 1, 2), ring(1000, 2, 3)
    return Examples(*matrices(known), *matrices(held_out), logits(held_out), outliers, logits(outliers))


@pytest.fixture(scope="module")
def detector(features: Cosines, examples: Examples) -> LinearDetector:
    made = make_detector(features, CLASSES)
    assert isinstance(made, LinearDetector)
    made.fit(features, examples)
    return made


def test_maps_that_compare_with_others_have_it_and_the_rest_have_distances(features: Cosines) -> None:
    other = Cosines()
    other.projected_dim = DIM
    assert isinstance(make_detector(features, CLASSES), LinearDetector)
    assert isinstance(make_detector(other, CLASSES), GaussianDetector)


def test_rows_in_eight_bits_have_scikit_learns_regression() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(-99, 100, (300, 5), generator=generator, dtype=torch.int8)
    outliers = torch.randint(-60, 120, (100, 5), generator=generator, dtype=torch.int8)
    x, y = torch.cat([images, outliers]).double().numpy() / 64, np.repeat([0, 1], [300, 100])
    # Two rows of weights w1 = -w0 with penalty l2/2 (|w0|^2 + |w1|^2) are one row w = w1 - w0 with l2/4 |w|^2
    theirs = LogisticRegression(C=2 / (L2 * len(x)), class_weight="balanced", tol=1e-10, max_iter=1000).fit(x, y)
    ours = binary_logistic(images, outliers, scale=1 / 64, l2=L2, solver=LBFGS(1e-7, MAX_ITERATIONS))
    np.testing.assert_allclose(ours.numpy(), theirs.coef_[0], rtol=0, atol=5e-3)


def test_new_images_pass_and_new_outliers_do_not(detector: LinearDetector, features: Cosines, layer: nn.Linear) -> None:
    with torch.no_grad():
        ours, theirs = (detector.logits_and_scores(features, ring(4000, radius, 9), layer)[1] for radius in (1, 2))
    assert 0.002 < float((ours > 0).float().mean()) < 0.02
    assert float((theirs > 0).float().mean()) > 0.8


def test_the_logits_are_those_of_the_layer(detector: LinearDetector, features: Cosines, layer: nn.Linear) -> None:
    z = ring(20, 1, 4)
    torch.testing.assert_close(detector.logits_and_scores(features, z, layer)[0], layer(features.expand(z)))


def test_an_outlier_is_scored_by_the_half_that_it_is_not_in(
    features: Cosines, examples: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The halves are the outliers of even and of odd number; here their directions are the first and the second feature."""
    halves, scored = [], []

    def direction(images: Tensor, outliers: Tensor, **settings: object) -> Tensor:
        halves.append(outliers)
        return torch.eye(DIM)[len(halves) - 1]

    monkeypatch.setattr("softreg.model.linear_detector.binary_logistic", direction)
    monkeypatch.setattr(LinearDetector, "fit_threshold", lambda detector, ours, theirs: scored.append(theirs))
    detector = LinearDetector(DIM)
    detector.fit(features, examples)
    x = features.quantised_from(examples.outliers)
    assert torch.equal(halves[0], x[::2])
    assert torch.equal(halves[1], x[1::2])
    even = torch.arange(len(x)) % 2 == 0
    first, second = features.expand(examples.outliers)[:, :2].T
    torch.testing.assert_close(scored[0][:, 0], torch.where(even, second, first))
    torch.testing.assert_close(detector.direction, torch.eye(DIM)[:2].mean(0))
