"""Planes: reduced as Pillow's box filter reduces, continued at the edge, and evidence brought back without loss."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from softreg.features.planes import MAX_SIDE, area_means, planes_of
from tests.helpers.pooled_features import digits, textures

SHAPES = [(8, 8), (28, 28), (28, 28, 3), (40, 33), (64, 64, 3), (100, 20), (9, 130, 3)]


@given(st.integers(1, 7), st.integers(8, 32))
def test_means_over_whole_pixels_are_pillows_box_filter(factor: int, places: int) -> None:
    line = np.random.default_rng(factor).random((1, factor * places), dtype=np.float32)
    theirs = np.asarray(Image.fromarray(line).resize((places, 1), Image.Resampling.BOX))
    np.testing.assert_allclose(area_means(factor * places, places).numpy() @ line[0], theirs[0], atol=1e-6)


@given(st.integers(8, 200), st.integers(8, 32))
def test_every_pixel_counts_the_same(side: int, places: int) -> None:
    means = area_means(side, min(side, places)).double().numpy()
    np.testing.assert_allclose(means.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(means.sum(0), min(side, places) / side, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_planes_are_at_most_32_pixels_a_side(shape: tuple[int, ...]) -> None:
    planes = planes_of(shape)
    made = planes(textures(3, shape, seed=1))
    assert made.shape == (3, planes.count, planes.height, planes.width)
    assert planes.count == (1 if len(shape) == 2 else 3)
    assert max(planes.height, planes.width) == min(MAX_SIDE, max(shape[:2]))
    assert 0 <= made.min() <= made.max() <= 1.00001


def test_small_pictures_are_left_as_they_are() -> None:
    images = textures(3, (20, 31, 3), seed=1)
    assert torch.equal(planes_of((20, 31, 3))(images), images.permute(0, 3, 1, 2) / 255)


@pytest.mark.parametrize("shape", SHAPES)
def test_evidence_keeps_its_sum_on_the_way_back(shape: tuple[int, ...]) -> None:
    planes, images = planes_of(shape), digits(4, seed=1) if shape == (28, 28) else textures(4, shape, seed=1)
    evidence = torch.randn(4, planes.height, planes.width, generator=torch.Generator().manual_seed(2))
    back = planes.to_image(evidence, images)
    assert back.shape == (4, *shape[:2])
    torch.testing.assert_close(back.sum((1, 2)), evidence.sum((1, 2)), rtol=0, atol=1e-3)


def test_beyond_the_edge_a_digit_is_dark_and_a_picture_goes_on() -> None:
    bright = torch.full((1, 1, 28, 28), 0.5)
    assert planes_of((28, 28)).padded(bright, 2)[0, 0, 0, 0] == 0
    assert planes_of((28, 30)).padded(bright, 2)[0, 0, 0, 0] == 0.5
