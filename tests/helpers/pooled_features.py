"""What the tests of pooled feature maps share: images to fit them on, and their pooling written another way."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from softreg.features.pooled import Pooled


def digits(n: int, seed: int) -> Tensor:
    """Blurred random strokes (n, 28, 28), uint8, inside the 20 x 20 box."""
    generator = Generator().manual_seed(seed)
    images = torch.zeros(n, 28, 28)
    ends = 5 + 18 * torch.rand(n, 4, 2, generator=generator)  # a line of three pieces
    for t in torch.linspace(0, 2.999, 90):
        piece, part = int(t), t - int(t)
        point = torch.lerp(ends[:, piece], ends[:, piece + 1], part)  # (n, 2)
        grid = torch.stack(torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij"))  # (2, 28, 28)
        distance = (grid - point[:, :, None, None]).square().sum(1)
        images = torch.maximum(images, torch.exp(-distance / 1.5))
    return (255 * images).to(torch.uint8)


def gaussian_cells(places: int, cells: int, width: float, spacing: float) -> NDArray[np.float64]:
    """Normalised Gaussian windows, one a column, written as loops; width and spacing are in 28ths of the side."""
    g = np.zeros((places, cells))
    for i in range(places):
        for k in range(cells):
            distance = (i + 0.5) * 28 / places - (14 + (k - (cells - 1) / 2) * spacing)
            g[i, k] = np.exp(-(distance**2) / (2 * width**2))
    g /= g.sum(0)
    return g


def textures(n: int, shape: tuple[int, ...], seed: int) -> Tensor:
    """Waves of random direction, length and colour (n, *shape), uint8, with some noise: pictures that fill their frame."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    images = np.zeros((n, *shape))
    for image in images:
        angle, length = random.uniform(0, np.pi), random.uniform(3, 12)
        wave = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / length)
        colour = random.uniform(0.2, 1, shape[2:])
        image[...] = 127 + 90 * (wave[..., None] * colour if shape[2:] else wave) + random.normal(0, 12, shape)
    return torch.from_numpy(images.clip(0, 255).astype(np.uint8))


def planes_by_hand(images: Tensor) -> NDArray[np.float64]:
    """Images (N, H, W[, 3]) of at most 32 pixels a side, other than 28 x 28, as planes (N, P, H, W) in [0, 1]."""
    pixels = images.double().numpy() / 255
    return pixels[:, None] if pixels.ndim == 3 else np.moveaxis(pixels, 3, 1)


def standardised(features: Pooled, pooled: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy((np.sqrt(pooled) - features.mean.double().numpy()) * features.scale.double().numpy()).float()
