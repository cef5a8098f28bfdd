"""Deformed copies of the training images: what another hand might have written, with the same label.

A copy is the image seen through a smooth map of the plane: with A a small rotation and a stretching of each axis about the centre,
and d a displacement that is random at 6 x 6 knots and bicubic between them (Simard, Steinkraus and Platt, Best practices for
convolutional neural networks, ICDAR 2003)::

    copy(p) = image(A p + d(p))

Slants and shifts are left out: deskewing undoes them.
"""

import math

import torch
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from softreg.data.dataset import Dataset

ROTATION = 12.0  # degrees, at most
STRETCH = 0.12  # of the logarithm of each axis, at most
DISPLACEMENT, KNOTS = 0.9, 6  # pixels, the standard deviation at a knot; knots a side
CHUNK = 1000


def augment(data: Dataset, copies: int, seed: int) -> Dataset:
    """Each image of `data` followed by `copies` of it, deformed, each otherwise; the same seed gives the same bits."""
    if not copies:
        return data
    generator = Generator().manual_seed(seed)
    images = torch.stack(
        [data.images, *(elastic_transform(data.images, generator) for _ in range(copies))], 1
    )  # (N, 1 + copies, 28, 28)
    return Dataset(images.flatten(0, 1), data.labels.repeat_interleave(1 + copies), data.classes, data.name)


def elastic_transform(images: Tensor, generator: Generator) -> Tensor:
    """Images uint8 (N, 28, 28), each through a map of its own -> uint8 (N, 28, 28)."""
    return torch.cat([_through(chunk, *_maps(len(chunk), generator)) for chunk in images.split(CHUNK)])


def _maps(n: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Random A (n, 2, 3) and d at the knots (n, 2, K, K), in half widths of the image."""
    angle, across, down = (2 * torch.rand(3, n, generator=generator) - 1) * torch.tensor(
        [[math.radians(ROTATION)], [STRETCH], [STRETCH]]
    )
    cosine, sine, none = angle.cos(), angle.sin(), torch.zeros(n)
    rows = [cosine * across.exp(), -sine * down.exp(), none, sine * across.exp(), cosine * down.exp(), none]
    return torch.stack(rows, 1).view(n, 2, 3), torch.randn(n, 2, KNOTS, KNOTS, generator=generator) * DISPLACEMENT / 14


def _through(images: Tensor, affine: Tensor, knots: Tensor) -> Tensor:
    """Images uint8 (B, 28, 28) seen through maps: bilinear, black beyond the edge."""
    places = affine_grid(affine, [len(images), 1, 28, 28], align_corners=False)  # (B, 28, 28, 2)
    places += interpolate(knots, size=(28, 28), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    seen = grid_sample(images[:, None].float(), places, align_corners=False)  # (B, 1, 28, 28)
    return seen[:, 0].round().to(torch.uint8)
