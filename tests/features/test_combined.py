"""`both` is scattering beside patches, `views` adds patches of the slanted digit: the same numbers and seed, exact evidence."""

import pytest
import torch
from torch import Tensor

from softreg.data.dataset import Splits
from softreg.errors import RecipeError
from softreg.features.combined import Combined, Views
from softreg.features.patches import Patches
from softreg.features.planes import CentredPlane
from softreg.features.registry import make_feature_map
from softreg.features.scattering import Scattering


@pytest.fixture(scope="module")
def images(mnist: Splits) -> Tensor:
    return mnist.train.images[:60]


@pytest.fixture(scope="module")
def combined(images: Tensor) -> Combined:
    return Combined().fit(images, 3)


def test_it_is_scattering_then_patches(combined: Combined, images: Tensor) -> None:
    scattering, patches = Scattering().fit(images, 3), Patches(n_filters=64).fit(images, 3)
    features = combined(images[:5])
    assert features.shape == (5, combined.dim) == (5, scattering.dim + patches.dim)
    torch.testing.assert_close(features, torch.cat([scattering(images[:5]), patches(images[:5])], 1), rtol=0, atol=0)


def test_contributions_are_the_sum_of_both(combined: Combined, images: Tensor) -> None:
    weight = torch.randn(combined.dim, generator=torch.Generator().manual_seed(0))
    first, second = weight.clone(), weight.clone()
    first[combined.scattering.dim :] = 0
    second[: combined.scattering.dim] = 0
    whole = combined.attribute(images[:2], weight)
    parts = combined.attribute(images[:2], first) + combined.attribute(images[:2], second)
    torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(whole.sum((1, 2)), combined(images[:2]) @ weight, rtol=1e-3, atol=1e-2)


def test_views_adds_patches_of_the_centred_digit(combined: Combined, images: Tensor) -> None:
    views, slanted = Views().fit(images, 3), Patches(n_filters=64, planes=CentredPlane()).fit(images, 3)
    expected = torch.cat([combined(images[:5]), slanted(images[:5])], 1)
    assert views.dim == 8065
    torch.testing.assert_close(views(images[:5]), expected, rtol=0, atol=0)


def test_views_sees_slant_and_both_does_not(combined: Combined, images: Tensor) -> None:
    """A sheared digit is deskewed to nearly what it was; the features of the second view move several times as far."""
    views, original = Views().fit(images, 3), images[:20]
    sheared = torch.stack([torch.stack([row.roll(round(0.3 * (y - 14))) for y, row in enumerate(image)]) for image in original])
    moved = (views(sheared) - views(original)).square()
    upright, slanted = moved[:, : combined.dim].mean(), moved[:, combined.dim :].mean()
    assert slanted > 2 * upright


@pytest.mark.parametrize("shape", [(28, 28, 3), (32, 32), (28, 30)])
def test_views_takes_grey_images_of_28_x_28_only(shape: tuple[int, ...]) -> None:
    with pytest.raises(RecipeError, match=r"features views take grey images of 28 x 28, not .* scattering, both, resnet18, "):
        make_feature_map("views", shape)
