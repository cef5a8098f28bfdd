"""The feature map `deskew`: the digit centred and its slant removed, using image moments.

With the ink I(x, y) of an image as a mass, its centre (cx, cy), and the moments mu_pq = sum (x - cx)^p (y - cy)^q I(x, y),
a slanted stroke has mu_11 /= 0. The shear x -> x + a (y - cy), a = mu_11 / mu_02, brings mu_11 to zero and only shifts
each row (Teow and Loe, Robust vision-based features and classification schemes for off-line handwritten digit recognition,
Pattern Recognition 35, 2002). Shifting by linear interpolation keeps a row's mass and its mean exactly, so the moments of
the result are zero up to rounding, except where a shift moves ink over the edge.
"""

from math import prod
from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from softreg.features.feature_map import FeatureMap
from softreg.features.graph_builder import GraphBuilder
from softreg.image_format import SIDE

MAX_SLANT = 1.0  # 45 degrees: digits are not slanted more than that, and a horizontal line must not be sheared


def deskew(images: Tensor) -> Tensor:
    """Images (N, H, W), uint8 or float in 0 to 255 -> the same digits centred and upright, float32 (N, H, W) in [0, 1]."""
    ink = images.float() / 255
    return warp(ink, *alignment(ink))


def alignment(ink: Tensor) -> tuple[Tensor, Tensor]:
    """By how much to shift each column (N, 1), then each row (N, H), of images (N, H, W) to centre and deskew them."""
    height, width = ink.shape[1:]
    down = _centre(ink.sum(2))[:, None] - height / 2  # (N, 1)
    ink = _shift(ink.mT, down).mT  # this comes first because it changes mu_02
    rows = ink.sum(2)  # (N, H), mass of each row
    y = torch.arange(float(height), device=ink.device) - height / 2  # (H,)
    x = torch.arange(float(width), device=ink.device)  # (W,)
    first_moments = ink @ x  # (N, H), sum over x of x I
    centre = _centre(ink.sum(1))[:, None]  # (N, 1)
    mu_11 = (first_moments - centre * rows) @ y  # (N,)
    slant = (mu_11 / (rows @ y.square()).clamp_min(1e-6)).clamp(-MAX_SLANT, MAX_SLANT)
    return down, centre - width / 2 + slant[:, None] * y


def centring(ink: Tensor) -> tuple[Tensor, Tensor]:
    """By how much to shift all columns (N, 1), then all rows (N, 1), of images (N, H, W) to centre them; their slant is kept."""
    height, width = ink.shape[1:]
    return _centre(ink.sum(2))[:, None] - height / 2, _centre(ink.sum(1))[:, None] - width / 2


def warp(ink: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Images (N, H, W) with their columns shifted by `down` (N, 1), then their rows by `across` (N, H); linear in the images."""
    return _shift(_shift(ink.mT, down).mT, across)


def unwarp(evidence: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Evidence on the pixels of warped images (N, H, W), moved back to the original pixels; each image's sum is kept.

    A warped pixel is a mean of original ones, with weights that sum to one: each original pixel gets its weight's share. The share
    of positions outside the image is spread evenly over it.
    """
    with torch.enable_grad():
        ink = torch.ones_like(evidence, requires_grad=True)
        whole = warp(ink, down, across)  # (N, H, W), the sums of the weights: less than one at the edges
        inside = torch.where(whole > 1e-6, evidence / whole.detach().clamp_min(1e-6), 0.0)
        (shares,) = torch.autograd.grad((whole * inside).sum(), ink)
    lost = evidence.sum((1, 2), keepdim=True) - shares.sum((1, 2), keepdim=True)
    return shares + lost / evidence[0].numel()


def _centre(mass: Tensor) -> Tensor:
    """The mean position (N,) of masses (N, 28) on a line; the middle where there is no mass."""
    position = torch.arange(float(mass.shape[1]), device=mass.device)
    total = mass.sum(1)
    return torch.where(total > 0, mass @ position / total.clamp_min(1e-6), mass.shape[1] / 2)


def _shift(ink: Tensor, by: Tensor) -> Tensor:
    """out[n, y, x] = ink[n, y, x + by[n, y]], linearly interpolated, zero outside; ink (N, H, W), by (N, H) or (N, 1)."""
    height, width = ink.shape[1:]
    whole = by.floor()
    part = (by - whole)[:, :, None]  # (N, H or 1, 1)
    left = torch.arange(width, device=ink.device) + whole.long()[:, :, None] + 1  # (N, H or 1, W), in the padded row
    padded = pad(ink, (1, 1))  # (N, H, W + 2)
    left, right = (index.clamp(0, width + 1).expand(len(ink), height, width) for index in (left, left + 1))
    return torch.lerp(padded.gather(2, left), padded.gather(2, right), part)


class Deskew(FeatureMap):
    """x = the pixels of the deskewed image, in [0, 1]."""

    name = "deskew"

    def __init__(self, image_shape: tuple[int, ...] = (SIDE, SIDE)) -> None:
        super().__init__()
        self.image_shape, self.dim = image_shape, prod(image_shape)

    def fit(self, images: Tensor, seed: int) -> Self:
        """Do nothing: there is nothing to fit."""
        return self

    def transform(self, images: Tensor) -> Tensor:
        """Images (N, H, W) -> (N, H W) float32."""
        return deskew(images).flatten(1)

    def attribute(self, images: Tensor, weight: Tensor) -> Tensor:
        """An upright pixel is a mean of original ones; each of these gets the part of the evidence that its own ink made."""
        ink = images.float() / 255
        down, across = alignment(ink)
        with torch.enable_grad():
            leaf = ink.repeat(max(1, weight.numel() // self.dim // len(ink)), 1, 1).requires_grad_()
            (gradient,) = torch.autograd.grad((warp(leaf, down, across).flatten(1) * weight).sum(), leaf)
        return gradient * ink

    def to_onnx(self, graph: GraphBuilder, ink: str) -> str:
        """Images (N, H, W) in [0, 1] -> (N, H W)."""
        return graph.node("Flatten", deskew_onnx(graph, ink, *self.image_shape), axis=1)


def deskew_onnx(graph: GraphBuilder, ink: str, height: int = SIDE, width: int = SIDE) -> str:
    """`deskew` as nodes of an ONNX graph: images (N, H, W) in [0, 1] -> (N, H, W)."""
    rows_at, columns_at = (np.arange(side, dtype=np.float32)[:, None] for side in (height, width))  # (H, 1), (W, 1)
    y, x = graph.constant(rows_at - height / 2), graph.constant(columns_at)
    ink = _centre_rows_onnx(graph, ink, height)
    rows, mass = graph.sum(ink, 2), graph.sum(ink, 1)  # (N, H, 1), (N, 1, W)
    first_moments = graph.node("MatMul", ink, x)  # (N, H, 1)
    centre = _centre_onnx(graph, mass, x, width)  # (N, 1, 1)
    centred = graph.node("Sub", first_moments, graph.node("Mul", centre, rows))
    mu_11 = graph.sum(graph.node("Mul", centred, y), 1)
    mu_02 = graph.sum(graph.node("Mul", rows, graph.node("Mul", y, y)), 1)  # (N, 1, 1)
    slant = graph.node("Div", mu_11, graph.node("Max", mu_02, graph.constant(1e-6)))
    slant = graph.node("Clip", slant, graph.constant(-MAX_SLANT), graph.constant(MAX_SLANT))
    across = graph.node("Add", graph.node("Sub", centre, graph.constant(width / 2)), graph.node("Mul", slant, y))  # (N, H, 1)
    return _shift_onnx(graph, ink, across, width)


def centre_onnx(graph: GraphBuilder, ink: str, height: int = SIDE, width: int = SIDE) -> str:
    """Images (N, H, W) in [0, 1], shifted as `centring` says -> (N, H, W)."""
    x = graph.constant(np.arange(width, dtype=np.float32)[:, None])  # (W, 1)
    across = graph.node("Sub", _centre_onnx(graph, graph.sum(ink, 1), x, width), graph.constant(width / 2))  # (N, 1, 1)
    return _shift_onnx(graph, _centre_rows_onnx(graph, ink, height), across, width)


def _centre_rows_onnx(graph: GraphBuilder, ink: str, height: int) -> str:
    """Images (N, H, W) with their columns shifted so that the middle of the ink is halfway down."""
    transposed = graph.node("Transpose", ink, perm=[0, 2, 1])
    y = graph.constant(np.arange(height, dtype=np.float32)[:, None])  # (H, 1)
    down = graph.node("Sub", _centre_onnx(graph, graph.sum(transposed, 1), y, height), graph.constant(height / 2))  # (N, 1, 1)
    return graph.node("Transpose", _shift_onnx(graph, transposed, down, height), perm=[0, 2, 1])


def _centre_onnx(graph: GraphBuilder, mass: str, position: str, length: int) -> str:
    """`_centre`: the mean position (N, 1, 1) of masses (N, 1, W)."""
    total = graph.sum(mass, 2)
    mean = graph.node("Div", graph.node("MatMul", mass, position), graph.node("Max", total, graph.constant(1e-6)))
    return graph.node("Where", graph.node("Greater", total, graph.constant(0.0)), mean, graph.constant(length / 2))


def _shift_onnx(graph: GraphBuilder, ink: str, by: str, width: int) -> str:
    """`_shift`, of ink (N, H, W) by (N, H or 1, 1), as a product with a matrix of hat functions.

    out[x] = sum_x' max(0, 1 - |x + by - x'|) I[x'] needs neither floor nor gather, and is the same up to rounding.
    """
    pixel = np.arange(width, dtype=np.float32)
    by = graph.node("Unsqueeze", by, graph.constant([3]))  # (N, R, 1, 1)
    distance = graph.node("Add", by, graph.constant(pixel[None, :] - pixel[:, None]))  # (N, R, W, W), x + by - x'
    hats = graph.node("Relu", graph.node("Sub", graph.constant(1.0), graph.node("Abs", distance)))
    rows = graph.node("Unsqueeze", ink, graph.constant([2]))  # (N, H, 1, W)
    return graph.node("Squeeze", graph.node("MatMul", rows, hats), graph.constant([2]))
