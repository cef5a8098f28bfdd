"""Attributions: contributions sum to the logit, templates and prototypes are what their definitions say."""

import pytest
import torch

from softreg.data.dataset import Dataset, Splits
from softreg.features.deskew import deskew
from softreg.features.registry import FEATURE_MAPS, IMAGE_MAPS, make_feature_map
from softreg.imaging.picture import picture_from_array
from softreg.inference.attribution import attribution_maps, first_and_second, prototypes, templates, weight_templates
from softreg.inference.prediction import predict
from softreg.model.softmax_regression import SoftmaxRegression
from tests.helpers.pooled_features import textures
from tests.helpers.ridge_model import ridge_model


@pytest.fixture(scope="module", params=IMAGE_MAPS)
def model(request: pytest.FixtureRequest, mnist: Splits) -> SoftmaxRegression:
    """Some model on each features map, its logits as large as a trained one's."""
    if request.param.endswith("kernel"):  # random weights would look at what no training looks at, and rounding would show
        return ridge_model(request.param, mnist)
    features = make_feature_map(request.param).fit(mnist.train.images[:300], seed=0)
    made = SoftmaxRegression(features, mnist.train.classes).eval()
    generator = torch.Generator().manual_seed(1)
    theta = torch.randn(10, features.dim + 1, generator=generator)
    made.set_theta(theta * 20 / features(mnist.train.images[:300]).norm(dim=1).mean())
    return made


def test_attributions_and_bias_sum_to_the_logit(model: SoftmaxRegression, mnist: Splits) -> None:
    pictures = [picture_from_array(image.numpy()) for image in mnist.test.images[:6]]
    for prediction in predict(model, pictures):
        (reading,) = prediction.readings
        own = model(torch.from_numpy(reading.digit.image)[None])[0].detach()
        first, second = first_and_second(model, reading)
        assert [first.label, second.label] == [model.classes[c] for c in own.argsort(descending=True)[:2]]
        for part in (first, second):
            logit = float(own[model.classes.index(part.label)])
            assert part.map.double().sum() + part.bias == pytest.approx(logit, abs=1e-4)
            assert part.positive + part.negative + part.bias == pytest.approx(logit, abs=1e-4)
            assert part.logit == pytest.approx(logit, abs=1e-4)
            assert part.positive >= 0 >= part.negative


def test_templates_are_weights_of_pixels_or_mean_contributions(
    model: SoftmaxRegression, mnist: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("softreg.inference.attribution.N_AVERAGED", 5)
    few = mnist.test[:200]
    found = templates(model, few)
    weight, bias = model.linear.weight.detach(), model.linear.bias.detach()
    if FEATURE_MAPS[model.features.name].features_are_pixels:
        assert torch.equal(found, weight.view(10, 28, 28))
        return
    for c in (0, 7):
        upright = (255 * deskew(few.images[few.labels == c])).round().to(torch.uint8)[:5]
        assert float(found[c].sum()) == pytest.approx(float((model(upright).detach()[:, c] - bias[c]).mean()), abs=1e-3)


def test_typical_images_have_the_largest_log_odds() -> None:
    logits = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
    p = torch.softmax(logits.double(), 1)
    odds = (p / (1 - p)).log()
    for c, numbers in enumerate(prototypes(logits, 5).tolist()):
        assert numbers == odds[:, c].argsort(descending=True)[:5].tolist()


def test_saturated_probabilities_are_still_ranked() -> None:
    logits = torch.tensor([[900.0, 0, 0], [1000.0, 0, 0], [950.0, 0, 0]])
    assert prototypes(logits, 3)[0].tolist() == [1, 2, 0]


def test_the_maps_of_all_classes_sum_to_the_logits(model: SoftmaxRegression, mnist: Splits) -> None:
    image = mnist.test.images[4]
    maps = attribution_maps(model, image).double()
    assert maps.shape == (10, 28, 28)
    expected = (model(image)[0] - model.linear.bias).detach().double()
    torch.testing.assert_close(maps.sum((1, 2)), expected, rtol=0, atol=1e-4)
    weight, images = model.linear.weight.detach(), mnist.test.images[:3]
    one_by_one = torch.cat([model.features.attribute(image[None], row) for row in weight])
    torch.testing.assert_close(maps.float(), one_by_one, rtol=0, atol=1e-5)
    each_its_own = torch.cat([model.features.attribute(images[n : n + 1], weight[n]) for n in range(3)])
    torch.testing.assert_close(model.features.attribute(images, weight[:3]), each_its_own, rtol=0, atol=1e-5)


def test_weights_are_templates_exactly_where_a_weight_belongs_to_a_pixel(model: SoftmaxRegression) -> None:
    found = weight_templates(model)
    if model.features.name in ("pixels", "deskew"):
        assert found is not None
        assert torch.equal(found.flatten(1), model.linear.weight.detach())
    else:
        assert found is None


def test_log_odds_do_not_saturate() -> None:
    logits = torch.zeros(3, 4)
    logits[:, 1] = torch.tensor([400.0, 900.0, 600.0])  # all of probability one in float64
    assert prototypes(logits, 3)[1].tolist() == [1, 2, 0]


@pytest.mark.parametrize("shape", [(9, 12), (40, 33, 3)])
def test_templates_of_pictures_are_mean_contributions(shape: tuple[int, ...]) -> None:
    images = textures(12, shape, seed=1)
    data = Dataset(images, torch.arange(12) % 2, ("a", "b"), "textures")
    made = SoftmaxRegression(make_feature_map("patches", shape).fit(images, 1), data.classes)
    made.set_theta(torch.randn(2, made.features.dim + 1, generator=torch.Generator().manual_seed(2)) / 50)
    found = templates(made, data)
    assert found.shape == (2, *shape[:2])
    assert not templates(made, data[torch.arange(0, 12, 2)])[1].any()  # without an image of this class
    for c in (0, 1):
        mean = (made.logits(images[c::2])[:, c] - made.linear.bias[c].detach()).mean()
        assert float(found[c].sum()) == pytest.approx(float(mean), abs=1e-3)
