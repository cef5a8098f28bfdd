"""Pixels are features as they stand: NumPy's division, a view for training, and weight times pixel as attribution."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from softreg.features.pixels import Pixels


def images(seed: int, n: int = 3) -> Tensor:
    return torch.randint(0, 256, (n, 28, 28), generator=Generator().manual_seed(seed), dtype=torch.uint8)


@given(st.integers(0, 1000), st.integers(0, 5))
def test_features_are_pixels_over_255(seed: int, n: int) -> None:
    content = images(seed, n)
    features = Pixels().fit(content, 0)(content)
    assert features.dtype is torch.float32
    np.testing.assert_array_equal(features.numpy(), content.numpy().reshape(n, 784).astype(np.float32) / 255)


def test_for_training_they_are_a_view_of_the_images() -> None:
    content = images(0)
    rows = Pixels().quantised(content)
    assert rows.data_ptr() == content.data_ptr()
    torch.testing.assert_close(rows * Pixels.quantum, Pixels()(content))


@given(st.integers(0, 1000))
def test_a_pixel_contributes_its_weight_times_its_value(seed: int) -> None:
    content, weight = images(seed), torch.randn(784, generator=Generator().manual_seed(seed))
    contributions = Pixels().attribute(content, weight)
    assert contributions.shape == (3, 28, 28)
    torch.testing.assert_close(contributions.sum((1, 2)), Pixels()(content) @ weight, rtol=1e-4, atol=1e-4)
