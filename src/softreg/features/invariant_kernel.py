"""The feature map `invariant_kernel`: `kernel` on 224 axes, in a metric that discounts what small deformations change.

A deformed copy shows the same as its image. So of the differences d between the features of copies and of their images, on 512
principal axes, the second moments S tell which directions say little, and distances are measured after the map::

    M = ((S + r s I) / ((1 + r) s))^-1/2,      s the mean variance of the differences, r = 1/2

This is within-class covariance normalisation (Hatch, Kajarekar and Stolcke, Interspeech 2006), with an image and its copies in
place of a class: labels are not used. U holds M, so that nothing else differs from `kernel`.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Generator, Tensor
from torch.nn.functional import max_pool2d

from softreg.data.augmentation import elastic_transform
from softreg.features.kernel import Kernel

DIRECTIONS, DEFORMED = 512, 3000  # principal axes that M relates, and landmarks that are deformed for it
STRENGTH = 0.5  # of the bends, in those of augmentation
RIDGE = 0.5  # r
TINY = 1e-30


class InvariantKernel(Kernel):
    """`kernel` with other axes U (D', 224): the principal ones of the landmarks in the metric."""

    name = "invariant_kernel"
    projected_dim = 224

    def axes_of(self, v: Tensor, images: Tensor, generator: Generator) -> Tensor:
        """U (D', A) in full precision, from the features v (M, D') of the landmarks `images`."""
        axes = self.weighted_axes(v, DIRECTIONS, generator)
        z = v @ axes  # (M, 512)
        copies = deformed(images[:DEFORMED], generator)
        metric = deformation_metric([self.views(copy) @ axes - z[:DEFORMED] for copy in copies])
        _, turned = torch.linalg.eigh(metric @ (z.T @ z) @ metric)  # the largest last
        result: Tensor = axes @ metric @ turned.flip(1)[:, : self.projected_dim]
        return result


def deformed(images: Tensor, generator: Generator) -> Iterator[Tensor]:
    """Copies of images uint8 (N, H, W): bent, then with thicker strokes, then with thinner ones."""
    yield elastic_transform(images.cpu(), generator, STRENGTH).to(images.device)
    yield _thickened(images)
    yield 255 - _thickened(255 - images)


def _thickened(images: Tensor) -> Tensor:
    """Halfway to the lightest of the 3 x 3 pixels around each: strokes wider by about one pixel."""
    x = images.float()
    return ((x + max_pool2d(x, 3, 1, 1)) / 2).round().to(torch.uint8)


def deformation_metric(differences: Sequence[Tensor]) -> Tensor:
    """M (A, A) of differences (N, A) of several kinds, each of which counts the same; no change if nothing differs."""
    moments = sum((d.T @ d / d.square().sum().clamp_min(TINY) for d in differences), torch.zeros(()))
    variances, directions = torch.linalg.eigh(moments)
    variances = variances.clamp_min(0) + TINY
    mean = variances.mean()
    metric: Tensor = directions * ((variances + RIDGE * mean) / ((1 + RIDGE) * mean)).rsqrt() @ directions.T
    return metric
