"""Ways to see a picture: among them is the right one, and what a way leaves out is told."""

import numpy as np

from softreg.imaging.ink import Ink
from softreg.imaging.layout import Layout, layouts
from tests.helpers.ink_maps import Map, circle


def ways(ink: Map) -> dict[str, Layout]:
    """The first layout of each kind."""
    found: dict[str, Layout] = {}
    for layout in layouts(Ink(np.clip(ink, 0, 1), ink, np.zeros(ink.shape, np.uint8), False)):
        found.setdefault(layout.kind, layout)
    return found


def test_ink_that_only_local_contrast_shows_is_missed() -> None:
    ring = circle((240, 240), (120, 120), 70, 7)
    fading = ring * np.linspace(1, 0.1, 240, dtype=np.float32)[:, None]
    assert ways(ring)["usual"].missed == 0
    assert ways(fading)["usual"].missed > 0.05
    assert ways(fading)["faint"].missed == 0


def test_pieces_of_one_digit_are_seen_as_one_too() -> None:
    ring = circle((120, 120), (60, 60), 40, 5)
    ring[55:65] = 0
    ring[:, 56:66] = 0
    whole = ways(ring)["whole"]
    ((digit,),) = whole.lines
    assert digit.height > 80
    assert digit.width > 80


def test_a_low_digit_in_pieces_is_seen_as_one_too() -> None:
    ink = np.zeros((120, 320), dtype=np.float32)
    ink[20:105, 30:36] = ink[20:105, 240:246] = 1  # two digits; between them a 5 whose bar stands apart:
    ink[60:80, 130:134] = ink[76:80, 110:134] = 1  # its small body
    ink[52:58, 130:170] = 1  # its bar
    found = ways(ink)
    assert [len(line) for line in found["usual"].lines] == [2]
    assert found["usual"].dropped > 0
    ((_, five, _),) = found["fragments"].lines
    assert five.box == (52, 110, 80, 170)
    assert found["fragments"].dropped == 0


def test_high_digits_and_dashes_are_no_fragments() -> None:
    ink = np.zeros((120, 320), dtype=np.float32)
    ink[20:100, 30:36] = ink[30:105, 240:246] = 1
    assert "fragments" not in ways(ink)
    ink[60:64, 110:170] = 1  # a dash
    assert "fragments" not in ways(ink)


def test_a_digit_that_looks_like_a_line_is_also_seen_with_it() -> None:
    ink = np.zeros((120, 200), dtype=np.float32)
    ink[60:64, :] = 1  # a ruled line
    ink[20:100, 90:100] = 1
    usual, other = ways(ink)["usual"], ways(ink)["lines"]
    assert usual.ruled
    assert [[(digit.left, digit.right) for digit in line] for line in usual.lines] == [[(90, 100)]]
    assert not other.ruled
    assert (other.density == ink).all()


def test_squared_paper_is_also_seen_with_the_lines_of_one_direction() -> None:
    ink = circle((240, 240), (120, 120), 50, 9)
    for at in range(20, 240, 40):
        ink[at : at + 2] = ink[:, at : at + 2] = 1
    found = list(layouts(Ink(ink, ink, np.zeros(ink.shape, np.uint8), False)))
    ruled = [layout.ruled for layout in found if layout.kind == "lines"]
    assert ruled[-1] is False
    assert len(ruled) > 1
    assert all(ruled[:-1])


def test_dropped_ink_is_told_as_a_share_of_the_digits() -> None:
    ink = np.zeros((100, 300), dtype=np.float32)
    ink[20:80, 60:70] = ink[20:80, 120:130] = 1
    assert ways(ink)["usual"].dropped == 0
    ink[0:100, 270:300] = 1
    found = ways(ink)
    assert 0.5 < found["usual"].dropped < 1.5
    assert found["surroundings"].dropped == 0


def test_what_several_layouts_cut_out_alike_is_normalised_once() -> None:
    ring = circle((120, 120), (60, 60), 40, 5)
    ring[:40, :6] = 1  # at the edge
    found = ways(ring)
    assert "surroundings" in found
    (digit, _), *others = [
        way.normalized(component)
        for way in (found["usual"], found["surroundings"])
        for line in way.lines
        for component in line
        if component.height > 60
    ]
    assert all(other is digit for other, _ in others)
    assert len(others) == 1
