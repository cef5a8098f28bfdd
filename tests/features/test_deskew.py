"""Deskewing, against moments computed with NumPy."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from softreg.features.deskew import deskew
from softreg.features.registry import make_feature_map


def strokes(n: int, seed: int) -> Tensor:
    """Slanted ellipses (n, 28, 28), uint8: off the centre, and far enough from the edge that no shift loses ink."""
    x0, y0, slant, thin, tall = torch.rand(5, n, 1, 1, generator=Generator().manual_seed(seed))
    y, x = torch.arange(28.0)[:, None] - 12.5 - 3 * y0, torch.arange(28.0) - 12.5 - 3 * x0
    sheared = x + (1.6 * slant - 0.8) * y  # (n, 28, 28)
    inside = (sheared / (1.5 + 2 * thin)).square() + (y / (4 + 3 * tall)).square()
    ink: Tensor = (255 * (1.2 - inside).clamp(0, 1)).to(torch.uint8)
    return ink


def moments(images: Tensor) -> tuple[NDArray[np.float64], ...]:
    """Mass, centre x, centre y and mu_11 / mass of each image, in float64."""
    ink = images.double().numpy()
    y, x = np.mgrid[:28, :28].astype(np.float64)
    mass = ink.sum((1, 2))
    cx, cy = (ink * x).sum((1, 2)) / mass, (ink * y).sum((1, 2)) / mass
    mu_11 = (ink * (x - cx[:, None, None]) * (y - cy[:, None, None])).sum((1, 2)) / mass
    return mass, cx, cy, mu_11


def test_moments_become_zero() -> None:
    images = strokes(200, seed=1)
    mass, cx, cy, mu_11 = moments(deskew(images))
    np.testing.assert_allclose(mass, moments(images)[0] / 255, rtol=1e-5)
    np.testing.assert_allclose(cx, 14, atol=1e-4)
    np.testing.assert_allclose(cy, 14, atol=1e-4)
    np.testing.assert_allclose(mu_11, 0, atol=1e-4)
    assert np.abs(moments(images)[3]).mean() > 1


def test_upright_centred_digit_is_left_alone() -> None:
    image = torch.zeros(1, 28, 28, dtype=torch.uint8)
    image[0, 9:20, 12:17] = 200
    torch.testing.assert_close(deskew(image), image / 255, rtol=0, atol=1e-5)


def test_empty_lying_and_cornered_ink_stays_finite() -> None:
    images = torch.zeros(4, 28, 28, dtype=torch.uint8)
    images[1, 14, 2:27] = 255  # a line lying down is not sheared
    images[2, 0, 0] = 1
    images[3] = 255
    upright = deskew(images)
    assert upright.isfinite().all()
    assert not upright[0].any()
    torch.testing.assert_close(upright[1], images[1] / 255, rtol=0, atol=1e-5)
    assert abs(upright[2, 14, 14].item() - 1 / 255) < 1e-6


def test_chunks_do_not_matter() -> None:
    features, images = make_feature_map("deskew"), strokes(600, seed=2)
    one_by_one = torch.cat([features(image[None]) for image in images])
    torch.testing.assert_close(features(images), one_by_one, rtol=0, atol=1e-5)


def test_evidence_goes_back_through_the_shear() -> None:
    features, images = make_feature_map("deskew"), strokes(20, seed=3)
    weight = torch.randn(784, generator=Generator().manual_seed(4))
    shares = features.attribute(images, weight)  # (N, 28, 28)
    torch.testing.assert_close(shares.sum((1, 2)), features(images) @ weight, rtol=0, atol=1e-4)
    assert not shares[images == 0].any()  # paper without ink says nothing
