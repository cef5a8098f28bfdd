"""Ways to see a picture: among them is the right one, and what a way leaves out is told."""

import numpy as np
from numpy.typing import NDArray

from softreg.imaging.faint_strokes import local_contrast
from softreg.imaging.ink import Ink
from softreg.imaging.layout import Layout, layouts

Map = NDArray[np.float32]


def ways(ink: Map) -> dict[str, Layout]:
    """The first layout of each kind."""
    found: dict[str, Layout] = {}
    for layout in layouts(Ink(np.clip(ink, 0, 1), ink, np.zeros(ink.shape, np.uint8), False)):
        found.setdefault(layout.kind, layout)
    return found


def circle(shape: tuple[int, int], middle: tuple[int, int], radius: float, width: float) -> Map:
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    away = np.abs(np.hypot(yy - middle[0], xx - middle[1]) - radius)
    return np.asarray(np.clip(width / 2 + 0.5 - away, 0, 1), dtype=np.float32)


def test_a_fading_stroke_is_whole_in_the_map_of_local_contrast() -> None:
    ring = circle((240, 240), (120, 120), 70, 7)
    fading = ring * np.linspace(1, 0.1, 240, dtype=np.float32)[:, None]
    assert np.mean(local_contrast(fading)[ring > 0.9] > 0.45) > 0.98
    assert np.mean(fading[ring > 0.9] > 0.45) < 0.9


def test_ink_that_only_local_contrast_shows_is_missed() -> None:
    ring = circle((240, 240), (120, 120), 70, 7)
    fading = ring * np.linspace(1, 0.1, 240, dtype=np.float32)[:, None]
    assert ways(ring)["usual"].missed == 0
    assert ways(fading)["usual"].missed > 0.05
    assert ways(fading)["faint"].missed == 0


def test_a_shadow_at_the_edge_is_no_stroke() -> None:
    shadow = np.broadcast_to(np.linspace(0, 1.5, 300, dtype=np.float32) ** 3, (200, 300))
    assert (local_contrast(np.ascontiguousarray(shadow)) > 0.45).mean() < 0.1


def test_pieces_of_one_digit_are_seen_as_one_too() -> None:
    ring = circle((120, 120), (60, 60), 40, 5)
    ring[55:65] = 0
    ring[:, 56:66] = 0
    whole = ways(ring)["whole"]
    ((digit,),) = whole.lines
    assert digit.height > 80
    assert digit.width > 80


def test_a_digit_that_looks_like_a_line_is_also_seen_with_it() -> None:
    ink = np.zeros((120, 200), dtype=np.float32)
    ink[60:64, :] = 1  # a ruled line
    ink[20:100, 90:100] = 1
    usual, other = ways(ink)["usual"], ways(ink)["lines"]
    assert usual.ruled
    assert [[(digit.left, digit.right) for digit in line] for line in usual.lines] == [[(90, 100)]]
    assert not other.ruled
    assert (other.density == ink).all()


def test_dropped_ink_is_told_as_a_share_of_the_digits() -> None:
    ink = np.zeros((100, 300), dtype=np.float32)
    ink[20:80, 60:70] = ink[20:80, 120:130] = 1
    assert ways(ink)["usual"].dropped == 0
    ink[0:100, 270:300] = 1
    found = ways(ink)
    assert 0.5 < found["usual"].dropped < 1.5
    assert found["surroundings"].dropped == 0
