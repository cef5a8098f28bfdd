"""Deep grey brought to eight bits, against block means in float64 and values worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softreg.imaging.high_bit_depth import LARGEST, eight_bits, thinned_out


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_each_pixel_is_the_mean_of_a_square_of_them(height: int, width: int, side: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 2**16, (height, width)).astype(np.uint16)
    step = max(1, max(height, width) // side)
    down, across = min(step, height), min(step, width)  # of a ribbon, its whole width
    if step > min(height, width):
        down, across = (step, 1) if height >= width else (1, step)
    whole = values[: height // down * down, : width // across * across].astype(np.float64)
    means = whole.reshape(height // down, down, width // across, across).mean(axis=(1, 3))
    thin = thinned_out(values, side)
    assert thin.dtype == np.float32
    np.testing.assert_allclose(thin, means, rtol=1e-5)


def test_what_is_no_number_is_zero_and_nothing_is_infinite() -> None:
    values = np.array([[np.nan, np.inf, -np.inf, 3e38, -3e38, 2.5]], dtype=np.float32)
    np.testing.assert_array_equal(thinned_out(values, 6), [[0, 0, 0, LARGEST, -LARGEST, 2.5]])
    extremes = np.array([[3e38, 3e38], [3e38, 3e38]], dtype=np.float32)
    assert np.isfinite(thinned_out(extremes, 1)).all()


@pytest.mark.parametrize(
    ("values", "whole", "expected"),
    [
        ((0, 100, 255), True, (0, 100, 255)),  # eight bits in a wider type
        ((0, 257, 65535), True, (0, 1, 255)),  # sixteen bits
        ((0.0, 0.5, 1.0), False, (0, 127.5, 255)),  # a float TIFF from 0 to 1
        ((0, 1, 1), True, (0, 1, 1)),  # whole numbers are no shares of 1
        ((0.0, 1.5, 200.0), False, (0, 1.5, 200)),  # floats from 0 to 255
        ((-1.0, 0.0, 1.0), False, (0, 127.5, 255)),  # anything else from its least to its most
        ((0.0, 35000.0, 70000.0), False, (0, 127.5, 255)),
        ((-5.0, -5.0, -5.0), False, (0, 0, 0)),
    ],
)
def test_ranges(values: tuple[float, ...], whole: bool, expected: tuple[float, ...]) -> None:
    np.testing.assert_allclose(eight_bits(np.array([values], dtype=np.float32), whole=whole), [expected], rtol=1e-6)


@given(st.lists(st.floats(-float(LARGEST), float(LARGEST), width=32), min_size=1, max_size=9), st.booleans())
def test_any_numbers_become_grey_in_the_same_order(values: list[float], whole: bool) -> None:
    array = np.array([values], dtype=np.float32)
    grey = eight_bits(array, whole=whole)[0]
    assert (grey >= -1e-3).all()
    assert (grey <= 255 * (1 + 1e-5)).all()
    assert (np.diff(grey[np.argsort(array[0])]) >= 0).all()
