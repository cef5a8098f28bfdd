"""Drawn boxes, against the pixels that a box of known place has."""

import numpy as np
import pytest

from softreg.imaging.annotation import boxes_drawn, shown
from softreg.imaging.components import Component
from tests.helpers.ink_maps import Box, page

COLOUR = (220, 60, 40)


def boxed(*box: int) -> Component:
    top, left, bottom, right = box
    return Component((1,), top, left, bottom, right, 1.0)


def test_values_are_rounded_and_clipped() -> None:
    values = np.array([[-3, 0.4, 0.6, 254.4, 254.6, 300]], dtype=np.float32)
    np.testing.assert_array_equal(shown(values), np.array([[0, 0, 1, 254, 255, 255]], dtype=np.uint8))


def test_ink_is_shown_dark_on_white() -> None:
    ink = page(20, 30, (5, 10, 15, 14))
    drawn = boxes_drawn(ink, [])
    assert drawn.shape == (20, 30, 3)
    np.testing.assert_array_equal(drawn, np.repeat(np.where(ink > 0, 0, 255)[:, :, None], 3, axis=2))


def test_a_box_goes_around_the_digit_and_covers_none_of_it() -> None:
    ink = page(20, 30, (5, 10, 15, 14))
    coloured = (boxes_drawn(ink, [boxed(5, 10, 15, 14)]) == COLOUR).all(axis=2)
    expected = np.zeros((20, 30), dtype=bool)
    expected[3:17, 8:16] = True
    expected[4:16, 9:15] = False
    np.testing.assert_array_equal(coloured, expected)


@pytest.mark.parametrize("box", [(0, 10, 20, 14), (5, 0, 15, 30), (0, 0, 20, 30)], ids=["top to bottom", "across", "all"])
def test_a_box_at_the_edge_of_the_picture_is_closed(box: Box) -> None:
    coloured = (boxes_drawn(page(20, 30), [boxed(*box)]) == COLOUR).all(axis=2)
    rows, columns = np.flatnonzero(coloured.any(axis=1)), np.flatnonzero(coloured.any(axis=0))
    sides = [coloured[rows[0]], coloured[rows[-1]], coloured[:, columns[0]], coloured[:, columns[-1]]]
    assert [int(side.sum()) for side in sides] == [len(columns), len(columns), len(rows), len(rows)]
    assert not coloured[rows[0] + 1 : rows[-1], columns[0] + 1 : columns[-1]].any()
    assert (max(box[0] - 2, 0), min(box[2] + 2, 20) - 1) == (rows[0], rows[-1])


def test_lines_are_thicker_on_large_pictures() -> None:
    coloured = (boxes_drawn(page(600, 300), [boxed(200, 100, 400, 200)]) == COLOUR).all(axis=2)
    assert coloured[300].sum() == 2 * 3
    assert coloured[:, 150].sum() == 2 * 3
