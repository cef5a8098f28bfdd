"""The model: a fixed feature map, then one linear layer."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from softreg.features.feature_map import FeatureMap
from softreg.model.out_of_distribution import OODDetector

BATCH_SIZE = 1000  # images whose features are in memory at a time


class _UninitializedLinear(nn.Linear):
    """An `nn.Linear` that draws no initial weights: they are set afterwards, and nobody's generator advances.

    (`device="meta"` and `to_empty` do the same, but importing what they need takes half a second.)
    """

    def reset_parameters(self) -> None:
        """Do nothing."""


class SoftmaxRegression(nn.Module):
    """images -> features -> one `nn.Linear` -> logits.

    Parameters
    ----------
    features : the fixed map, images uint8 (N, 28, 28) -> (N, D) float32
    classes : the C names

    Attributes
    ----------
    linear : nn.Linear, weight (C, D), bias (C,)
    ood_detector : scores how unlike every class an image is; None if the recipe asked for no calibration
    """

    def __init__(self, features: FeatureMap, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.features = features
        self.linear: nn.Linear = _UninitializedLinear(features.dim, len(classes))
        self.classes = classes
        self.ood_detector: OODDetector | None = None

    def forward(self, images: Tensor) -> Tensor:
        """The logits (N, C), float32, of images uint8 (N, 28, 28)."""
        logits: Tensor = self.linear(self.features(images))  # (N, C)
        return logits

    @torch.inference_mode()
    def logits(self, images: Tensor) -> Tensor:
        """The logits (N, C), on the CPU, of any number of images, computed without gradients a thousand at a time."""
        device = self.linear.weight.device
        return torch.cat([self(chunk.to(device)).cpu() for chunk in images.split(BATCH_SIZE)])  # (N, C)

    def predict_proba(self, images: Tensor) -> Tensor:
        """The probabilities (N, C), softmax of `logits`; calibrated if the recipe asked for it."""
        return torch.softmax(self.logits(images), dim=1)

    def set_theta(self, theta: Tensor) -> None:
        """Copy weights and bias from theta (C, D + 1), the bias last."""
        with torch.no_grad():
            self.linear.weight.copy_(theta[:, :-1])
            self.linear.bias.copy_(theta[:, -1])

    def named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """All weights and buffers by name, in alphabetical order."""
        yield from sorted(self.state_dict().items())
