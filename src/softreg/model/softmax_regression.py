"""The model: a fixed feature map, then one linear layer."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from softreg.features.feature_map import FeatureMap
from softreg.model.out_of_distribution import OODDetector

ROWS = 1000  # images whose features are in memory at a time


class _Blank(nn.Linear):
    """An `nn.Linear` whose numbers are set by whoever made it, drawn by nobody's generator.

    (`device="meta"` and `to_empty` do the same, but import half a second's worth of torch.)
    """

    def reset_parameters(self) -> None:
        """Leave them as they are."""


class SoftmaxRegression(nn.Module):
    """images -> features -> one `nn.Linear` -> logits.

    Parameters
    ----------
    features : the fixed map, images uint8 (N, 28, 28) -> (N, D) float32
    classes : the C names

    Attributes
    ----------
    linear : nn.Linear, weight (C, D), bias (C,)
    novelty : how unlike its class an image is; None if the recipe asked for no calibration
    """

    def __init__(self, features: FeatureMap, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.features = features
        self.linear: nn.Linear = _Blank(features.dim, len(classes))
        self.classes = classes
        self.novelty: OODDetector | None = None

    def forward(self, images: Tensor) -> Tensor:
        """The logits (N, C), float32, of images uint8 (N, 28, 28)."""
        logits: Tensor = self.linear(self.features(images))  # (N, C)
        return logits

    @torch.inference_mode()
    def logits(self, images: Tensor) -> Tensor:
        """The logits (N, C) of any number of images, without gradients, a thousand at a time, on the CPU."""
        device = self.linear.weight.device
        return torch.cat([self(chunk.to(device)).cpu() for chunk in images.split(ROWS)])  # (N, C)

    def probabilities(self, images: Tensor) -> Tensor:
        """softmax of the logits, (N, C); right as often as they say, if the recipe asked for calibration."""
        return torch.softmax(self.logits(images), dim=1)

    def set_theta(self, theta: Tensor) -> None:
        """Take over weights and bias from theta (C, D + 1), the bias last."""
        with torch.no_grad():
            self.linear.weight.copy_(theta[:, :-1])
            self.linear.bias.copy_(theta[:, -1])

    def named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """All that a model file holds, by name, in a fixed order."""
        yield from sorted(self.state_dict().items())
