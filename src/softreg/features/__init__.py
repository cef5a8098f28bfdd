"""Feature maps: what the linear layer sees of an image. Fixed maps, fitted on images, never on labels."""

from typing import ClassVar, Self

from torch import Tensor, nn


class Features(nn.Module):
    """A fixed map, images uint8 (N, 28, 28) -> (N, D) float32. All its state is in buffers whose shapes are known before `fit`."""

    name: ClassVar[str]
    dim: int

    def fit(self, images: Tensor, seed: int) -> Self:
        """Fill the buffers from training images uint8 (N, 28, 28); the same seed gives the same buffers."""
        raise NotImplementedError


def make_features(name: str) -> Features:
    """The feature map called `name`, not yet fitted."""
    from softreg.features.pixels import Pixels

    return {"pixels": Pixels}[name]()
