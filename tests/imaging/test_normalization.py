"""MNIST's form, against MNIST's own images, strokes of known width and distances measured pixel by pixel."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from softreg.data.dataset import Splits
from softreg.imaging.normalization import THICKEST, THINNEST, bounds, mnist_bounds, normalize, signed_depth, stroke_width
from tests.helpers.ink_maps import Map, circle, page

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=10))


@given(MASKS)
def test_bounds_are_those_of_the_pixels(mask: NDArray[np.bool_]) -> None:
    assume(mask.any())
    rows, columns = np.nonzero(mask)
    assert bounds(mask) == (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)


@given(MASKS)
def test_depth_is_the_distance_to_the_nearest_pixel_across_the_edge(mask: NDArray[np.bool_]) -> None:
    """Less half a pixel, since the edge lies between two pixels."""
    assume(mask.any())
    assume(not mask.all())
    inside, outside = np.argwhere(mask), np.argwhere(~mask)
    apart = np.linalg.norm(inside[:, None] - outside, axis=2)  # (inside, outside)
    expected = np.empty(mask.shape)
    expected[mask], expected[~mask] = apart.min(axis=1) - 0.5, 0.5 - apart.min(axis=0)
    np.testing.assert_allclose(signed_depth(mask.astype(np.float32)), expected, rtol=1e-6)


def test_where_there_is_no_ink_nothing_is_deep() -> None:
    assert (signed_depth(np.full((6, 9), 0.5, dtype=np.float32)) < 0).all()
    assert normalize(np.full((6, 9), 0.4, dtype=np.float32)).image.shape == (28, 28)


@pytest.mark.parametrize("width", [5, 8, 13, 20])
def test_strokes_are_as_wide_as_they_were_drawn(width: int) -> None:
    bar, ring = page(200, 80, (20, 30, 180, 30 + width)), circle((200, 200), (100, 100), 70, width)
    assert stroke_width(signed_depth(bar)) == pytest.approx(width, abs=1)
    assert stroke_width(signed_depth(ring)) == pytest.approx(width, abs=1.5)


@pytest.mark.parametrize("width", [4, 15, 26, 50, 70])
def test_a_ring_becomes_a_ring_in_mnist_form_with_a_stroke_as_wide_as_mnist_s(width: int) -> None:
    found = normalize(circle((300, 300), (140, 150), 100, width))
    length = 200 + width
    assert found.stroke_width == pytest.approx(20 * width / length, abs=0.2)
    assert np.sign(round(found.change, 6)) == (found.stroke_width < THINNEST) - int(found.stroke_width > THICKEST)
    aim = np.clip(20 * width / length, THINNEST, THICKEST)
    expected = circle((20, 20), (9.5, 9.5), 10 - aim / 2, aim)
    box = mnist_bounds(found.image)
    assert box is not None
    top, left, bottom, right = box
    np.testing.assert_allclose(found.image[top:bottom, left:right] / 255, expected, atol=0.3)


@given(st.integers(0, 30), st.integers(0, 30))
def test_where_a_digit_lies_makes_no_difference(down: int, across: int) -> None:
    digit = np.maximum(page(80, 80, (10, 10, 70, 20)), page(80, 80, (60, 10, 70, 50)))
    moved: Map = np.pad(digit, ((down, 0), (across, 0)))
    here, there = normalize(digit), normalize(moved)
    np.testing.assert_array_equal(here.image, there.image)
    np.testing.assert_allclose(there.affine - here.affine, [[0, 0, across], [0, 0, down]], atol=1e-9)


def test_size_makes_hardly_a_difference() -> None:
    digit = np.maximum(page(60, 60, (5, 5, 55, 12)), page(60, 60, (48, 5, 55, 40)))
    small, large = normalize(digit), normalize(digit.repeat(5, axis=0).repeat(5, axis=1))
    assert np.corrcoef(small.image.ravel(), large.image.ravel())[0, 1] > 0.99
    np.testing.assert_allclose(5 * small.affine, large.affine, rtol=0.02, atol=1.5)


def test_affine_leads_from_the_image_to_the_ink() -> None:
    ink = np.maximum(page(300, 200, (40, 60, 240, 90)), page(300, 200, (210, 60, 240, 160)))
    found = normalize(ink)
    rows, columns = np.nonzero(found.image > 127)
    x, y = found.affine @ np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))])  # (2, n)
    assert ink[np.floor(y).astype(int), np.floor(x).astype(int)].mean() > 0.95
    top, left, bottom, right = bounds(found.image > 127)
    corners = found.affine @ np.array([[left, right], [top, bottom], [1, 1]])
    np.testing.assert_allclose(corners, [[60, 160], [40, 240]], atol=6)


@given(st.floats(-40, 40))
def test_a_digit_is_turned_anticlockwise_about_itself_and_affine_leads_back(degrees: float) -> None:
    ink = np.maximum(page(300, 200, (40, 60, 240, 90)), page(300, 200, (210, 60, 240, 160)))
    found = normalize(ink, turn=degrees)
    rows, columns = np.nonzero(found.image > 200)
    x, y = found.affine @ np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))])  # (2, n)
    assert ink[np.floor(y).astype(int), np.floor(x).astype(int)].mean() > 0.95
    (along_x, along_y), angle = found.affine[:, 0], np.deg2rad(degrees)  # where the image's x axis lies in the ink
    assert np.arctan2(along_y, along_x) == pytest.approx(angle, abs=0.05)


def test_turned_by_a_right_angle_it_is_what_the_turned_ink_is() -> None:
    ink = np.maximum(page(90, 60, (10, 10, 80, 20)), page(90, 60, (70, 10, 80, 50)))
    turned, expected = normalize(ink, turn=90).image, normalize(np.rot90(ink).copy()).image
    shifted = [
        np.roll(turned, (down, across), (0, 1)) for down in (-1, 0, 1) for across in (-1, 0, 1)
    ]  # it is moved by whole pixels
    assert max(np.corrcoef(image.ravel(), expected.ravel())[0, 1] for image in shifted) > 0.97


@given(
    hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12), elements=st.floats(0, 1, width=32)),
    st.sampled_from([0.0, 5.0, -5.0]),
)
def test_any_ink_becomes_an_image_of_that_form(ink: Map, turn: float) -> None:
    assume((ink > 0.5).any())
    found = normalize(ink, turn=turn)
    assert found.image.shape == (28, 28)
    assert found.image.any()
    assert np.isfinite(found.affine).all()


def test_all_of_mnist_is_in_mnist_form(mnist: Splits) -> None:
    for part in (mnist.train, mnist.test):
        assert all(mnist_bounds(image) for image in part.images.numpy())


def test_bounds_in_mnist_form_are_those_of_the_ink(mnist: Splits) -> None:
    for image in mnist.test.images[:200].numpy():
        rows, columns = np.nonzero(image)
        assert mnist_bounds(image) == (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)


def test_other_images_are_not_in_mnist_form(mnist: Splits) -> None:
    seven = mnist.test.images[0].numpy()
    assert mnist_bounds(seven) is not None
    for other in (np.roll(seven, 2, axis=0), np.roll(seven, -2, axis=1), 255 - seven, seven // 4, seven[:27], np.zeros_like(seven)):
        assert mnist_bounds(other) is None
    short = seven.copy()
    short[bounds(seven > 0)[0] : bounds(seven > 0)[0] + 3] = 0
    assert mnist_bounds(short) is None


def test_soft_edges_bring_an_enlarged_image_back_more_exactly_than_hard_ones(mnist: Splits) -> None:
    images = mnist.train.images[:150].numpy()
    large = [np.asarray(Image.fromarray(image).resize((112, 112), Image.Resampling.BICUBIC)) for image in images]
    enlarged = [(image / 255).astype(np.float32) for image in large]

    def error(inks: list[Map]) -> float:
        found = [normalize(ink) for ink in inks]
        kept = [i for i, digit in enumerate(found) if digit.change == 0]
        assert len(kept) > 100
        return float(np.mean([np.abs(found[i].image.astype(float) - images[i]).mean() for i in kept]))

    assert error(enlarged) < 0.95 * error([(ink > 0.5).astype(np.float32) for ink in enlarged])
