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
    """Normalised Gaussian windows, one a column, written as loops."""
    g = np.zeros((places, cells))
    for i in range(places):
        for k in range(cells):
            distance = (i + 0.5) * 28 / places - (14 + (k - (cells - 1) / 2) * spacing)
            g[i, k] = np.exp(-(distance**2) / (2 * width**2))
    g /= g.sum(0)
    return g


def standardised(features: Pooled, pooled: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy((np.sqrt(pooled) - features.mean.double().numpy()) * features.scale.double().numpy()).float()
