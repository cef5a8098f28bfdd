"""Scattering against Morlet wavelets applied in the Fourier domain by NumPy: of digits, and of pictures of any size and colour."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from softreg.features.deskew import deskew
from softreg.features.scattering import Scattering
from tests.helpers.pooled_features import digits, gaussian_cells, planes_by_hand, standardised, textures


def fourier_convolution(images: NDArray[np.float64], scale: int, angle: float, edge: str) -> NDArray[np.complex128]:
    """Correlation of images (..., H, W) with a Morlet wavelet in the Fourier domain; `edge` as in `np.pad`."""
    size, sigma, omega = (9, 13)[scale], 0.8 * 2**scale, 3 * np.pi / 4 / 2**scale
    r = np.arange(size) - size // 2
    x, y = r[None, :], r[:, None]
    u, v = np.cos(angle) * x + np.sin(angle) * y, -np.sin(angle) * x + np.cos(angle) * y
    envelope = np.exp(-(u**2 + 0.25 * v**2) / (2 * sigma**2))
    wave = np.exp(1j * omega * u)
    psi = envelope * (wave - np.sum(envelope * wave) / np.sum(envelope)) / (4 * np.pi * sigma**2)
    height, width = images.shape[-2:]
    plane = np.zeros((64, 64), complex)
    plane[:size, :size] = np.conj(psi)
    field = np.zeros((*images.shape[:-2], 64, 64))
    margins = [(0, 0)] * (images.ndim - 2) + [(size // 2,) * 2] * 2
    field[..., : height + size - 1, : width + size - 1] = np.pad(images, margins, mode=edge)  # type: ignore[call-overload]
    spectrum = np.fft.fft2(field) * np.conj(np.fft.fft2(plane))
    result: NDArray[np.complex128] = np.fft.ifft2(spectrum)[..., :height, :width]
    return result


def pooled_channels(planes: NDArray[np.float64], edge: str) -> NDArray[np.float64]:
    """What `Scattering` pools of channels (N, P, H, W): (N, 81 P 49)."""
    angles = [np.pi * a / 8 for a in range(8)]
    first = np.stack([np.abs(fourier_convolution(planes, 0, a, edge)) for a in angles], 2)  # (N, P, 8, H, W)
    second = np.stack([np.abs(fourier_convolution(planes, 1, a, edge)) for a in angles], 2)
    both = np.stack([np.abs(fourier_convolution(first, 1, b, edge)) for b in angles], 3)  # (N, P, 8, 8, H, W)
    pooled = []
    for channels, step in ((planes[:, :, None], 1), (first, 1), (second, 2), (both, 2)):
        thinned = channels[..., ::step, ::step]
        down, across = (gaussian_cells(places, 7, 1.7, 4.0) for places in thinned.shape[-2:])
        pooled.append((down.T @ thinned @ across).reshape(len(planes), -1))
    return np.concatenate(pooled, 1)


def test_scattering_of_digits_equals_fourier_reference() -> None:
    features = Scattering().fit(digits(64, seed=1), seed=5)
    images = digits(3, seed=2)
    pooled = pooled_channels(deskew(images).double().numpy()[:, None], "constant")
    torch.testing.assert_close(features(images), standardised(features, pooled), rtol=0, atol=2e-3)


@pytest.mark.parametrize("shape", [(16, 21), (12, 15, 3), (32, 9, 3)])
def test_scattering_of_pictures_equals_fourier_reference(shape: tuple[int, ...]) -> None:
    features = Scattering(shape).fit(textures(30, shape, seed=1), seed=5)
    images = textures(3, shape, seed=2)
    planes = planes_by_hand(images)
    if len(shape) == 3:
        red, green, blue = planes[:, 0], planes[:, 1], planes[:, 2]
        brightness = 0.299 * red + 0.587 * green + 0.114 * blue
        planes = np.stack([brightness, 0.5 + (blue - brightness) / 1.772, 0.5 + (red - brightness) / 1.402], 1)
    pooled = pooled_channels(planes, "edge")
    torch.testing.assert_close(features(images), standardised(features, pooled), rtol=0, atol=2e-3)
