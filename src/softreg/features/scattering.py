"""The feature map `scattering`: Morlet wavelets, modulus, wavelets again, modulus, pooled (Bruna and Mallat, PAMI 35, 2013).

With psi_{j,a} the Morlet wavelet of scale 2^j and angle a, of 8, and g_k a Gaussian window of cell k, the activations are::

    I,      |I * psi_{0,a}|,      |I * psi_{1,a}|,      ||I * psi_{0,a}| * psi_{1,b}|

1 + 8 + 8 + 64 = 81 channels. Small deformations of the strokes change them little; edges, corners and crossings stay distinct.
Of colour there are 81 for each of Y, Cb and Cr, as Oyallon and Mallat (Deep roto-translation scattering, CVPR 2015) have them.

A convolution of one channel with small kernels makes poor use of a processor, so here each row of outputs is one
matrix product. Rows y..y+k-1 of a plane of width W are W k numbers in a row of memory; with the kernels laid out as a banded matrix
(W k, 2 A W') their product is a whole row of outputs. It does 3 times the arithmetic and takes half the time.
Second-order maps are smooth and are computed at every second pixel only.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from softreg.features.graph_builder import GraphBuilder
from softreg.features.pooled import Pooled, Windows, windows
from softreg.image_format import SIDE

ANGLES = 8
SIZES = (9, 13)  # pixels a side, of scale 0 and 1; the envelopes have fallen below 2 % of their peak along the wave
CELLS, SPACING, WIDTH = 7, 4.0, 1.7  # of the pooling, in pixels of 28
YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))  # of RGB, as in JPEG's JFIF
MIDDLE = (0.0, 0.5, 0.5)  # added: each of the three is in [0, 1]


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


def banded(scale: int, stride: int, width: int, edge: str) -> Tensor:
    """The wavelets of one scale as a matrix (W size, 2 A W'), W' = W / stride: from `size` rows of pixels to one row of outputs.

    `edge` says what is beyond the first and the last column, as in `torch.nn.functional.pad`: "constant" (zero) or "replicate".
    """
    size = SIZES[scale]
    bank = filter_bank(scale)
    kernels = torch.cat([bank.real, bank.imag]).float()  # (2A, size, size)
    places, margin = -(-width // stride), size // 2
    padded = torch.zeros(size, width + 2 * margin, 2 * ANGLES, places)
    for place in range(places):
        padded[:, place * stride : place * stride + size, :, place] = kernels.permute(1, 2, 0)
    matrix = padded[:, margin : margin + width]
    if edge == "replicate":  # what would read the padding reads the pixel at the edge
        matrix[:, 0] += padded[:, :margin].sum(1)
        matrix[:, -1] += padded[:, margin + width :].sum(1)
    return matrix.reshape(width * size, -1).contiguous()


class Scattering(Pooled):
    """x of `Pooled` from 81 scattering channels, in colour 3 x 81, in 7 x 7 cells: D = 3,969 or 11,907.

    Only mean and deviation are fitted.
    """

    name = "scattering"

    def __init__(self, image_shape: tuple[int, ...] = (SIDE, SIDE)) -> None:
        super().__init__(image_shape, 3 ** (len(image_shape) - 2) * (1 + ANGLES + ANGLES + ANGLES**2), CELLS)
        planes = self.planes
        for name, scale, stride in (("first", 0, 1), ("second", 1, 2)):  # these follow from the constants above
            self.register_buffer(name, banded(scale, stride, planes.width, planes.edge[0]), persistent=False)
        for name, stride in (("fine", 1), ("coarse", 2)):
            self.register_buffer(name, windows(planes.height, stride, CELLS, WIDTH, SPACING), persistent=False)
            self.register_buffer(f"{name}_across", windows(planes.width, stride, CELLS, WIDTH, SPACING), persistent=False)
        self.first: Tensor
        self.second: Tensor
        self.fine: Tensor
        self.fine_across: Tensor
        self.coarse: Tensor
        self.coarse_across: Tensor

    def activations(self, planes: Tensor) -> list[tuple[Tensor, Windows]]:
        """Planes (B, P, H, W) -> ink, first order at scales 0 and 1, second order, each (H', B, C, W') with its windows."""
        b = len(planes)
        channels = (planes if planes.shape[1] == 1 else ycbcr(planes)).flatten(0, 1)  # (B P, H, W)
        first = self.modulus(channels, self.first, 1)  # (H, B P, A, W)
        second = self.modulus(channels, self.second, 2)  # (H', B P, A, W')
        maps = first.permute(1, 2, 0, 3).reshape(-1, *channels.shape[1:])  # (B P A, H, W)
        second_order = self.modulus(maps, self.second, 2)  # (H', B P A, A, W')
        fine, coarse = self._windows()
        groups = ((channels.permute(1, 0, 2), fine), (first, fine), (second, coarse), (second_order, coarse))
        return [(u.reshape(len(u), b, -1, u.shape[-1]), g) for u, g in groups]

    def activations_onnx(self, graph: GraphBuilder, planes: str) -> list[tuple[str, Windows]]:
        """The same four groups of planes (N, P, H, W); the wavelets are convolutions."""
        count = self.planes.count
        if count == 3:
            matrix, middle = graph.constant(torch.tensor(YCBCR)[:, :, None, None]), graph.constant(torch.tensor(MIDDLE))
            planes = graph.node("Conv", planes, matrix, middle)
        first = self._modulus_onnx(graph, planes, 0, 1, count)  # (N, P A, H, W)
        second = self._modulus_onnx(graph, planes, 1, 2, count)  # (N, P A, H', W')
        second_order = self._modulus_onnx(graph, first, 1, 2, count * ANGLES)  # (N, P A^2, H', W')
        fine, coarse = self._windows()
        return [(planes, fine), (first, fine), (second, coarse), (second_order, coarse)]

    def _windows(self) -> tuple[Windows, Windows]:
        """Those over every pixel, and over every second."""
        return (self.fine, self.fine_across), (self.coarse, self.coarse_across)

    def modulus(self, images: Tensor, matrix: Tensor, stride: int) -> Tensor:
        """|images * psi| for all angles: images (B, H, W), matrix (W size, 2 A W') -> (H', B, A, W')."""
        height, width = images.shape[1:]
        size, places = len(matrix) // width, -(-height // stride)
        rows = pad(images, (0, 0, size // 2, size // 2), mode=self.planes.edge[0]).flatten(1)  # (B, (H + size - 1) W)
        out = images.new_empty(places, len(images), matrix.shape[1] // 2)
        for y in range(places):
            wave = (rows[:, width * stride * y : width * (stride * y + size)] @ matrix).square_()  # (B, 2 A W')
            real, imaginary = wave.chunk(2, dim=1)
            torch.add(real, imaginary, out=out[y])
        return out.sqrt_().view(places, len(images), ANGLES, -1)

    def _modulus_onnx(self, graph: GraphBuilder, image: str, scale: int, stride: int, maps: int) -> str:
        """`modulus` of each of `maps` maps: (N, maps, H, W) -> (N, maps A, H', W')."""
        bank, padded = filter_bank(scale)[:, None], self.planes.padded_onnx(graph, image, SIZES[scale] // 2)  # (A, 1, size, size)
        kernels = [graph.constant(part.float().repeat(maps, 1, 1, 1)) for part in (bank.real, bank.imag)]
        waves = [graph.node("Conv", padded, kernel, group=maps, strides=[stride] * 2) for kernel in kernels]
        return graph.node("Sqrt", graph.node("Add", *[graph.node("Mul", wave, wave) for wave in waves]))


def ycbcr(planes: Tensor) -> Tensor:
    """Red, green and blue (B, 3, H, W) in [0, 1] as brightness and two differences of colour, in [0, 1]."""
    mixed = torch.einsum("cp,bphw->bchw", planes.new_tensor(YCBCR), planes)
    return mixed + planes.new_tensor(MIDDLE)[:, None, None]
