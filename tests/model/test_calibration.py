"""The temperature against SciPy, and that held-out images leave no trace in what they calibrate."""

import struct
from pathlib import Path

import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn.functional import cross_entropy

from softreg.data.dataset import Dataset, Splits
from softreg.errors import RecipeError
from softreg.inference.prediction import predict_images
from softreg.model.calibration import temperature
from softreg.recipe import Recipe
from softreg.training.fit import Fit, fit
from tests.model.conftest import RECIPE


def drawn(seed: int, n: int = 4000, sharpness: float = 3.0) -> tuple[Tensor, Tensor]:
    """Logits and labels drawn from their softmax."""
    generator = torch.Generator().manual_seed(seed)
    logits = sharpness * torch.randn(n, 10, generator=generator)
    return logits, torch.softmax(logits, 1).multinomial(1, generator=generator)[:, 0]


def idx(images: Tensor) -> bytes:
    """An IDX file of images uint8 (N, H, W)."""
    return struct.pack(">HBB3I", 0, 8, 3, *images.shape) + images.numpy().tobytes()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("factor", [0.2, 1.0, 7.0])
def test_the_temperature_is_where_scipy_finds_the_least_loss(seed: int, factor: float) -> None:
    logits, labels = drawn(seed)
    logits = logits * factor
    found = minimize_scalar(
        lambda b: float(cross_entropy(b * logits.double(), labels)), bounds=(0.01, 20), method="bounded", options={"xatol": 1e-10}
    )
    assert temperature(logits, labels) == pytest.approx(1 / found.x, rel=1e-5)


def test_weighted_images_count_by_their_weight() -> None:
    logits, labels = drawn(3, n=500)
    counts = torch.randint(1, 5, (500,), generator=torch.Generator().manual_seed(1))
    repeated = temperature(logits.repeat_interleave(counts, 0), labels.repeat_interleave(counts))
    assert temperature(logits, labels, counts.float()) == pytest.approx(repeated, rel=1e-9)


def test_labels_drawn_from_the_softmax_of_a_temperature_give_it_back() -> None:
    logits, labels = drawn(5, n=100_000)
    assert temperature(1.7 * logits, labels) == pytest.approx(1.7, rel=0.02)


@pytest.mark.parametrize("wrong", [False, True])
def test_there_is_a_temperature_when_all_are_right_or_all_wrong(wrong: bool) -> None:
    logits = torch.eye(10) * 5
    labels = torch.arange(10).roll(1) if wrong else torch.arange(10)
    assert temperature(logits, labels) == (100 if wrong else 1)  # of the right ones nothing says that they should be surer


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


@pytest.mark.parametrize("count", [1, 201, 299, 300, 10**6])
def test_so_many_images_that_too_few_are_left_are_refused_before_the_work(count: int, mnist: Splits) -> None:
    with pytest.raises(RecipeError, match="calibration must be from 2 to 200 of these 300 training images"):
        fit(Recipe(calibration=count), mnist.train[:300])  # a mini-batch has 100


def test_the_detector_learns_from_outliers_that_are_given(train: Dataset, fitted: Fit, tmp_path: Path) -> None:
    """Tiles: textures that no synthetic outlier has, half of them given, the others judged."""
    generator = torch.Generator().manual_seed(3)
    tiles = torch.randint(0, 2, (400, 28, 28), generator=generator, dtype=torch.uint8).mul_(160)
    (tmp_path / "tiles").write_bytes(idx(tiles[:200]))
    taught = fit(RECIPE.replace({"outliers": str(tmp_path / "tiles")}), train)
    novel = [
        [reason == "prediction.novel" for reason in predict_images(result.model, tiles[200:])[2]] for result in (fitted, taught)
    ]
    assert sum(novel[0]) < sum(novel[1]) > 190
    torch.testing.assert_close(taught.model.linear.weight, fitted.model.linear.weight)


def test_outliers_must_be_of_the_size_of_the_images_and_need_calibration(train: Dataset, tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(idx(torch.zeros(3, 8, 8, dtype=torch.uint8)))
    with pytest.raises(RecipeError, match=r"small: the outliers are images of 8 x 8, the training images of 28 x 28"):
        fit(RECIPE.replace({"outliers": str(tmp_path / "small")}), train)
    with pytest.raises(RecipeError, match="calibration"):
        Recipe(outliers="x")
