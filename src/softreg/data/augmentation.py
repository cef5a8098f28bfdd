"""Data augmentation by affine and elastic deformation, as in handwriting; the label stays.

A copy is the image resampled through a smooth map of the plane, where A is a small rotation and a scaling of each axis about the
centre and d a random displacement at 6 x 6 knots, interpolated bicubically (Simard, Steinkraus and Platt, Best practices for
convolutional neural networks, ICDAR 2003)::

    copy(p) = image(A p + d(p))

Shears and shifts are left out, since deskewing undoes them.
"""

import math

import torch
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from softreg.data.dataset import Dataset

ROTATION = 12.0  # degrees, at most
STRETCH = 0.12  # the scale of each axis is at most exp(STRETCH)
DISPLACEMENT, KNOTS = 0.9, 6  # standard deviation at a knot, in pixels; knots per side
CHUNK = 1000


def augment(data: Dataset, copies: int, seed: int) -> Dataset:
    """Each image of `data` followed by `copies` deformed versions of it; deterministic in `seed`."""
    if not copies:
        return data
    generator = Generator().manual_seed(seed)
    images = torch.stack(
        [data.images, *(elastic_transform(data.images, generator) for _ in range(copies))], 1
    )  # (N, 1 + copies, H, W[, 3])
    return Dataset(images.flatten(0, 1), data.labels.repeat_interleave(1 + copies), data.classes, data.name)


def elastic_transform(images: Tensor, generator: Generator, strength: float = 1.0) -> Tensor:
    """Deform images uint8 (N, H, W) or (N, H, W, 3), each by its own random map, `strength` times as much -> the same shape."""
    side = max(images.shape[1:3])
    return torch.cat([_warp(chunk, *_maps(len(chunk), side, strength, generator)) for chunk in images.split(CHUNK)])


def _maps(n: int, side: int, strength: float, generator: Generator) -> tuple[Tensor, Tensor]:
    """Random A (n, 2, 3) and d at the knots (n, 2, K, K), in units of half the image's width."""
    most = strength * torch.tensor([[math.radians(ROTATION)], [STRETCH], [STRETCH]])
    angle, across, down = (2 * torch.rand(3, n, generator=generator) - 1) * most
    cosine, sine, zero = angle.cos(), angle.sin(), torch.zeros(n)
    rows = [cosine * across.exp(), -sine * down.exp(), zero, sine * across.exp(), cosine * down.exp(), zero]
    displacement = strength * DISPLACEMENT / (side / 2)
    return torch.stack(rows, 1).view(n, 2, 3), torch.randn(n, 2, KNOTS, KNOTS, generator=generator) * displacement


def _warp(images: Tensor, affine: Tensor, knots: Tensor) -> Tensor:
    """Resample images uint8 (B, H, W) or (B, H, W, 3) bilinearly, black outside."""
    height, width = images.shape[1:3]
    channels = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2)  # (B, 1 or 3, H, W)
    grid = affine_grid(affine, [len(images), 1, height, width], align_corners=False)  # (B, H, W, 2)
    grid += interpolate(knots, size=(height, width), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    warped = grid_sample(channels.float(), grid, align_corners=False).round().to(torch.uint8)  # (B, 1 or 3, H, W)
    return warped[:, 0] if images.ndim == 3 else warped.permute(0, 2, 3, 1)
