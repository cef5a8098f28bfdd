"""`both` is scattering beside patches: the same numbers, fitted with the same seed, and attributions that add up."""

import pytest
import torch
from torch import Tensor

from softreg.data.dataset import Splits
from softreg.features.combined import Combined
from softreg.features.patches import Patches
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
