"""Temperature and outlier detector against SciPy, against linear algebra by hand, and on images the model was not trained on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import label
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn.functional import cross_entropy

from softreg.data.dataset import Dataset, Splits
from softreg.data.synthetic_outliers import branches, polygons, scribbles, synthetic_outliers
from softreg.errors import RecipeError, RunError
from softreg.inference.prediction import predict_images
from softreg.model.calibration import temperature
from softreg.model.out_of_distribution import OODDetector, OODInputs, principal_axes
from softreg.model.serialization import load_model, save_model
from softreg.recipe import Recipe
from softreg.training.fit import Fit, fit

RECIPE = Recipe(features="deskew", solver="lbfgs", l2=1e-2, tol=1e-7, calibration=1500)


@pytest.fixture(scope="module")
def train(mnist: Splits) -> Dataset:
    return mnist.train[:4500]


@pytest.fixture(scope="module")
def fitted(train: Dataset) -> Fit:
    return fit(RECIPE, train)


def drawn(seed: int, n: int = 4000, sharpness: float = 3.0) -> tuple[Tensor, Tensor]:
    """Logits and labels drawn from their softmax."""
    generator = torch.Generator().manual_seed(seed)
    logits = sharpness * torch.randn(n, 10, generator=generator)
    return logits, torch.softmax(logits, 1).multinomial(1, generator=generator)[:, 0]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("factor", [0.2, 1.0, 7.0])
def test_the_temperature_is_where_scipy_finds_the_least_loss(seed: int, factor: float) -> None:
    logits, labels = drawn(seed)
    logits = logits * factor
    found = minimize_scalar(
        lambda b: float(cross_entropy(b * logits.double(), labels)), bounds=(0.01, 20), method="bounded", options={"xatol": 1e-10}
    )
    assert temperature(logits, labels) == pytest.approx(1 / found.x, rel=1e-5)


def test_labels_drawn_from_the_softmax_of_a_temperature_give_it_back() -> None:
    logits, labels = drawn(5, n=100_000)
    assert temperature(1.7 * logits, labels) == pytest.approx(1.7, rel=0.02)


@pytest.mark.parametrize("wrong", [False, True])
def test_there_is_a_temperature_when_all_are_right_or_all_wrong(wrong: bool) -> None:
    logits = torch.eye(10) * 5
    labels = torch.arange(10).roll(1) if wrong else torch.arange(10)
    assert 0.009 < temperature(logits, labels) < 101


def test_held_out_images_leave_no_trace(train: Dataset, fitted: Fit) -> None:
    seen, held_out = train[:3000], train[3000:]
    alone = fit(RECIPE.replace({"calibration": 0}), seen)  # from nothing, on the others only
    logits = alone.model.logits(held_out.images)
    assert fitted.temperature == pytest.approx(temperature(logits, held_out.labels), rel=2e-3)
    assert alone.model.ood_detector is None
    assert alone.temperature == 1


def test_weights_are_divided_by_the_temperature_and_nothing_else(train: Dataset, fitted: Fit) -> None:
    plain = fit(RECIPE.replace({"calibration": 0}), train)
    torch.testing.assert_close(fitted.model.linear.weight * fitted.temperature, plain.model.linear.weight)
    assert fitted.costs == plain.costs
    assert fitted.objective == plain.objective


def test_about_the_chosen_fraction_of_new_digits_is_out_of_distribution_and_far_more_outliers(mnist: Splits, fitted: Fit) -> None:
    doubted = [why == "prediction.novel" for why in predict_images(fitted.model, mnist.test.images[:3000])[2]]
    assert 0.003 < np.mean(doubted) < 0.045
    outliers, _ = synthetic_outliers(mnist.test.images, mnist.test.labels, 1000, torch.Generator().manual_seed(1))
    assert np.mean([why == "prediction.novel" for why in predict_images(fitted.model, outliers)[2]]) > 0.25


def test_a_model_without_calibration_only_doubts_what_it_is_unsure_of(mnist: Splits) -> None:
    model = fit(Recipe(solver="lbfgs", l2=1e-1, tol=1e-3), mnist.train[:1000]).model
    _, probabilities, doubts = predict_images(model, mnist.test.images[:500])
    unsure = probabilities.max(1).values <= 0.5
    assert 0 < unsure.sum() < 500
    assert [why == "prediction.uncertain" for why in doubts] == unsure.tolist()


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
    wanted = np.sqrt(np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away))
    logits = torch.zeros(50, 10)
    logits[:, c] = 1
    k = y.shape[1]
    found = model.ood_detector.statistics(OODInputs(model.ood_detector.components(x[3000:3050]), logits))[:, 2 * k].detach().numpy()
    np.testing.assert_allclose(found, wanted, rtol=2e-3)


def test_principal_axes_are_those_of_a_full_decomposition() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(500, 60, generator=generator) * torch.logspace(1, -2, 60)
    x -= x.mean(0)
    axes = principal_axes(x, 5, generator)
    exact = torch.linalg.svd(x, full_matrices=False).Vh[:5].T
    torch.testing.assert_close((axes * exact).sum(0).abs(), torch.ones(5), atol=1e-4, rtol=0)


def test_outliers_are_centred_images_and_the_same_for_the_same_seed(mnist: Splits) -> None:
    state = torch.get_rng_state()
    args = mnist.train.images[:500], mnist.train.labels[:500], 400
    images, original_label = synthetic_outliers(*args, torch.Generator().manual_seed(3))
    again, _ = synthetic_outliers(*args, torch.Generator().manual_seed(3))
    assert torch.equal(images, again)
    assert torch.equal(state, torch.get_rng_state())
    assert (images.dtype, images.shape, original_label.shape) == (torch.uint8, (400, 28, 28), (400,))
    assert (original_label[:40] >= 0).all()
    assert (original_label[40:] == -1).all()
    images[80:120] = 0  # overlaid ones may leave at one edge and come in at the other
    ink = images[(images > 0).flatten(1).any(1)].double()
    pixel = torch.arange(28).double() + 0.5
    for axis in (1, 2):
        middle = (ink.sum(axis) @ pixel) / ink.sum((1, 2))
        assert ((middle - 14).abs() <= 0.51).double().mean() > 0.98  # what is very lopsided leaves at an edge too


@pytest.mark.parametrize("draw", [branches, polygons, scribbles])
def test_what_one_pen_draws_is_in_one_piece_and_fills_the_box(draw: Callable[[int, torch.Generator], Tensor]) -> None:
    ink = draw(60, torch.Generator().manual_seed(5)).numpy() > 0
    assert [label(image, np.ones((3, 3)))[1] for image in ink] == [1] * 60
    sides = [np.ptp(np.flatnonzero(image.any(axis))) + 1 for image in ink for axis in (0, 1)]
    assert set(np.maximum(sides[::2], sides[1::2])) <= {20, 21, 22}  # 20, and the soft edge


def test_polygons_are_outlines() -> None:
    ink = polygons(60, torch.Generator().manual_seed(5)).numpy() > 127
    assert (
        np.mean([label(~image)[1] == 2 for image in ink]) > 0.9
    )  # paper inside and outside; thick and narrow ones have none inside


def test_a_calibrated_model_is_written_and_read_whole(fitted: Fit, mnist: Splits, tmp_path: Path) -> None:
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


def test_more_images_than_there_are_cannot_be_held_out(mnist: Splits) -> None:
    with pytest.raises(RecipeError, match="calibration 300"):
        fit(Recipe(calibration=300), mnist.train[:300])
