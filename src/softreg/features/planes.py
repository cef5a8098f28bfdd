"""What `patches` and `scattering` see of an image: planes of numbers in [0, 1], at most 32 pixels a side.

Grey images of 28 x 28 are taken to be MNIST's: ink on an empty background. They are deskewed, and it is dark beyond the edge. Any
other image fills its frame: it is left as it stands, and beyond the edge the outermost pixels continue. One that is larger than
32 pixels is reduced by means over areas, as Coates, Lee and Ng (AISTATS 2011) reduce the 96 x 96 pixels of STL-10 to 32 x 32.
"""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from softreg.data.dataset import MIN_SIDE
from softreg.features.deskew import alignment, centre_onnx, centring, deskew_onnx, unwarp, warp
from softreg.features.graph_builder import GraphBuilder
from softreg.image_format import SIDE

MAX_SIDE = 32  # pixels, of a plane


class Planes(nn.Module):
    """Images uint8 (B, *image_shape) -> planes (B, P, H, W), P = 1 or 3.

    Attributes
    ----------
    count, height, width : P, H and W
    edge : what is beyond the edge, as `torch.nn.functional.pad` and ONNX's Pad call it
    """

    edge: ClassVar[tuple[str, str]]

    def __init__(self, count: int, height: int, width: int) -> None:
        super().__init__()
        self.count, self.height, self.width = count, height, width

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 (B, *image_shape) -> planes (B, P, H, W) in [0, 1]."""

    @abstractmethod
    def mass(self, planes: Tensor) -> Tensor:
        """How much of a filter's evidence each pixel of planes (B, P, H, W) may take: (B, H, W) >= 0."""

    @abstractmethod
    def to_image(self, evidence: Tensor, images: Tensor) -> Tensor:
        """Evidence on the pixels of planes (B, H, W), moved to those of the images they were made from; each sum is kept."""

    @abstractmethod
    def to_onnx(self, graph: GraphBuilder, ink: str) -> str:
        """Images (N, *image_shape) in [0, 1] -> planes (N, P, H, W)."""

    def padded(self, planes: Tensor, margin: int) -> Tensor:
        """Planes (..., H, W), at least three axes, with `margin` more pixels on every side."""
        return pad(planes, [margin] * 4, mode=self.edge[0])

    def padded_onnx(self, graph: GraphBuilder, planes: str, margin: int) -> str:
        """`padded` of planes (N, P, H, W)."""
        return graph.node("Pad", planes, graph.constant([0, 0, margin, margin] * 2), mode=self.edge[1])


class DeskewedPlane(Planes):
    """One plane: the digit centred and upright."""

    edge = "constant", "constant"

    def __init__(self) -> None:
        super().__init__(1, SIDE, SIDE)

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 (B, 28, 28) -> (B, 1, 28, 28)."""
        ink = images.float() / 255
        return warp(ink, *alignment(ink))[:, None]

    def mass(self, planes: Tensor) -> Tensor:
        """The ink."""
        return planes[:, 0]

    def to_image(self, evidence: Tensor, images: Tensor) -> Tensor:
        """Evidence on upright pixels, moved back through the shear."""
        return unwarp(evidence, *alignment(images.float() / 255))

    def to_onnx(self, graph: GraphBuilder, ink: str) -> str:
        """Images (N, 28, 28) in [0, 1] -> (N, 1, 28, 28)."""
        return graph.add_channel(deskew_onnx(graph, ink))


class CentredPlane(DeskewedPlane):
    """One plane: the digit centred, its slant kept."""

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 (B, 28, 28) -> (B, 1, 28, 28)."""
        ink = images.float() / 255
        return warp(ink, *centring(ink))[:, None]

    def to_image(self, evidence: Tensor, images: Tensor) -> Tensor:
        """Evidence on centred pixels, moved back."""
        return unwarp(evidence, *centring(images.float() / 255))

    def to_onnx(self, graph: GraphBuilder, ink: str) -> str:
        """Images (N, 28, 28) in [0, 1] -> (N, 1, 28, 28)."""
        return graph.add_channel(centre_onnx(graph, ink))


class ReducedPlanes(Planes):
    """One plane, or one for each colour, at most 32 pixels a side.

    Buffers: rows (H, height of the image) and columns (W, width of the image), so that a plane is rows @ image @ columns^T.
    """

    edge = "replicate", "edge"

    def __init__(self, image_shape: tuple[int, ...]) -> None:
        scale = min(1.0, MAX_SIDE / max(image_shape[:2]))
        height, width = (max(MIN_SIDE, round(scale * side)) for side in image_shape[:2])
        super().__init__((*image_shape[2:], 1)[0], height, width)
        for name, side, places in zip(("rows", "columns"), image_shape, (height, width), strict=False):
            self.register_buffer(name, area_means(side, places), persistent=False)
        self.rows: Tensor
        self.columns: Tensor

    def forward(self, images: Tensor) -> Tensor:
        """Images uint8 (B, H', W') or (B, H', W', 3) -> (B, P, H, W)."""
        planes = images[:, None] if images.ndim == 3 else images.permute(0, 3, 1, 2)
        planes = planes.float() / 255
        return planes if planes.shape[2:] == (self.height, self.width) else self.rows @ planes @ self.columns.T

    def mass(self, planes: Tensor) -> Tensor:
        """The same of every pixel: what is dark in a picture says as much as what is bright."""
        return torch.ones_like(planes[:, 0])

    def to_image(self, evidence: Tensor, images: Tensor) -> Tensor:
        """The evidence of a mean, shared by the pixels it was taken of as they were weighted."""
        return self.rows.T @ evidence @ self.columns

    def to_onnx(self, graph: GraphBuilder, ink: str) -> str:
        """Images (N, H', W') or (N, H', W', 3) in [0, 1] -> (N, P, H, W)."""
        planes = graph.add_channel(ink) if self.count == 1 else graph.node("Transpose", ink, perm=[0, 3, 1, 2])
        if (self.height, self.width) == (self.rows.shape[1], self.columns.shape[1]):
            return planes
        across = graph.node("MatMul", planes, graph.constant(self.columns.T))
        return graph.node("MatMul", graph.constant(self.rows), across)


def planes_of(image_shape: tuple[int, ...]) -> Planes:
    """The planes of images (H, W) or (H, W, 3)."""
    return DeskewedPlane() if image_shape == (SIDE, SIDE) else ReducedPlanes(image_shape)


def area_means(side: int, places: int) -> Tensor:
    """The matrix (places, side) that replaces `side` pixels by `places` means over intervals of equal length."""
    ends = torch.arange(places + 1, dtype=torch.float64) * side / places
    pixel = torch.arange(side, dtype=torch.float64)
    overlap = torch.minimum(ends[1:, None], pixel + 1) - torch.maximum(ends[:-1, None], pixel)
    return (overlap.clamp_min(0) * places / side).float()
