"""How unlike every image of its class an image is: what no class knows should be named by none.

Of each class the deskewed training images are described by a Gaussian: a mean, the axes a_k of largest variance lambda_k, and in
all other directions one variance, s^2 (probabilistic principal components; Tipping and Bishop, J. R. Statist. Soc. B 61, 1999).
With y = x - mean and z_k = a_k . y, an image's distance is the Gaussian's own, and its root is compared with a limit of the class::

    d^2 = sum_k z_k^2 / lambda_k + (|y|^2 - sum_k z_k^2) / s^2

A model that only divides the plane among its classes cannot say this: far from all digits it is surest of all.
"""

from typing import Self

import torch
from torch import Tensor, nn

from softreg.features.deskew import deskew

AXES = 40
FINEST = 1e-4  # a variance of pixels in [0, 1] below which no axis is finer: a class of equal images is no exact template


class Novelty(nn.Module):
    """Distances of images (N, 28, 28) from C classes, and the limits beyond which they are novel.

    Buffers: mean (C, 784), axes (C, K, 784) of unit length or zero, variance (C, K), rest (C,), limit (C,).
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        for name, shape in (
            ("mean", (classes, 784)),
            ("axes", (classes, AXES, 784)),
            ("variance", (classes, AXES)),
            ("rest", (classes,)),
            ("limit", (classes,)),
        ):
            self.register_buffer(name, torch.ones(shape))
        self.mean: Tensor
        self.axes: Tensor
        self.variance: Tensor
        self.rest: Tensor
        self.limit: Tensor

    def fit(self, images: Tensor, labels: Tensor) -> Self:
        """Describe each class by its images uint8 (N, 28, 28)."""
        for c in range(len(self.limit)):
            x = deskew(images[labels == c]).flatten(1).double()  # (M, 784)
            mean = x.mean(0) if len(x) else x.new_zeros(784)
            variances, axes = torch.linalg.eigh((x - mean).T @ (x - mean) / max(1, len(x)))  # ascending
            self.mean[c] = mean
            self.axes[c] = axes[:, -AXES:].T
            self.variance[c] = variances[-AXES:].clamp_min(FINEST)
            self.rest[c] = variances[:-AXES].mean().clamp_min(FINEST)
        return self

    def set_limits(self, images: Tensor, named: Tensor, share: float) -> None:
        """So that of images (N, 28, 28), new to it and named int64 (N,), about `share` are novel in every class."""
        distances = self(images, named)
        for c in range(len(self.limit)):
            here = distances[named == c]
            self.limit[c] = here.quantile(1 - share) if len(here) else distances.max()

    def forward(self, images: Tensor, named: Tensor) -> Tensor:
        """The distances (N,) of images (N, 28, 28) from the classes they are named, int64 (N,)."""
        y = deskew(images).flatten(1) - self.mean[named]  # (N, 784)
        inside = torch.empty(len(y), AXES, device=y.device)
        for c in named.unique().tolist():
            inside[named == c] = y[named == c] @ self.axes[c].T
        inside = inside.square()  # (N, K)
        outside = (y.square().sum(1) - inside.sum(1)).clamp_min(0)  # (N,)
        squared: Tensor = (inside / self.variance[named]).sum(1) + outside / self.rest[named]  # (N,)
        return squared.sqrt()

    def novel(self, images: Tensor, named: Tensor) -> Tensor:
        """Whether images (N, 28, 28) are too far from the classes they are named: bool (N,)."""
        beyond: Tensor = self(images, named) > self.limit[named]
        return beyond
