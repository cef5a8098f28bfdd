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
    )  # (N, 1 + copies, 28, 28)
    return Dataset(images.flatten(0, 1), data.labels.repeat_interleave(1 + copies), data.classes, data.name)


def elastic_transform(images: Tensor, generator: Generator) -> Tensor:
    """Deform images uint8 (N, 28, 28), each by its own random map -> uint8 (N, 28, 28)."""
    return torch.cat([_warp(chunk, *_maps(len(chunk), generator)) for chunk in images.split(CHUNK)])


def _maps(n: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Random A (n, 2, 3) and d at the knots (n, 2, K, K), in units of half the image's width."""
    angle, across, down = (2 * torch.rand(3, n, generator=generator) - 1) * torch.tensor(
        [[math.radians(ROTATION)], [STRETCH], [STRETCH]]
    )
    cosine, sine, zero = angle.cos(), angle.sin(), torch.zeros(n)
    rows = [cosine * across.exp(), -sine * down.exp(), zero, sine * across.exp(), cosine * down.exp(), zero]
    return torch.stack(rows, 1).view(n, 2, 3), torch.randn(n, 2, KNOTS, KNOTS, generator=generator) * DISPLACEMENT / 14


def _warp(images: Tensor, affine: Tensor, knots: Tensor) -> Tensor:
    """Resample images uint8 (B, 28, 28) bilinearly, black outside -> uint8 (B, 28, 28)."""
    grid = affine_grid(affine, [len(images), 1, 28, 28], align_corners=False)  # (B, 28, 28, 2)
    grid += interpolate(knots, size=(28, 28), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    warped = grid_sample(images[:, None].float(), grid, align_corners=False)  # (B, 1, 28, 28)
    return warped[:, 0].round().to(torch.uint8)
