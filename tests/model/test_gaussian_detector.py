"""The detector of distances against NumPy."""

from pathlib import Path

import numpy as np
import pytest
import torch

from softreg.data.dataset import Dataset
from softreg.errors import RunError
from softreg.model.gaussian_detector import GaussianDetector, n_components, principal_axes
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


@pytest.mark.parametrize(("classes", "components"), [(2, 128), (256, 128), (1000, 64), (10_000, 20)])
def test_many_classes_have_fewer_components(classes: int, components: int) -> None:
    assert n_components(5120, classes) == components
    assert n_components(9, classes) == 9
