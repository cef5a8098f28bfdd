"""Other sizes: means of blocks taken with NumPy, and Pillow's own conversions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from softreg.imaging.resampling import resampled, resized, resized_whole, shrunk


@given(st.integers(4, 9), st.integers(4, 9), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_shrinking_by_a_whole_number_takes_the_mean_of_each_block(height: int, width: int, step: int, seed: int) -> None:
    grey = np.random.default_rng(seed).uniform(0, 255, (height * step, width * step)).astype(np.float32)
    means = grey.reshape(height, step, width, step).mean(axis=(1, 3))
    np.testing.assert_allclose(shrunk(grey, max(height, width)), means, rtol=1e-4)


def test_small_pixels_are_not_enlarged() -> None:
    grey = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(shrunk(grey, 4), grey)
    np.testing.assert_array_equal(resized(grey, (3, 4)), grey)


def test_a_ribbon_keeps_a_width() -> None:
    assert shrunk(np.zeros((1000, 6), dtype=np.float32), 100).shape == (100, 4)
    assert shrunk(np.zeros((2, 1000), dtype=np.float32), 100).shape == (2, 100)


@pytest.mark.parametrize("same", [True, False], ids=["grey", "colour"])
def test_each_channel_is_shrunk_by_itself(*, same: bool) -> None:
    pixels = np.random.default_rng(0).uniform(0, 255, (60, 90, 3)).astype(np.float32)
    if same:
        pixels[..., 1] = pixels[..., 2] = pixels[..., 0]
    small = resampled(pixels, 30)
    assert small.shape == (20, 30, 3)
    np.testing.assert_allclose(small, pixels.reshape(20, 3, 30, 3, 3).mean(axis=(1, 3)), rtol=1e-4)
    np.testing.assert_array_equal(resampled(pixels, 90), pixels)


def test_colour_becomes_grey_where_the_model_sees_no_channels() -> None:
    colour = np.random.default_rng(1).integers(0, 256, (8, 6, 3), dtype=np.uint8)
    grey = np.ascontiguousarray(colour[..., 0])
    np.testing.assert_array_equal(resized_whole(colour, (8, 6)), np.asarray(Image.fromarray(colour).convert("L")))
    np.testing.assert_array_equal(resized_whole(np.dstack([grey, grey, grey]), (8, 6)), grey)
    np.testing.assert_array_equal(resized_whole(grey, (8, 6, 3)), np.dstack([grey, grey, grey]))


def test_a_ramp_stays_a_ramp_as_one_image() -> None:
    ramp = np.broadcast_to(np.arange(0, 240, 4, dtype=np.uint8), (60, 60))
    np.testing.assert_allclose(resized_whole(ramp, (30, 20)), np.broadcast_to(np.arange(20) * 12 + 4, (30, 20)), atol=4)
