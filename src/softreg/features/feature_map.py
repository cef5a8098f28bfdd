"""Feature maps: what the linear layer sees of an image. Fixed maps, fitted on images, never on labels."""

from collections import deque
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from softreg.compute.threads import thread_map

CHUNK = 100  # images whose intermediate maps are in memory at a time: they stay in the third-level cache


class FeatureMap(nn.Module):
    """A fixed map, images uint8 (N, 28, 28) -> (N, D) float32. All its state is in buffers whose shapes are known before `fit`.

    Attributes
    ----------
    name : what a recipe calls it
    dim : D
    stored : the type `rows` keeps them in for training
    unit : what a stored number is worth: features are `unit * rows`
    """

    name: ClassVar[str]
    dim: int
    stored: ClassVar[torch.dtype] = torch.float32
    unit: ClassVar[float] = 1.0

    def fit(self, images: Tensor, seed: int) -> Self:
        """Fill the buffers from training images uint8 (N, 28, 28); the same seed gives the same buffers."""
        raise NotImplementedError

    def transform(self, images: Tensor) -> Tensor:
        """The features (B, D), float32, of a few images (B, 28, 28)."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        """The features (N, D), float32, of any number of images uint8 (N, 28, 28), made a chunk at a time."""
        return self._filled(images, torch.float32, 1.0)

    def rows(self, images: Tensor) -> Tensor:
        """The features (N, D) over `unit`, as `stored`, for a design matrix: less memory, and float32 never held whole."""
        return self._filled(images, self.stored, self.unit)

    def attribute(self, images: Tensor, weight: Tensor) -> Tensor:
        """What each pixel contributes to features @ weight: images uint8 (N, 28, 28), weight (D,) -> (N, 28, 28), float32.

        Over an image's pixels the shares sum to its evidence, sum_j weight_j x_j: all of the logit but the bias.
        """
        raise NotImplementedError

    @torch.no_grad()
    def _filled(self, images: Tensor, dtype: torch.dtype, unit: float) -> Tensor:
        """The features of all images over `unit`: each thread takes chunks of its own."""
        x = torch.empty(len(images), self.dim, dtype=dtype, device=images.device)
        starts = range(0, len(images), CHUNK)

        def fill(start: int) -> None:
            with torch.inference_mode(x.is_inference()), torch.no_grad():  # modes are a thread's own
                x[start : start + CHUNK] = _stored(self.transform(images[start : start + CHUNK]), dtype, unit)

        with thread_map(images.device, len(starts)) as each:
            deque(each(fill, starts), maxlen=0)
        return x


def _stored(x: Tensor, dtype: torch.dtype, unit: float) -> Tensor:
    """Features over `unit`, made whole numbers within the bounds of `dtype` if it knows no others."""
    x = x / unit
    if dtype.is_floating_point:
        return x.to(dtype)
    bounds = torch.iinfo(dtype)
    return x.round_().clamp_(bounds.min, bounds.max).to(dtype)
