"""Detectors against scikit-learn, and on images the model was not trained on."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from softreg.data.dataset import Dataset, Splits
from softreg.data.picture_outliers import drawings, fields
from softreg.data.synthetic_outliers import synthetic_outliers
from softreg.inference.prediction import predict_images
from softreg.model.out_of_distribution import L2, OODDetector, binary_logistic, logit_statistics
from softreg.model.serialization import load_model, save_model
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


def test_a_calibrated_model_is_saved_and_loaded(fitted: Fit, mnist: Splits, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_model(fitted.model, path)
    again = load_model(path)
    ours, theirs = predict_images(fitted.model, mnist.test.images[:50]), predict_images(again, mnist.test.images[:50])
    assert torch.equal(ours[0], theirs[0])
    assert ours[2] == theirs[2]


def test_the_regression_is_scikit_learns() -> None:
    generator = torch.Generator().manual_seed(0)
    negatives = torch.randn(400, 6, generator=generator)
    positives = 0.7 + torch.randn(90, 6, generator=generator)
    x, y = torch.cat([negatives, positives]).double().numpy(), np.repeat([0, 1], [400, 90])
    # Two rows of weights w1 = -w0 with penalty l2/2 (|w0|^2 + |w1|^2) are one row w = w1 - w0 with l2/4 |w|^2
    theirs = LogisticRegression(C=2 / (L2 * len(x)), class_weight="balanced", tol=1e-10, max_iter=1000).fit(x, y)
    np.testing.assert_allclose(binary_logistic(negatives, positives).numpy(), theirs.coef_[0], rtol=0, atol=5e-3)


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


def test_the_threshold_lets_the_chosen_fraction_of_images_through() -> None:
    """The images are scored by weights fitted without them, so the fraction on fresh images is close to the chosen one."""
    generator = torch.Generator().manual_seed(1)

    def statistics(n: int, shift: float) -> Tensor:
        return shift + torch.randn(n, 3, generator=generator)

    detector = OODDetector(3)
    detector.fit_threshold(statistics(5000, 0.0), statistics(5000, 1.0), 0.05)

    def positive(n: int, shift: float) -> float:
        return float((detector.score(statistics(n, shift)) > 0).float().mean())

    assert positive(20_000, 0.0) == pytest.approx(0.05, abs=0.01)
    assert positive(20_000, 1.0) > 0.4


def test_what_is_seen_of_logits_is_the_two_largest_and_the_energy() -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0]])
    expected = [3.0, 2.0, np.logaddexp.reduce([1.0, 3.0, 2.0])]
    assert logit_statistics(logits)[0].tolist() == pytest.approx(expected)
