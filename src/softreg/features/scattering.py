"""The feature map `scattering`: Morlet wavelets, modulus, wavelets again, modulus, pooled (Bruna and Mallat, PAMI 35, 2013).

With psi_{j,a} the Morlet wavelet of scale 2^j and angle a, of 8, and g_k a Gaussian window of cell k, the activations are::

    I,      |I * psi_{0,a}|,      |I * psi_{1,a}|,      ||I * psi_{0,a}| * psi_{1,b}|

1 + 8 + 8 + 64 = 81 channels. Small deformations of the strokes change them little; edges, corners and crossings stay distinct.

A convolution of one channel with small kernels makes poor use of a processor, so here each row of outputs is one
matrix product. Rows y..y+k-1 of an image are 28 k numbers in a row of memory; with the kernels laid out as a banded matrix
(28 k, 2 A W) their product is a whole row of outputs. It does 3 times the arithmetic and takes half the time.
Second-order maps are smooth and are computed at every second pixel only.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from softreg.features.graph_builder import GraphBuilder
from softreg.features.pooled import Pooled, windows
from softreg.image_format import SIDE

ANGLES = 8
SIZES = (9, 13)  # pixels a side, of scale 0 and 1; the envelopes have fallen below 2 % of their peak along the wave
CELLS, SPACING, WIDTH = 7, 4.0, 1.7  # of the pooling, in pixels


def morlet(size: int, scale: int, angle: float) -> Tensor:
    """The Morlet wavelet of scale 2^scale, complex128 (size, size), of mean zero; x to the right, y down.

    psi(x) = exp(-(u^2 + v^2/4) / (2 s^2)) (exp(i w u) - kappa), s = 0.8 2^scale, w = 3 pi/4 2^-scale, u along the wave and v along
    its crest, twice as long. kappa makes the mean zero, so that the response to a flat area is zero.
    """
    sigma, frequency = 0.8 * 2**scale, 0.75 * math.pi / 2**scale
    y, x = torch.meshgrid(*[torch.arange(size, dtype=torch.float64) - size // 2] * 2, indexing="ij")
    u, v = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    envelope = torch.exp(-(u.square() + v.square() / 4) / (2 * sigma**2)) / (4 * math.pi * sigma**2)
    wave = torch.polar(torch.ones_like(u), frequency * u)
    psi: Tensor = envelope * (wave - (envelope * wave).sum() / envelope.sum())
    return psi


def filter_bank(scale: int) -> Tensor:
    """The wavelets of one scale at all angles: complex128 (A, size, size)."""
    return torch.stack([morlet(SIZES[scale], scale, math.pi * a / ANGLES) for a in range(ANGLES)])


def banded(scale: int, stride: int) -> Tensor:
    """The wavelets of one scale as a matrix (28 size, 2 A W), W = 28 / stride: from `size` rows of pixels to one row of outputs."""
    size = SIZES[scale]
    bank = filter_bank(scale)
    kernels = torch.cat([bank.real, bank.imag]).float()  # (2A, size, size)
    places = SIDE // stride
    matrix = torch.zeros(size, SIDE + size - 1, 2 * ANGLES, places)  # with the columns of the padding
    for place in range(places):
        matrix[:, place * stride : place * stride + size, :, place] = kernels.permute(1, 2, 0)
    return matrix[:, size // 2 : size // 2 + SIDE].reshape(SIDE * size, -1).contiguous()


class Scattering(Pooled):
    """x of `Pooled` from 81 scattering channels in 7 x 7 cells: D = 3,969. Only mean and deviation are fitted."""

    name = "scattering"

    def __init__(self) -> None:
        super().__init__((1 + ANGLES + ANGLES + ANGLES**2) * CELLS**2)
        for name, tensor in (("first", banded(0, 1)), ("second", banded(1, 2))):
            self.register_buffer(name, tensor, persistent=False)  # follow from the constants above
        self.register_buffer("fine", windows(SIDE, CELLS, WIDTH, SPACING), persistent=False)
        self.register_buffer("coarse", windows(SIDE // 2, CELLS, WIDTH, SPACING), persistent=False)
        self.first: Tensor
        self.second: Tensor
        self.fine: Tensor
        self.coarse: Tensor

    def activations(self, ink: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Upright images (B, 28, 28) -> ink, first order at scales 0 and 1, second order, each (H, B, C, W) with its windows."""
        b = len(ink)
        first = modulus(ink, self.first, 1)  # (28, B, A, 28)
        second = modulus(ink, self.second, 2)  # (14, B, A, 14)
        maps = first.permute(1, 2, 0, 3).reshape(-1, SIDE, SIDE)  # (B A, 28, 28)
        second_order = modulus(maps, self.second, 2).view(SIDE // 2, b, ANGLES**2, SIDE // 2)
        return [
            (ink.permute(1, 0, 2)[:, :, None], self.fine),
            (first, self.fine),
            (second, self.coarse),
            (second_order, self.coarse),
        ]

    def activations_onnx(self, graph: GraphBuilder, image: str) -> list[tuple[str, Tensor]]:
        """The same four groups of upright images (N, 1, 28, 28); the wavelets are convolutions."""
        first = _modulus_onnx(graph, image, 0, 1)  # (N, A, 28, 28)
        second = _modulus_onnx(graph, image, 1, 2)  # (N, A, 14, 14)
        second_order = _modulus_onnx(graph, first, 1, 2, maps=ANGLES)  # (N, A^2, 14, 14)
        return [(image, self.fine), (first, self.fine), (second, self.coarse), (second_order, self.coarse)]


def modulus(images: Tensor, matrix: Tensor, stride: int) -> Tensor:
    """|images * psi| for all angles: images (B, 28, 28), matrix (28 size, 2 A W) -> (H, B, A, W), H = W = 28 / stride."""
    size, places = len(matrix) // SIDE, SIDE // stride
    rows = pad(images, (0, 0, size // 2, size // 2)).flatten(1)  # (B, 28 (28 + size - 1))
    out = images.new_empty(places, len(images), matrix.shape[1] // 2)
    for y in range(places):
        wave = (rows[:, SIDE * stride * y : SIDE * (stride * y + size)] @ matrix).square_()  # (B, 2 A W)
        real, imaginary = wave.chunk(2, dim=1)
        torch.add(real, imaginary, out=out[y])
    return out.sqrt_().view(places, len(images), ANGLES, places)


def _modulus_onnx(graph: GraphBuilder, image: str, scale: int, stride: int, maps: int = 1) -> str:
    """`modulus` of each of `maps` maps: (N, maps, 28, 28) -> (N, maps A, 28 / stride, 28 / stride)."""
    bank, padding = filter_bank(scale)[:, None], [SIZES[scale] // 2] * 4  # (A, 1, size, size)
    kernels = [graph.constant(part.float().repeat(maps, 1, 1, 1)) for part in (bank.real, bank.imag)]
    waves = [graph.node("Conv", image, kernel, group=maps, pads=padding, strides=[stride] * 2) for kernel in kernels]
    return graph.node("Sqrt", graph.node("Add", *[graph.node("Mul", wave, wave) for wave in waves]))
