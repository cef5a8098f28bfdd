"""Ink maps drawn by hand, in which it is known what is a digit and what is not."""

import numpy as np
import pytest

from softreg.imaging.components import Component
from softreg.imaging.lines import line_masks
from softreg.imaging.segmentation import in_lines, segment
from tests.helpers.ink_maps import Box, outline, page


def boxes(lines: tuple[tuple[Component, ...], ...]) -> list[list[Box]]:
    return [[(digit.top, digit.left, digit.bottom, digit.right) for digit in line] for line in lines]


def test_lines_and_digits_are_found_in_reading_order() -> None:
    digits = [(40, 60, 120, 72), (45, 200, 120, 212), (180, 50, 260, 62), (175, 210, 260, 222)]
    assert boxes(segment(page(300, 300, *reversed(digits))).lines) == [digits[:2], digits[2:]]


def test_a_page_of_fifty_digits_is_no_noise() -> None:
    digits = [(20 + 50 * row, 20 + 40 * column, 50 + 50 * row, 30 + 40 * column) for row in range(5) for column in range(10)]
    assert boxes(segment(page(280, 430, *digits)).lines) == [digits[10 * row : 10 * row + 10] for row in range(5)]


def test_a_frame_around_digits_goes_and_a_digit_around_a_fragment_stays() -> None:
    digits = [(60, 60, 140, 72), (60, 120, 140, 132)]
    assert boxes(segment(outline(page(200, 200, *digits), (20, 20, 180, 180), 2)).lines) == [digits]
    yy, xx = np.mgrid[:200, :200]
    radius = np.hypot(yy - 100, xx - 100)
    zero = ((radius > 70) & (radius < 76)).astype(np.float32)  # thin, and round about a fragment
    zero[90:115, 98:102] = 1
    assert boxes(segment(zero).lines)[0][0] == (25, 25, 176, 176)


def test_walls_of_form_cells_are_no_ones() -> None:
    walls = [(10, left, 110, left + 4) for left in range(2, 400, 98)]
    ones = [(30, left + 45, 90, left + 53) for left in range(2, 330, 98)]
    cells = page(120, 400, *walls, *ones, (14, 0, 18, 400), (100, 0, 104, 400))
    lines = line_masks(cells)[0]
    assert boxes(segment(np.where(lines, np.float32(0), cells), lines).lines) == [ones]


def test_halves_of_a_broken_digit_are_joined_and_neighbours_are_not() -> None:
    halves = [(40, 60, 66, 80), (70, 58, 100, 84)]
    other = (40, 110, 100, 122)
    assert boxes(segment(page(140, 200, *halves, other)).lines) == [[(40, 58, 100, 84), other]]


def test_digit_sized_ink_at_the_edge_is_dropped_but_told() -> None:
    ink = page(100, 300, (20, 60, 80, 70), (20, 120, 80, 130), (0, 280, 100, 300))
    assert boxes(segment(ink).lines) == [[(20, 60, 80, 70), (20, 120, 80, 130)]]
    assert [dropped.left for dropped in segment(ink).dropped] == [280]
    assert boxes(segment(ink, keep_surroundings=True).lines)[0][-1] == (0, 280, 100, 300)


def test_a_one_at_the_edge_is_told_from_a_shadow_by_its_stroke() -> None:
    digits, one = [(20, 60, 80, 70), (20, 120, 80, 130)], (22, 296, 82, 300)  # less than half a one: the edge cuts it off
    ink = page(100, 300, *digits, one)
    assert boxes(segment(ink).lines) == [[*digits, one]]
    wide = (20, 280, 80, 300)
    assert boxes(segment(page(100, 300, *digits, wide)).lines) == [[*digits, wide]]
    assert boxes(segment(np.where(np.arange(300) < 290, ink, 0.6 * ink)).lines) == [digits]
    assert boxes(segment(page(100, 300, *digits, (22, 298, 82, 300))).lines) == [digits]


def test_too_much_ink_is_called_crowded_and_specks_noise() -> None:
    many = [(10 + 40 * row, 10 + 20 * column, 40 + 40 * row, 18 + 20 * column) for row in range(10) for column in range(10)]
    assert segment(page(420, 220, *many)).reason == "crowded"
    assert segment(page(400, 400, (5, 5, 7, 7), (100, 90, 102, 93))).reason == "noise"
    assert segment(page(50, 50)).reason == "blank"


def test_slanted_lines_of_text_stay_lines() -> None:
    slope = [Component((i,), 10 + 8 * i, 30 * i, 40 + 8 * i, 30 * i + 20, 600.0) for i in range(8)]
    assert in_lines(slope) == (tuple(slope),)


@pytest.mark.parametrize(("height", "count"), [(27, 4), (25, 3)])
def test_ink_of_a_third_of_the_tallest_digit_may_be_one(height: int, count: int) -> None:
    density = np.zeros((140, 300), dtype=np.float32)
    for left in (30, 90, 150):
        density[30:109, left : left + 40] = 1  # 79 pixels high
    density[70 : 70 + height, 220:250] = 1
    assert sum(map(len, segment(density).lines)) == count
