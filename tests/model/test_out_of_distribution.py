"""The out-of-distribution detector against NumPy and scikit-learn, and on images the model was not trained on."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from softreg.data.dataset import Dataset, Splits
from softreg.data.picture_outliers import drawings, fields
from softreg.data.synthetic_outliers import synthetic_outliers
from softreg.errors import RunError
from softreg.inference.prediction import predict_images
from softreg.model.out_of_distribution import L2, OODDetector, OODInputs, binary_logistic, n_components, principal_axes
from softreg.model.serialization import load_model, save_model
from softreg.optim.design_matrix import DesignMatrix
from softreg.recipe import Recipe
from softreg.training.fit import Fit, fit
from tests.helpers.pooled_features import textures


def test_few_new_digits_and_many_outliers_are_out_of_distribution(mnist: Splits, fitted: Fit) -> None:
    flagged = [reason == "prediction.novel" for reason in predict_images(fitted.model, mnist.test.images[:3000])[2]]
    assert 0.003 < np.mean(flagged) < 0.045
    outliers, _ = synthetic_outliers(mnist.test.images, mnist.test.labels, 1000, torch.Generator().manual_seed(1))
    assert np.mean([reason == "prediction.novel" for reason in predict_images(fitted.model, outliers)[2]]) > 0.25


def test_a_model_without_a_detector_abstains_only_when_uncertain(mnist: Splits) -> None:
    model = fit(Recipe(solver="lbfgs", l2=1e-1, tol=1e-3), mnist.train[:1000]).model
    _, probabilities, doubts = predict_images(model, mnist.test.images[:500])
    unsure = probabilities.max(1).values <= 0.5
    assert 0 < unsure.sum() < 500
    assert [reason == "prediction.uncertain" for reason in doubts] == unsure.tolist()


def test_the_distance_is_mahalanobis(fitted: Fit, train: Dataset) -> None:
    model = fitted.model
    assert model.ood_detector is not None
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
    found = model.ood_detector.statistics(OODInputs(model.ood_detector.components(x[3000:3050]), logits))[:, 2 * k].detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_principal_axes_are_those_of_a_full_decomposition() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(500, 60, generator=generator) * torch.logspace(1, -2, 60)
    x -= x.mean(0)
    axes = principal_axes(x, 5, generator)
    exact = torch.linalg.svd(x, full_matrices=False).Vh[:5].T
    torch.testing.assert_close((axes * exact).sum(0).abs(), torch.ones(5), atol=1e-4, rtol=0)


def test_a_calibrated_model_is_saved_and_loaded(fitted: Fit, mnist: Splits, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_model(fitted.model, path)
    again = load_model(path)
    ours, theirs = predict_images(fitted.model, mnist.test.images[:50]), predict_images(again, mnist.test.images[:50])
    assert torch.equal(ours[0], theirs[0])
    assert ours[2] == theirs[2]


def test_an_incomplete_detector_is_refused(fitted: Fit, tmp_path: Path) -> None:
    model, path = fitted.model, tmp_path / "model.safetensors"
    assert model.ood_detector is not None
    whole, cholesky = model.ood_detector, model.ood_detector.precision_cholesky
    model.ood_detector = OODDetector(784, 10)
    model.ood_detector.precision_cholesky = cholesky[:, :5]
    try:
        save_model(model, path)
    finally:
        model.ood_detector = whole
    with pytest.raises(RunError, match="tensors"):
        load_model(path)


def test_the_regression_is_scikit_learns() -> None:
    generator = torch.Generator().manual_seed(0)
    negatives = torch.randn(400, 6, generator=generator)
    positives = 0.7 + torch.randn(90, 6, generator=generator)
    x, y = torch.cat([negatives, positives]).double().numpy(), np.repeat([0, 1], [400, 90])
    # Two rows of weights w1 = -w0 with penalty l2/2 (|w0|^2 + |w1|^2) are one row w = w1 - w0 with l2/4 |w|^2
    theirs = LogisticRegression(C=2 / (L2 * len(x)), class_weight="balanced", tol=1e-10, max_iter=1000).fit(x, y)
    np.testing.assert_allclose(binary_logistic(negatives, positives).numpy(), theirs.coef_[0], rtol=0, atol=5e-3)


def test_the_threshold_lets_the_chosen_fraction_of_images_through() -> None:
    """The images are scored by weights fitted without them, so the fraction on fresh images is close to the chosen one."""
    generator = torch.Generator().manual_seed(1)

    def inputs(n: int, shift: float) -> OODInputs:
        y = shift + torch.randn(n, 3, generator=generator)
        return OODInputs(y, torch.randn(n, 2, generator=generator))

    detector = OODDetector(3, 2)
    detector.precision_cholesky.copy_(torch.eye(3))
    detector.fit_threshold(inputs(5000, 0.0), inputs(5000, 1.0), 0.05)

    def positive(n: int, shift: float) -> float:
        return float((detector.statistics(inputs(n, shift)) @ detector.weight + detector.bias > 0).float().mean())

    assert positive(20_000, 0.0) == pytest.approx(0.05, abs=0.01)
    assert positive(20_000, 1.0) > 0.4


def test_pictures_of_any_form_have_a_detector(tmp_path: Path) -> None:
    """Two kinds of coloured waves, 20 x 16: new ones are known, noise and drawings are not."""
    images = textures(500, (20, 16, 3), seed=1)
    labels = (images[..., 0].float().mean((1, 2)) > images[..., 2].float().mean((1, 2))).long()
    data = Dataset(images, labels, ("blue", "red"), "waves")
    model = fit(Recipe(solver="lbfgs", l2=1e-3, tol=1e-3, calibration=150), data).model
    save_model(model, tmp_path / "model.safetensors")
    model = load_model(tmp_path / "model.safetensors")
    known = predict_images(model, textures(200, (20, 16, 3), seed=2))[2]
    assert known.count("prediction.novel") < 20
    generator = torch.Generator().manual_seed(9)
    for strange in (fields(100, (20, 16, 3), generator), drawings(100, (20, 16, 3), generator)):
        assert predict_images(model, strange)[2].count("prediction.novel") > 70


def test_classes_of_few_images_share_a_covariance() -> None:
    """With 100 images a class and 128 components, the covariance of a class alone says nothing of most directions."""
    generator = torch.Generator().manual_seed(3)
    rows, labels = torch.randn(300, 140, generator=generator), torch.arange(300) % 3
    detector = OODDetector(140, 3)
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
