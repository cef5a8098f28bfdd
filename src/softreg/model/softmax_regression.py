"""The model: a fixed feature map, then one linear layer."""

from collections.abc import Iterator
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from softreg.compute.defaults import default_torch
from softreg.data.memory_map import pieces
from softreg.errors import DataError, RunError
from softreg.features.feature_map import FeatureMap
from softreg.features.registry import FEATURE_MAPS
from softreg.image_format import SIDE
from softreg.model.images import as_images
from softreg.model.out_of_distribution import OODDetector

BATCH_SIZE = 1000  # images whose features are in memory at a time


class _UninitializedLinear(nn.Linear):
    """An `nn.Linear` that draws no initial weights: they are set afterwards, and no random generator advances.

    (`device="meta"` and `to_empty` do the same, but importing what they need takes half a second.)
    """

    def reset_parameters(self) -> None:
        """Do nothing."""


class SoftmaxRegression(nn.Module):
    """images -> features -> one `nn.Linear` -> logits.

    Images are tensors or NumPy arrays, uint8 as MNIST stores them or floats in [0, 1] as torchvision's `ToTensor` makes them,
    of shape (N, H, W), (N, 1, H, W), or (H, W), which counts as N = 1; in colour (N, H, W, 3), (N, 3, H, W) or (H, W, 3). Of a
    model of embeddings they are those, floating point (N, D).

    Parameters
    ----------
    features : the fixed map, images uint8 (N, H, W) or (N, H, W, 3), or embeddings (N, D) -> (N, D) float32
    classes : the C names

    Attributes
    ----------
    linear : nn.Linear, weight (C, D), bias (C,)
    whole_pictures : whether a picture is read as one image, since the training images are not digits on paper
    ground : "dark" or "light": what most pixels at the borders of its training images are; None if neither, or unknown
    ood_detector : scores how unlike every class an image is; None if the recipe asked for no calibration
    """

    @default_torch()
    def __init__(self, features: FeatureMap, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.features = features
        self.linear: nn.Linear = _UninitializedLinear(features.dim, len(classes))
        self.classes = classes
        self.ood_detector: OODDetector | None = None
        self.whole_pictures = features.image_shape != (SIDE, SIDE)
        self.ground: str | None = None if self.whole_pictures else "dark"

    @default_torch(keep_inference_mode=True)
    def forward(self, images: Tensor | NDArray[Any]) -> Tensor:
        """The logits (N, C), float32, of images, on the model's device.

        Raises
        ------
        TypeError
            If the images are neither uint8 nor floats.
        ValueError
            If floats are not in [0, 1], or the shape is none of those above.
        """
        batch = as_images(images, self.image_shape)  # (N, H, W) or (N, H, W, 3)
        if batch is not images:  # arrays have no device; uint8 tensors stay where their caller put them
            batch = batch.to(self.linear.weight.device)
        return self.features.outputs(self.features.projections(batch), self.linear.weight, self.linear.bias)

    def logits_and_novelty(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """The logits (N, C) of images uint8 (N, *image_shape), and how unlike every class each is (N,); None without a detector."""
        projections = self.features.projections(images)
        if self.ood_detector is None:
            return self.features.outputs(projections, self.linear.weight, self.linear.bias), None
        return self.ood_detector.logits_and_scores(self.features, projections, self.linear)

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(H, W) or (H, W, 3); (D,) of a model of embeddings."""
        return self.features.image_shape

    @property
    def takes_images(self) -> bool:
        """Whether it takes images, not embeddings."""
        return len(self.image_shape) > 1

    def check_reads_pictures(self) -> None:
        """Raise a RunError if the model takes embeddings, which no picture becomes."""
        if not self.takes_images:
            raise RunError("embeddings.no_pictures")

    def check_has_evidence(self) -> None:
        """Raise a RunError unless each pixel's contribution to a logit is known: not of embeddings, nor of a deep network."""
        self.check_reads_pictures()
        if not FEATURE_MAPS[self.features.name].has_evidence:
            raise RunError("backbone.no_evidence", features=self.features.name)

    def check_images(self, images: Tensor, where: object) -> None:
        """Raise a DataError that begins with `where` if the images are not of the size the model takes."""
        if tuple(images.shape[1:]) != self.image_shape:
            found, expected = (" x ".join(map(str, shape)) for shape in (images.shape[1:], self.image_shape))
            raise DataError(
                "dataset.model_shape" if self.takes_images else "embeddings.dim", where=where, found=found, expected=expected
            )

    @torch.inference_mode()
    def logits(self, images: Tensor | NDArray[Any]) -> Tensor:
        """The logits (N, C), on the CPU, of any number of images, computed without gradients a thousand at a time."""
        return torch.cat(
            [self(chunk.to(self.linear.weight.device)).cpu() for chunk in pieces(as_images(images, self.image_shape), BATCH_SIZE)]
        )  # (N, C)

    def predict_proba(self, images: Tensor | NDArray[Any]) -> Tensor:
        """The probabilities (N, C), softmax of `logits`; calibrated if the recipe asked for it."""
        return torch.softmax(self.logits(images), dim=1)

    def classify(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The logits and probabilities, each (..., C), of features x (..., D)."""
        logits = self.linear(x)
        return logits, torch.softmax(logits, dim=-1)

    @default_torch()
    def set_theta(self, theta: Tensor) -> None:
        """Copy weights and bias from theta (C, D + 1), the bias last."""
        with torch.no_grad():
            self.linear.weight.copy_(theta[:, :-1])
            self.linear.bias.copy_(theta[:, -1])

    def named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """All weights and buffers by name, in alphabetical order."""
        yield from sorted(self.state_dict().items())
