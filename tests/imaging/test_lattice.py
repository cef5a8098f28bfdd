"""The lattice of a line: its paths are all segmentations, and cut ink is neither lost nor doubled."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from softreg.imaging.ink import Ink
from softreg.imaging.lattice import Lattice, lattice
from softreg.imaging.layout import Layout, layouts


def usual(*columns: tuple[int, int]) -> Layout:
    """The usual layout of upright boxes, 60 pixels high, that end and begin at these columns."""
    ink = np.zeros((100, 400), dtype=np.float32)
    for left, right in columns:
        ink[20:80, left:right] = 1
    return next(layouts(Ink(ink, ink, np.zeros((100, 400), np.uint8), False)))


def paths(ways: Lattice, node: int = 0) -> int:
    """The number of paths from a node to the end."""
    if node == ways.nodes:
        return 1
    return sum(paths(ways, candidate.stop) for candidate in ways.candidates if candidate.start == node)


def test_a_line_without_doubt_has_one_path() -> None:
    layout = usual((20, 60), (80, 90), (120, 160))
    assert paths(lattice(layout, layout.lines[0], ())) == 1


def test_two_digits_that_touch_have_a_cut_between_them() -> None:
    layout = usual((20, 50), (60, 90))
    joined = layout.density.copy()
    joined[48:52, 50:60] = 1  # a stroke between them
    layout = next(layouts(Ink(joined, joined, np.zeros(joined.shape, np.uint8), False)))
    (line,) = layout.lines
    assert len(line) == 1
    ways = lattice(layout, line, {0})
    cuts = {candidate.component.right for candidate in ways.candidates if candidate.start == 0 and candidate.stop < ways.nodes}
    assert any(49 <= cut <= 61 for cut in cuts)
    assert max(candidate.crossed for candidate in ways.candidates) > 0


def test_a_wide_digit_may_stay_whole_and_a_wider_one_in_a_condensed_row_may_not() -> None:
    for right in (110, 130):  # 90 and 110 wide, 60 high
        layout = usual((20, 50), (right - 30, right))
        layout.density[20:28, 50 : right - 30] = layout.density[72:80, 50 : right - 30] = 1  # joined above and below
        wide = next(layouts(Ink(layout.density, layout.density, np.zeros(layout.density.shape, np.uint8), False)))
        for stretch, whole in ((1.0, True), (2.0, False)):
            ways = lattice(replace(wide, stretch=stretch), wide.lines[0], {0})
            assert ways.nodes > 1
            assert any(candidate.stop - candidate.start == ways.nodes for candidate in ways.candidates) is whole


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(6, 60), min_size=1, max_size=5), st.integers(0, 4))
def test_the_pieces_hold_all_ink_once(widths: list[int], doubtful: int) -> None:
    ends = np.cumsum([width + 12 for width in widths])
    layout = usual(*[(int(end) - width, int(end)) for end, width in zip(ends, widths, strict=True)])
    (line,) = layout.lines
    ways = lattice(layout, line, {doubtful % len(line)})
    pieces = [candidate for candidate in ways.candidates if candidate.stop == candidate.start + 1]
    assert len(pieces) == ways.nodes
    assert sum(piece.component.area for piece in pieces) == np.count_nonzero(
        np.isin(layout.labels, [n for d in line for n in d.labels])
    )
    assert paths(ways) >= 1
    for candidate in ways.candidates:
        image = ways.layout.normalized(candidate.component)[0].image
        assert image.shape == (28, 28)
        assert image.any()
