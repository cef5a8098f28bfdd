"""Components against a flood fill by hand, and their boxes and areas counted in the pixels."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from softreg.imaging.components import INK, Component, connected_components, crop, label, union
from tests.helpers.ink_maps import circle, page

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))


def flooded(mask: NDArray[np.bool_]) -> set[frozenset[tuple[int, int]]]:
    """The pieces of what is True, each the set of its pixels: whatever a king could reach on a chessboard."""
    left = {(int(row), int(column)) for row, column in np.argwhere(mask)}
    pieces = set()
    while left:
        border = [left.pop()]
        piece = set(border)
        while border:
            row, column = border.pop()
            near = {(row + down, column + across) for down in (-1, 0, 1) for across in (-1, 0, 1)} & left
            left -= near
            piece |= near
            border += near
        pieces.add(frozenset(piece))
    return pieces


@given(MASKS)
def test_labels_are_those_of_a_flood_fill(mask: NDArray[np.bool_]) -> None:
    labels = label(np.where(mask, np.float32(0.9), np.float32(0.1)))
    pieces = {frozenset((int(row), int(column)) for row, column in np.argwhere(labels == n)) for n in range(1, labels.max() + 1)}
    assert pieces == flooded(mask)


@given(MASKS)
def test_boxes_and_areas_are_those_of_the_pixels(mask: NDArray[np.bool_]) -> None:
    labels = label(mask.astype(np.float32))
    for component in connected_components(labels):
        rows, columns = np.nonzero(labels == component.labels[0])
        assert (component.top, component.bottom) == (rows.min(), rows.max() + 1)
        assert (component.left, component.right) == (columns.min(), columns.max() + 1)
        assert component.area == len(rows)


def test_a_label_that_is_missing_is_passed_over() -> None:
    assert [component.labels for component in connected_components(np.array([[1, 0, 3]], dtype=np.int32))] == [(1,), (3,)]


def test_lengths_of_a_box() -> None:
    component = Component((1,), 5, 10, 8, 20, 30.0)
    assert (component.height, component.width, component.length, component.centre) == (3, 10, 10, 15.0)
    assert component.box == (5, 10, 8, 20)


def test_a_union_has_the_labels_and_the_box_of_all() -> None:
    parts = connected_components(label(page(60, 60, (5, 10, 20, 15), (30, 2, 50, 40))))
    whole = union(parts)
    assert (whole.top, whole.left, whole.bottom, whole.right) == (5, 2, 50, 40)
    assert whole.area == 15 * 5 + 20 * 38
    assert set(whole.labels) == {1, 2}


@given(st.integers(0, 9), st.integers(0, 9))
def test_a_crop_holds_its_own_ink_and_begins_where_it_says(down: int, across: int) -> None:
    ink = page(40, 40, (down, across, down + 12, across + 4), (down, across + 7, down + 12, across + 20))
    labels = label(ink)
    component = next(found for found in connected_components(labels) if found.left == across)
    cropped, top, left = crop(component, ink, labels)
    expected = page(40, 40, (down, across, down + 12, across + 4))
    placed = np.zeros_like(ink)
    placed[top : top + cropped.shape[0], left : left + cropped.shape[1]] = cropped
    np.testing.assert_array_equal(placed, expected)


def test_soft_edges_are_cropped_with_the_stroke() -> None:
    ink = page(20, 20, (5, 8, 15, 12))
    ink[5:15, 7] = ink[5:15, 12] = INK / 2
    labels = label(ink)
    ((cropped, top, left),) = (crop(component, ink, labels) for component in connected_components(labels))
    np.testing.assert_array_equal(cropped, ink[top : top + cropped.shape[0], left : left + cropped.shape[1]])
    assert cropped.sum() == ink.sum()


def test_faint_marks_away_from_the_stroke_are_not_cropped_with_it() -> None:
    ring = circle((80, 80), (40, 40), 30, 5)
    marked = np.maximum(ring, INK / 2 * page(80, 80, (36, 36, 44, 44)))
    plain, spotted = (crop(connected_components(label(ink))[0], ink, label(ink))[0] for ink in (ring, marked))
    np.testing.assert_array_equal(plain, spotted)


def test_a_faint_component_is_cropped_as_dense_as_a_dark_one() -> None:
    ink = page(60, 120, (10, 10, 50, 20), (10, 80, 50, 90))
    ink[:, 60:] *= 0.5
    labels = label(ink)
    dark, faint = (crop(component, ink, labels)[0] for component in connected_components(labels))
    np.testing.assert_allclose(faint, dark, atol=1e-6)
