"""The feature map `deskew`: the digit centred and its slant removed, using image moments.

With the ink I(x, y) of an image as a mass, its centre (cx, cy), and the moments mu_pq = sum (x - cx)^p (y - cy)^q I(x, y),
a slanted stroke has mu_11 /= 0. The shear x -> x + a (y - cy), a = mu_11 / mu_02, brings mu_11 to zero and only shifts
each row (Teow and Loe, Robust vision-based features and classification schemes for off-line handwritten digit recognition,
Pattern Recognition 35, 2002). Shifting by linear interpolation keeps a row's mass and its mean exactly, so the moments of
the result are zero up to rounding, except where a shift moves ink over the edge.
"""

from typing import Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from softreg.features.feature_map import FeatureMap
from softreg.features.graph_builder import GraphBuilder
from softreg.image_format import SIDE

CENTRE = SIDE / 2  # the coordinate of the centre of mass in MNIST's images
MAX_SLANT = 1.0  # 45 degrees: digits are not slanted more than that, and a horizontal line must not be sheared


def deskew(images: Tensor) -> Tensor:
    """Images (N, 28, 28), uint8 or float in 0 to 255 -> the same digits centred and upright, float32 (N, 28, 28) in [0, 1]."""
    ink = images.float() / 255
    return warp(ink, *alignment(ink))


def alignment(ink: Tensor) -> tuple[Tensor, Tensor]:
    """By how much to shift each column (N, 1), then each row (N, 28), of images (N, 28, 28) to centre and deskew them."""
    down = _centre(ink.sum(2))[:, None] - CENTRE  # (N, 1)
    ink = _shift(ink.mT, down).mT  # this comes first because it changes mu_02
    rows = ink.sum(2)  # (N, 28), mass of each row
    y = torch.arange(float(SIDE), device=ink.device) - CENTRE  # (28,)
    first_moments = ink @ (y + CENTRE)  # (N, 28), sum over x of x I
    centre = _centre(ink.sum(1))[:, None]  # (N, 1)
    mu_11 = (first_moments - centre * rows) @ y  # (N,)
    slant = (mu_11 / (rows @ y.square()).clamp_min(1e-6)).clamp(-MAX_SLANT, MAX_SLANT)
    return down, centre - CENTRE + slant[:, None] * y


def warp(ink: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Images (N, 28, 28) with their columns shifted by `down` (N, 1), then their rows by `across` (N, 28); linear in the images."""
    return _shift(_shift(ink.mT, down).mT, across)


def unwarp(evidence: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Evidence on the pixels of warped images (N, 28, 28), moved back to the original pixels; each image's sum is kept.

    A warped pixel is a mean of original ones, with weights that sum to one: each original pixel gets its weight's share. The share
    of positions outside the image is spread evenly over it.
    """
    with torch.enable_grad():
        ink = torch.ones_like(evidence, requires_grad=True)
        whole = warp(ink, down, across)  # (N, 28, 28), the sums of the weights: less than one at the edges
        inside = torch.where(whole > 1e-6, evidence / whole.detach().clamp_min(1e-6), 0.0)
        (shares,) = torch.autograd.grad((whole * inside).sum(), ink)
    lost = evidence.sum((1, 2), keepdim=True) - shares.sum((1, 2), keepdim=True)
    return shares + lost / SIDE**2


def _centre(mass: Tensor) -> Tensor:
    """The mean position (N,) of masses (N, 28) on a line; the middle where there is no mass."""
    position = torch.arange(float(SIDE), device=mass.device)
    total = mass.sum(1)
    return torch.where(total > 0, mass @ position / total.clamp_min(1e-6), CENTRE)


def _shift(ink: Tensor, by: Tensor) -> Tensor:
    """out[n, y, x] = ink[n, y, x + by[n, y]], linearly interpolated, zero outside; ink (N, 28, 28), by (N, 28) or (N, 1)."""
    whole = by.floor()
    part = (by - whole)[:, :, None]  # (N, 28 or 1, 1)
    left = torch.arange(SIDE, device=ink.device) + whole.long()[:, :, None] + 1  # (N, 28 or 1, 28), in the padded row
    padded = pad(ink, (1, 1))  # (N, 28, 30)
    left, right = (index.clamp(0, SIDE + 1).expand(len(ink), SIDE, SIDE) for index in (left, left + 1))
    return torch.lerp(padded.gather(2, left), padded.gather(2, right), part)


class Deskew(FeatureMap):
    """x = the pixels of the deskewed image, in [0, 1]."""

    name = "deskew"
    dim = SIDE * SIDE

    def fit(self, images: Tensor, seed: int) -> Self:
        """Do nothing: there is nothing to fit."""
        return self

    def transform(self, images: Tensor) -> Tensor:
        """Images (N, 28, 28) -> (N, 784) float32."""
        return deskew(images).flatten(1)

    def attribute(self, images: Tensor, weight: Tensor) -> Tensor:
        """An upright pixel is a mean of original ones; each of these gets the part of the evidence that its own ink made."""
        ink = images.float() / 255
        down, across = alignment(ink)
        with torch.enable_grad():
            leaf = ink.clone().requires_grad_()
            (gradient,) = torch.autograd.grad((warp(leaf, down, across).flatten(1) @ weight).sum(), leaf)
        return gradient * ink

    def to_onnx(self, graph: GraphBuilder, ink: str) -> str:
        """Images (N, 28, 28) in [0, 1] -> (N, 784)."""
        return graph.node("Flatten", deskew_onnx(graph, ink), axis=1)


def deskew_onnx(graph: GraphBuilder, ink: str) -> str:
    """`deskew` as nodes of an ONNX graph: images (N, 28, 28) in [0, 1] -> (N, 28, 28)."""
    pixel, offset = np.arange(SIDE, dtype=np.float32)[:, None], graph.constant(CENTRE)  # (28, 1)
    position, y = graph.constant(pixel), graph.constant(pixel - CENTRE)
    transposed = graph.node("Transpose", ink, perm=[0, 2, 1])
    down = graph.node("Sub", _centre_onnx(graph, graph.sum(transposed, 1), position), offset)  # (N, 1, 1)
    ink = graph.node("Transpose", _shift_onnx(graph, transposed, down), perm=[0, 2, 1])
    rows, mass = graph.sum(ink, 2), graph.sum(ink, 1)  # (N, 28, 1), (N, 1, 28)
    first_moments = graph.node("MatMul", ink, position)  # (N, 28, 1)
    centre = _centre_onnx(graph, mass, position)  # (N, 1, 1)
    centred = graph.node("Sub", first_moments, graph.node("Mul", centre, rows))
    mu_11 = graph.sum(graph.node("Mul", centred, y), 1)
    mu_02 = graph.sum(graph.node("Mul", rows, graph.node("Mul", y, y)), 1)  # (N, 1, 1)
    slant = graph.node("Div", mu_11, graph.node("Max", mu_02, graph.constant(1e-6)))
    slant = graph.node("Clip", slant, graph.constant(-MAX_SLANT), graph.constant(MAX_SLANT))
    across = graph.node("Add", graph.node("Sub", centre, offset), graph.node("Mul", slant, y))  # (N, 28, 1)
    return _shift_onnx(graph, ink, across)


def _centre_onnx(graph: GraphBuilder, mass: str, position: str) -> str:
    """`_centre`: the mean position (N, 1, 1) of masses (N, 1, 28)."""
    total = graph.sum(mass, 2)
    mean = graph.node("Div", graph.node("MatMul", mass, position), graph.node("Max", total, graph.constant(1e-6)))
    return graph.node("Where", graph.node("Greater", total, graph.constant(0.0)), mean, graph.constant(CENTRE))


def _shift_onnx(graph: GraphBuilder, ink: str, by: str) -> str:
    """`_shift`, of ink (N, 28, 28) by (N, 28 or 1, 1), as a product with a matrix of hat functions.

    out[x] = sum_x' max(0, 1 - |x + by - x'|) I[x'] needs neither floor nor gather, and is the same up to rounding.
    """
    pixel = np.arange(SIDE, dtype=np.float32)
    by = graph.node("Unsqueeze", by, graph.constant([3]))  # (N, R, 1, 1)
    distance = graph.node("Add", by, graph.constant(pixel[None, :] - pixel[:, None]))  # (N, R, 28, 28), x + by - x'
    hats = graph.node("Relu", graph.node("Sub", graph.constant(1.0), graph.node("Abs", distance)))
    rows = graph.node("Unsqueeze", ink, graph.constant([2]))  # (N, 28, 1, 28)
    return graph.node("Squeeze", graph.node("MatMul", rows, hats), graph.constant([2]))
