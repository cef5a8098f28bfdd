"""Ruled lines drawn by hand: found where they were drawn, and the strokes that cross them left whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softreg.imaging.lines import LEAST_COVERAGE, Line, _followed, coverage, find_lines, line_masks
from tests.helpers.ink_maps import Map, circle, page


def ruled(height: int, width: int, line: Line, thickness: int = 2) -> Map:
    """An ink map with a slanted line through its whole width, `thickness` pixels from top to bottom."""
    y, x = np.mgrid[:height, :width]
    away = np.abs(y - line.offset - line.slope * x)
    return np.asarray(away <= thickness / 2, dtype=np.float32)


@given(st.floats(60, 140), st.floats(-0.18, 0.18))
def test_a_line_is_found_where_it_was_drawn(offset: float, slope: float) -> None:
    drawn = Line(offset - 100 * slope, slope)  # `offset` in the middle of the picture
    found = find_lines(ruled(200, 200, drawn) > 0.5)[0]
    x = np.array([0, 199])
    np.testing.assert_allclose(found.offset + found.slope * x, drawn.offset + drawn.slope * x, atol=2.5)


def test_parallel_lines_are_all_found_in_a_large_picture() -> None:
    rows = (100, 300, 500, 650)
    ink = page(700, 900, *((row, 0, row + 3, 900) for row in rows))
    found = find_lines(ink > 0.5)
    assert len(found) == len(rows)
    np.testing.assert_allclose(sorted(line.offset for line in found), np.array(rows) + 1, atol=3)
    assert all(line.slope == pytest.approx(0, abs=0.006) for line in found)


def test_coverage_is_the_share_of_columns_with_ink() -> None:
    mask = page(40, 100, (20, 0, 21, 30), (21, 50, 22, 90)) > 0
    assert coverage(mask, Line(20, 0.0)) == 0.7
    assert coverage(mask, Line(20, 0.0), reach=0) == 0.3
    assert coverage(mask, Line(19, 0.0)) == 0.3
    assert coverage(mask, Line(60, 0.0)) == 0  # outside the picture
    assert coverage(mask, Line(-30, 1.0)) == 0  # inside it for 40 columns only


def test_a_line_where_there_is_no_ink_has_no_pixels() -> None:
    assert _followed(page(40, 100), Line(20, 0.0)) is None


def test_a_ruled_line_goes_and_a_digit_that_stands_on_it_stays() -> None:
    line, digit = page(120, 200, (60, 0, 63, 200)), page(120, 200, (20, 90, 100, 104))
    mask = line_masks(np.maximum(line, digit))[0]
    assert not mask[digit > 0].any()
    away = (line > 0) & ~np.pad(digit > 0, ((0, 0), (6, 6)))[:, 12:] & ~np.pad(digit > 0, ((0, 0), (6, 6)))[:, :-12]
    assert mask[away].all()
    assert np.count_nonzero(mask.any(axis=1)) <= 3 + 2  # the line and a soft edge above and below


def test_squared_paper_goes_and_a_ring_on_it_stays() -> None:
    grid = page(240, 240)
    grid[20::40] = grid[21::40] = 1
    grid[:, 20::40] = grid[:, 21::40] = 1
    ring = circle((240, 240), (120, 120), 60, 9)
    mask = line_masks(np.maximum(grid, ring))[0]
    assert np.mean(mask[(grid > 0) & (ring == 0)]) > 0.9
    assert np.mean(mask[ring > 0.5]) < 0.25


def test_upright_lines_are_the_flat_ones_of_the_transposed_picture() -> None:
    ink = np.maximum(page(120, 200, (60, 0, 63, 200)), page(120, 200, (20, 90, 100, 104)))
    np.testing.assert_array_equal(line_masks(ink)[0], line_masks(np.ascontiguousarray(ink.T))[0].T)


@pytest.mark.parametrize(
    "ink",
    [
        page(200, 200),
        page(50, 50, (25, 0, 27, 50), (5, 5, 20, 10)),  # too small to tell
        page(200, 200, (100, 0, 102, 200)),  # a line and nothing else
        page(200, 200, (100, 0, 102, int(LEAST_COVERAGE * 200) - 10), (20, 40, 60, 50)),  # too short
        page(200, 200, (90, 0, 110, 200), (20, 40, 60, 50)),  # too thick
        circle((200, 200), (100, 100), 70, 9),
    ],
    ids=["blank", "small", "only a line", "short", "thick", "ring"],
)
def test_pictures_without_ruled_lines(ink: Map) -> None:
    assert line_masks(ink) == []
