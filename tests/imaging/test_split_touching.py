"""Cuts through ink whose bridges are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from softreg.imaging.components import Labels, connected_components, label
from softreg.imaging.split_touching import Piece, cut
from tests.helpers.ink_maps import Box, Map, page


def pieces_of(ink: Map, height: float) -> tuple[list[Piece], Labels]:
    """The pieces of the only component, and the labels they bear."""
    labels = label(ink)
    (digit,) = connected_components(labels)
    return cut(digit, ink, labels, height), labels


@pytest.mark.parametrize("box", [(10, 20, 70, 40), (30, 20, 50, 80)], ids=["narrow", "low"])
def test_what_is_no_two_digits_is_left_whole(box: Box) -> None:
    ink = page(80, 100, box)
    labels = label(ink)
    before = labels.copy()
    (digit,) = connected_components(labels)
    assert cut(digit, ink, labels, 60) == [Piece(digit, 0.0)]
    np.testing.assert_array_equal(labels, before)


@given(st.integers(2, 8), st.integers(16, 60))
def test_a_cut_crosses_the_bridge_and_no_more(thickness: int, row: int) -> None:
    """The bridge is the only ink between two strokes 8 pixels wide, so its thickness is what a cut must cross."""
    ink = page(90, 120, (10, 15, 70, 23), (10, 90, 70, 98), (row, 23, row + thickness, 90))
    pieces, _ = pieces_of(ink, 60)
    assert len(pieces) >= 2
    assert pieces[0].crossed == 0
    for piece in pieces[1:]:
        assert 23 <= piece.component.left <= 90
        assert piece.crossed == pytest.approx(thickness / 8, rel=0.1)


@given(st.lists(st.tuples(st.integers(5, 25), st.integers(0, 20), st.integers(4, 30)), min_size=2, max_size=5))
def test_pieces_hold_all_ink_once_and_have_labels_of_their_own(strokes: list[tuple[int, int, int]]) -> None:
    """Upright strokes (width, top, gap) on a bar that joins them."""
    ink = page(90, 300, (60, 10, 66, 10 + sum(width + gap for width, _, gap in strokes)))
    left = 10
    for width, top, gap in strokes:
        ink[5 + top : 70, left : left + width] = 1
        left += width + gap
    pieces, labels = pieces_of(ink, 60)
    masks = [np.isin(labels, piece.component.labels) for piece in pieces]
    np.testing.assert_array_equal(sum(mask.astype(int) for mask in masks), (ink > 0).astype(int))
    assert pieces[0].crossed == 0
    for piece, mask in zip(pieces, masks, strict=True):
        rows, columns = np.nonzero(mask)
        box = (piece.component.top, piece.component.left, piece.component.bottom, piece.component.right)
        assert box == (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
        assert piece.component.area == len(rows)


def test_other_components_keep_their_labels() -> None:
    ink = page(90, 200, (10, 15, 70, 23), (10, 90, 70, 98), (40, 23, 44, 90), (10, 120, 70, 130))
    labels = label(ink)
    digit, other = connected_components(labels)
    before = labels == other.labels[0]
    assert len(cut(digit, ink, labels, 60)) > 1
    np.testing.assert_array_equal(labels == other.labels[0], before)
