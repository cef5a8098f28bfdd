"""Synthetic outliers: the same for the same seed, centred as MNIST's images are, drawn as their names say."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.ndimage import label
from torch import Tensor

from softreg.data.dataset import Splits
from softreg.data.synthetic_outliers import (
    DRAWN_SHARES,
    HALVED,
    OVERLAID,
    POINTS,
    TURNED,
    branches,
    curves,
    halved,
    overlaid,
    polygons,
    rasterize,
    scribbles,
    synthetic_outliers,
    turned,
)


def test_outliers_are_centred_images_and_the_same_for_the_same_seed(mnist: Splits) -> None:
    state = torch.get_rng_state()
    args = mnist.train.images[:500], mnist.train.labels[:500], 400
    images, original_label = synthetic_outliers(*args, torch.Generator().manual_seed(3))
    again, _ = synthetic_outliers(*args, torch.Generator().manual_seed(3))
    assert torch.equal(images, again)
    assert torch.equal(state, torch.get_rng_state())
    assert (images.dtype, images.shape, original_label.shape) == (torch.uint8, (400, 28, 28), (400,))
    assert (original_label[:40] >= 0).all()
    assert (original_label[40:] == -1).all()
    images[80:120] = 0  # overlaid ones may leave at one edge and come in at the other
    ink = images[(images > 0).flatten(1).any(1)].double()
    pixel = torch.arange(28).double() + 0.5
    for axis in (1, 2):
        middle = (ink.sum(axis) @ pixel) / ink.sum((1, 2))
        assert ((middle - 14).abs() <= 0.51).double().mean() > 0.98  # what is very lopsided leaves at an edge too


@pytest.mark.parametrize("draw", [branches, polygons, scribbles])
def test_what_one_pen_draws_is_in_one_piece_and_fills_the_box(draw: Callable[[int, torch.Generator], Tensor]) -> None:
    ink = draw(60, torch.Generator().manual_seed(5)).numpy() > 0
    assert [label(image, np.ones((3, 3)))[1] for image in ink] == [1] * 60
    sides = [np.ptp(np.flatnonzero(image.any(axis))) + 1 for image in ink for axis in (0, 1)]
    assert set(np.maximum(sides[::2], sides[1::2])) <= {20, 21, 22}  # 20, and the soft edge


def test_polygons_are_outlines() -> None:
    ink = polygons(60, torch.Generator().manual_seed(5)).numpy() > 127
    assert (
        np.mean([label(~image)[1] == 2 for image in ink]) > 0.9
    )  # paper inside and outside; thick and narrow ones have none inside


def rings(n: int) -> Tensor:
    """Images uint8 (N, 28, 28) that no flip or quarter turn leaves as they are."""
    return torch.randint(0, 256, (n, 28, 28), generator=torch.Generator().manual_seed(8), dtype=torch.uint8)


def test_turned_images_are_mirrored_or_rotated() -> None:
    images = rings(40)
    found = turned(images, torch.Generator().manual_seed(0)).numpy()
    mirrored = [np.array_equal(new, np.fliplr(old)) for new, old in zip(found, images.numpy(), strict=True)]
    rotated = [np.array_equal(new, np.rot90(old)) for new, old in zip(found, images.numpy(), strict=True)]
    assert np.logical_xor(mirrored, rotated).all()
    assert 8 < sum(mirrored) < 32


def test_halves_come_from_one_image_and_from_another_one_mirrored() -> None:
    images, others = rings(60)[:30], rings(60)[30:]
    for new, old, other in zip(halved(images, others, torch.Generator().manual_seed(0)), images, others, strict=True):
        kept = new == old
        rows, columns = int(kept.all(1).sum()), int(kept.all(0).sum())
        assert 11 <= max(rows, columns) <= 17  # the cut
        first = kept.all(1)[:, None] if rows > columns else kept.all(0)
        assert any(torch.equal(new, torch.where(first, old, mirrored)) for mirrored in (other.flip(0), other.flip(1)))


def test_an_overlay_never_loses_ink() -> None:
    images, others = rings(60)[:30], rings(60)[30:]
    both = overlaid(images, others, torch.Generator().manual_seed(0))
    assert (both >= images).all()
    assert not (both == images).flatten(1).all(1).any()


def test_curves_are_bezier_curves() -> None:
    """From the first control point to the last; halfway a quarter of each and half of the middle one."""
    ends = torch.rand(5, 2, 3, 2, generator=torch.Generator().manual_seed(0))
    points = curves(ends)
    assert points.shape == (5, 2, POINTS, 2)
    torch.testing.assert_close(points[:, :, 0], ends[:, :, 0])
    torch.testing.assert_close(points[:, :, -1], ends[:, :, 2])
    straight = ends.clone()
    straight[:, :, 1] = (ends[:, :, 0] + ends[:, :, 2]) / 2
    t = torch.linspace(0, 1, POINTS)[:, None]
    torch.testing.assert_close(curves(straight), torch.lerp(straight[:, :, :1], straight[:, :, 2:], t))


def test_the_pen_leaves_ink_where_it_was_and_nowhere_else() -> None:
    """A horizontal stroke: 20 pixels long, as thick as the pen (a radius of 0.6 to 1.8), in the middle."""
    line = torch.stack([torch.linspace(0, 1, 50), torch.full((50,), 0.5)], 1)[None].expand(30, -1, -1)  # (N, P, 2)
    images = rasterize(line.mT.flip(1).mT, torch.Generator().manual_seed(0)).double() / 255
    thickness = images.sum((1, 2)) / 20
    assert ((thickness > 1) & (thickness < 3.8)).all()
    assert (images.amax((1, 2)) > 0.59).all()
    middle = (images.sum(2) @ (torch.arange(28).double() + 0.5)) / images.sum((1, 2))
    along = (images.sum(1) @ (torch.arange(28).double() + 0.5)) / images.sum((1, 2))
    torch.testing.assert_close(torch.stack([middle, along]), torch.full((2, 30), 14.0, dtype=torch.float64), rtol=0, atol=0.05)


def test_the_shares_of_all_kinds_are_a_whole() -> None:
    assert TURNED + HALVED + OVERLAID + sum(DRAWN_SHARES.values()) == pytest.approx(1)


@pytest.mark.parametrize("draw", DRAWN_SHARES, ids=lambda draw: draw.__name__)
def test_every_kind_draws_as_many_as_asked_for_the_same_for_the_same_seed(draw: Callable[[int, torch.Generator], Tensor]) -> None:
    for count in (0, 1, 7):
        images = draw(count, torch.Generator().manual_seed(2))
        assert (images.shape, images.dtype) == ((count, 28, 28), torch.uint8)
        assert torch.equal(images, draw(count, torch.Generator().manual_seed(2)))
