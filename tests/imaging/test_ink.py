"""The ink map, against the ink that a page was painted with, and surfaces, noise and edges whose numbers are known."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from softreg.imaging.ink import along_contrast, edge_threshold, find_ink, ink_is_light, noise_level, paper_surface, plain_paper
from tests.helpers.ink_maps import Map, circle, page

RING = circle((160, 200), (80, 100), 50, 9)
TURNS: list[Callable[[Map], Map]] = [np.flipud, np.fliplr, lambda array: np.swapaxes(array, 0, 1)]
SLOPE = np.linspace(0.6, 1, 200, dtype=np.float32)[None] * np.linspace(1, 0.9, 160, dtype=np.float32)[:, None]


def pixels(grey: NDArray[np.floating]) -> Map:
    """Whole grey values as `float32 (H, W, 3)`."""
    return np.repeat(np.rint(grey).astype(np.float32)[:, :, None], 3, axis=2)


def painted(paper: tuple[int, int, int], pen: tuple[int, int, int]) -> Map:
    return np.asarray(np.array(paper) * (1 - RING[..., None]) + np.array(pen) * RING[..., None], dtype=np.float32)


def check_is_ring(pixels: Map, *, light: bool | None = None) -> None:
    """The ink found is the ring: hardly a pixel of the wrong side."""
    ink = find_ink(pixels)
    assert ink is not None
    assert light is None or ink.light == light
    assert np.mean((ink.density > 0.5) != (RING > 0.5)) < 0.01
    assert ink.density[RING == 1].mean() > 0.9
    assert ink.density[ndimage.binary_dilation(RING > 0, iterations=4) == 0].mean() < 0.05
    np.testing.assert_array_equal(ink.density, np.clip(ink.contrast, 0, 1))


@pytest.mark.parametrize(("paper", "pen"), [(255, 0), (0, 255), (230, 60), (40, 200), (250, 210), (128, 90)])
def test_a_drawing_in_any_two_greys(paper: int, pen: int) -> None:
    check_is_ring(pixels(paper + (pen - paper) * RING), light=pen > paper)


@pytest.mark.parametrize(
    ("paper", "pen"), [((250, 245, 235), (30, 40, 150)), ((60, 150, 60), (200, 60, 60)), ((20, 60, 30), (240, 240, 220))]
)
def test_coloured_ink_on_coloured_paper(paper: tuple[int, int, int], pen: tuple[int, int, int]) -> None:
    check_is_ring(painted(paper, pen))


@pytest.mark.parametrize("pen", [30, 110])
def test_a_page_in_uneven_light_with_noise(pen: int) -> None:
    noise = np.random.default_rng(0).normal(0, 3, SLOPE.shape)
    check_is_ring(pixels(SLOPE * (235 + (pen - 235) * RING) + noise), light=False)


def test_a_page_turned_or_mirrored_has_its_ink_turned_or_mirrored() -> None:
    picture = pixels(SLOPE * (235 - 180 * np.maximum(RING, page(160, 200, (70, 60, 76, 140)))))
    ink = find_ink(picture)
    assert ink is not None
    for turn in TURNS:
        turned = find_ink(np.ascontiguousarray(turn(picture)))
        assert turned is not None
        assert np.mean((turned.density > 0.5) != (turn(ink.density) > 0.5)) < 0.005


def test_a_soft_dark_blot_is_ink_where_only_a_broad_closing_sees_the_paper_behind_it() -> None:
    y, x = np.mgrid[:160, :200]
    blot = np.exp(-((x - 100) ** 2 + (y - 80) ** 2) / (2 * 40**2))
    ink = find_ink(pixels(230 - 60 * blot))
    assert ink is not None
    assert ink.density[blot > 0.9].mean() > 0.75
    assert ink.density[blot < 0.1].mean() < 0.05


def test_a_pen_a_third_as_wide_as_the_paper() -> None:
    broad = page(200, 200, (60, 60, 130, 130))
    ink = find_ink(pixels(240 - 200 * broad))
    assert ink is not None
    assert np.mean((ink.density > 0.5) != (broad > 0.5)) < 0.02


@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank_paper_has_no_ink(level: int) -> None:
    assert find_ink(pixels(np.full((60, 80), level))) is None
    assert find_ink(pixels(level * SLOPE)) is None


def test_grey_is_taken_as_it_is_and_a_negative_axis_is_no_amount_of_light() -> None:
    grey = np.rint(SLOPE * 200)
    values, reflecting = along_contrast(pixels(grey))
    np.testing.assert_array_equal(values, grey)
    assert reflecting
    values, reflecting = along_contrast(painted((60, 150, 60), (200, 60, 60)))
    assert not reflecting  # red less green
    assert values.min() >= -0.01
    assert values.max() <= 255.01
    assert abs(values[RING == 1].mean() - values[RING == 0].mean()) > 80  # the luminances are 113 and 102


def test_paper_of_one_level_is_told_from_a_photo() -> None:
    assert plain_paper(np.where(RING > 0.5, np.float32(10), np.float32(243))) == 243
    assert plain_paper(SLOPE * 243) is None
    assert plain_paper(np.where(page(100, 100, (10, 10, 95, 95)) > 0, np.float32(10), np.float32(243))) is None


@given(st.floats(60, 235), st.floats(60, 235), st.booleans())
def test_ink_is_light_if_it_was_painted_lighter(one: float, other: float, frame: bool) -> None:
    if abs(one - other) < 40:
        other = one - 40 if one > 150 else one + 40
    drawn = np.maximum(RING, page(160, 200, (20, 20, 26, 60))) if frame else RING
    assert ink_is_light(np.asarray(SLOPE * (one + (other - one) * drawn), dtype=np.float32)) == (other > one)


@given(st.lists(st.floats(-20, 20), min_size=5, max_size=5))
def test_the_surface_of_the_paper_is_the_quadratic_that_it_was_made_from_whatever_is_written(slopes: list[float]) -> None:
    y, x = np.meshgrid(np.linspace(-1, 1, 40), np.linspace(-1, 1, 50), indexing="ij")
    paper = 180 + slopes[0] * x + slopes[1] * y + slopes[2] * x * x + slopes[3] * x * y + slopes[4] * y * y
    written = np.where(circle((40, 50), (20, 25), 12, 3) > 0.5, 20, paper)
    np.testing.assert_allclose(paper_surface(written.astype(np.float32)), paper, atol=3)


@given(st.floats(0.005, 0.2), st.floats(-1, 1), st.integers(0, 2**32 - 1))
def test_noise_is_measured_beside_ink_and_on_any_level(deviation: float, level: float, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(level, deviation, RING.shape).astype(np.float32)
    assert noise_level(noise + RING) == pytest.approx(deviation, rel=0.25)


def test_a_slope_of_light_is_no_noise() -> None:
    assert noise_level(np.broadcast_to(np.linspace(0, 1, 200, dtype=np.float32), (100, 200))) < 0.03


@given(st.floats(0.2, 1), st.floats(0.8, 2.5))
def test_the_threshold_is_half_the_density_of_the_ink(density: float, blur: float) -> None:
    ink = density * ndimage.gaussian_filter(page(100, 100, (20, 30, 80, 60)), blur)
    assert edge_threshold(ink) == pytest.approx(density / 2, rel=0.1)


def test_nothing_stands_out_of_noise() -> None:
    assert edge_threshold(np.random.default_rng(1).normal(0, 0.02, (100, 100)).astype(np.float32)) is None
    assert edge_threshold(np.zeros((30, 30), dtype=np.float32)) is None
