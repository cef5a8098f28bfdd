"""The detector of distances against NumPy."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from softreg.data.dataset import Dataset
from softreg.errors import RunError
from softreg.features.embeddings import Embeddings
from softreg.model import gaussian_detector
from softreg.model.gaussian_detector import GaussianDetector, n_components, principal_axes
from softreg.model.out_of_distribution import Examples
from softreg.model.serialization import load_model, save_model
from softreg.optim.design_matrix import DesignMatrix
from softreg.training.fit import Fit


def test_the_distance_is_mahalanobis(fitted: Fit, train: Dataset) -> None:
    model = fitted.model
    assert isinstance(model.ood_detector, GaussianDetector)
    x = model.features(train.images)
    y = model.ood_detector.components(x).detach().double().numpy()
    c, seen = 3, np.arange(len(train)) < 3000
    of_class = y[seen & (train.labels.numpy() == c)]
    covariance = np.cov(of_class.T, bias=True)
    covariance += (0.02 * np.trace(covariance) / len(covariance) + 1e-6) * np.eye(len(covariance))
    away = y[3000:3050] - of_class.mean(0)
    expected = np.sqrt(np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away))
    logits = torch.zeros(50, 10)
    logits[:, c] = 1
    k = y.shape[1]
    found = model.ood_detector.statistics(model.ood_detector.components(x[3000:3050]), logits)[:, 2 * k].detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_principal_axes_are_those_of_a_full_decomposition() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(500, 60, generator=generator) * torch.logspace(1, -2, 60)
    x -= x.mean(0)
    axes = principal_axes(x, 5, generator)
    exact = torch.linalg.svd(x, full_matrices=False).Vh[:5].T
    torch.testing.assert_close((axes * exact).sum(0).abs(), torch.ones(5), atol=1e-4, rtol=0)


def test_where_rows_are_few_the_axes_that_they_do_not_have_are_zero() -> None:
    x = torch.randn(4, 60, generator=torch.Generator().manual_seed(0))
    x -= x.mean(0)
    axes = principal_axes(x, 9, torch.Generator().manual_seed(1))
    assert axes.shape == (60, 9)
    assert not axes[:, 4:].any()
    exact = torch.linalg.svd(x, full_matrices=False).Vh[:3].T
    torch.testing.assert_close((axes[:, :3] * exact).sum(0).abs(), torch.ones(3), atol=1e-4, rtol=0)
    detector = GaussianDetector(60, 2)
    detector.fit_gaussians(DesignMatrix(x, torch.arange(4) % 2), x[:1], 0)
    assert detector.components(x).isfinite().all()


CLASSES, DIM = 4, 6  # of the last class there are no images; all axes are kept


def gaussians(n: int) -> tuple[DesignMatrix, Tensor, GaussianDetector]:
    """Images of three classes, their projections as a design matrix stores them, outliers, and what is fitted to both."""
    generator = torch.Generator().manual_seed(4)
    labels = torch.arange(n) % (CLASSES - 1)
    rows = torch.randn(n, DIM, generator=generator) * torch.tensor([8.0, 4.0, 2.0, 1.0, 0.5, 0.25]) + 2 * labels[:, None]
    matrix = DesignMatrix(rows, labels, 0.5, torch.full((DIM,), 3.0))
    outliers, detector = torch.randn(n // 2, DIM, generator=generator) - 1, GaussianDetector(DIM, CLASSES)
    detector.fit_gaussians(matrix, outliers, 0)
    return matrix, outliers, detector


@pytest.mark.parametrize("sample", [4000, 300])
def test_components_are_those_of_images_and_outliers_divided_by_the_deviation_of_images(
    sample: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaussian_detector, "PCA_SAMPLE", sample)
    matrix, outliers, detector = gaussians(900)
    x = 0.5 * (matrix.rows.double().numpy() - 3)
    spaced = x if sample == 4000 else x[::3]
    axes = np.linalg.svd(np.concatenate([spaced, outliers.double().numpy()]) - spaced.mean(0))[2].T
    expected = (x - spaced.mean(0)) @ axes / ((spaced - spaced.mean(0)) @ axes).std(0, ddof=1)
    found = detector.components(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(abs(found), abs(expected), atol=0.01)  # axes are stored in half precision
    np.testing.assert_allclose(detector.components_of(matrix).numpy(), found, atol=1e-5)


def test_statistics_are_components_distances_and_what_is_seen_of_the_logits() -> None:
    matrix, _, detector = gaussians(900)
    y, labels = detector.components_of(matrix), matrix.labels.numpy()
    logits = torch.randn(900, CLASSES, generator=torch.Generator().manual_seed(5))
    found = detector.statistics(y, logits).double().numpy()
    y64, predicted = y.double().numpy(), logits.argmax(1).numpy()
    means = np.stack([*(y64[labels == c].mean(0) for c in range(CLASSES - 1)), np.zeros(DIM)])
    covariances = [np.cov(y64[labels == c].T, bias=True) for c in range(CLASSES - 1)]
    shrunk = [cov + (0.02 * np.trace(cov) / DIM + 1e-6) * np.eye(DIM) for cov in [*covariances, np.mean(covariances, 0)]]
    away = y64 - means[predicted]
    squares = np.einsum("ni,nij,nj->n", away, np.linalg.inv(shrunk)[predicted], away)
    top = np.sort(logits.double().numpy(), axis=1)[:, :-3:-1]
    energy = np.logaddexp.reduce(logits.double().numpy(), axis=1)
    np.testing.assert_allclose(found, np.column_stack([y64, y64**2, squares**0.5, squares, top, energy]), rtol=1e-4, atol=1e-6)


def test_an_incomplete_detector_is_refused(fitted: Fit, tmp_path: Path) -> None:
    model, path = fitted.model, tmp_path / "model.safetensors"
    assert isinstance(model.ood_detector, GaussianDetector)
    whole, cholesky = model.ood_detector, model.ood_detector.precision_cholesky
    model.ood_detector = broken = GaussianDetector(784, 10)
    broken.precision_cholesky = cholesky[:, :5]
    try:
        save_model(model, path)
    finally:
        model.ood_detector = whole
    with pytest.raises(RunError, match="tensors"):
        load_model(path)


def test_classes_of_few_images_share_a_covariance() -> None:
    """With 100 images a class and 128 components, the covariance of a class alone says nothing of most directions."""
    generator = torch.Generator().manual_seed(3)
    rows, labels = torch.randn(300, 140, generator=generator), torch.arange(300) % 3
    detector = GaussianDetector(140, 3)
    detector.fit_gaussians(DesignMatrix(rows + labels[:, None], labels), 3 * torch.randn(50, 140, generator=generator), 0)
    y = detector.components(rows + labels[:, None]).double().numpy()
    centred = np.concatenate([y[labels == c] - y[labels == c].mean(0) for c in range(3)])
    covariance = centred.T @ centred / 300
    covariance += (0.02 * np.trace(covariance) / 128 + 1e-6) * np.eye(128)
    for factor in detector.precision_cholesky.double().numpy():
        np.testing.assert_allclose(factor @ factor.T @ covariance, np.eye(128), atol=2e-3)


def test_it_tells_new_images_from_new_outliers() -> None:
    """Three narrow clouds within a wide one, which the logits alone do not tell apart."""
    generator = torch.Generator().manual_seed(6)

    def images(n: int) -> DesignMatrix:
        labels = torch.arange(n) % 3
        return DesignMatrix(2 * torch.eye(3, 6)[labels] + 0.2 * torch.randn(n, 6, generator=generator), labels)

    def outliers() -> Tensor:
        return torch.randn(600, 6, generator=generator)

    layer, detector = torch.nn.Linear(6, 3), GaussianDetector(6, 3)
    known, held_out, strange = images(900), images(600), outliers()
    with torch.no_grad():
        layer.weight.copy_(torch.eye(3, 6))
        layer.bias.zero_()
        examples = Examples(known, known, held_out, held_out, layer(held_out.rows), strange, layer(strange))
        detector.fit(Embeddings((6,)), examples)
        logits, scores = detector.logits_and_scores(Embeddings((6,)), images(900).rows, layer)
        _, theirs = detector.logits_and_scores(Embeddings((6,)), outliers(), layer)
    assert logits.argmax(1).tolist() == [0, 1, 2] * 300
    assert float((scores > 0).float().mean()) < 0.03
    assert float((theirs > 0).float().mean()) > 0.97


@pytest.mark.parametrize(("images", "own"), [(11, False), (12, True)])
def test_a_class_of_twice_as_many_images_as_components_has_its_own_covariance(images: int, own: bool) -> None:
    """All images of class 0 are the same: its covariance is zero, all but what is added to every variance."""
    labels = torch.tensor([0] * images + [1] * 40)
    rows = torch.randn(images + 40, 6, generator=torch.Generator().manual_seed(3))
    rows[labels == 0] = rows[0].clone()
    detector = GaussianDetector(6, 2)
    detector.fit_gaussians(DesignMatrix(rows, labels), rows[20:], 0)
    factor = detector.precision_cholesky[0].double()
    covariance = torch.linalg.inv(factor @ factor.T)
    if own:
        torch.testing.assert_close(covariance, 1e-6 * torch.eye(6, dtype=torch.float64), rtol=1e-4, atol=1e-12)
    else:
        assert float(covariance.diagonal().min()) > 0.01


@pytest.mark.parametrize(("classes", "components"), [(2, 128), (256, 128), (1000, 64), (10_000, 20)])
def test_many_classes_have_fewer_components(classes: int, components: int) -> None:
    assert n_components(5120, classes) == components
    assert n_components(9, classes) == 9
