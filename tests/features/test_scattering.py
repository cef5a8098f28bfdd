"""Scattering against Morlet wavelets applied in the Fourier domain by NumPy."""

import numpy as np
import torch
from numpy.typing import NDArray

from softreg.features.deskew import deskew
from softreg.features.scattering import Scattering
from tests.helpers.pooled_features import digits, gaussian_cells, standardised


def fourier_convolution(images: NDArray[np.float64], scale: int, angle: float, size: int) -> NDArray[np.complex128]:
    """Correlation with a Morlet wavelet in the Fourier domain, zero beyond the edge."""
    sigma, omega = 0.8 * 2**scale, 3 * np.pi / 4 / 2**scale
    r = np.arange(size) - size // 2
    x, y = r[None, :], r[:, None]
    u, v = np.cos(angle) * x + np.sin(angle) * y, -np.sin(angle) * x + np.cos(angle) * y
    envelope = np.exp(-(u**2 + 0.25 * v**2) / (2 * sigma**2))
    wave = np.exp(1j * omega * u)
    psi = envelope * (wave - np.sum(envelope * wave) / np.sum(envelope)) / (4 * np.pi * sigma**2)
    plane = np.zeros((64, 64), complex)
    plane[:size, :size] = np.conj(psi)
    plane = np.roll(plane, (-(size // 2), -(size // 2)), (0, 1))
    padded = np.zeros((*images.shape[:-2], 64, 64))
    padded[..., :28, :28] = images
    spectrum = np.fft.fft2(padded) * np.conj(np.fft.fft2(plane))
    result: NDArray[np.complex128] = np.fft.ifft2(spectrum)[..., :28, :28]
    return result


def test_scattering_equals_fourier_reference() -> None:
    features = Scattering().fit(digits(64, seed=1), seed=5)
    images = digits(3, seed=2)
    ink = deskew(images).double().numpy()
    angles = [np.pi * a / 8 for a in range(8)]
    fine, coarse = gaussian_cells(28, 7, 1.7, 4.0), gaussian_cells(14, 7, 1.7, 4.0)
    first = [np.abs(fourier_convolution(ink, 0, a, 9)) for a in angles]
    second = [np.abs(fourier_convolution(ink, 1, a, 13)) for a in angles]
    both = [np.abs(fourier_convolution(u, 1, b, 13)) for u in first for b in angles]
    channels = [fine.T @ u @ fine for u in [ink, *first]] + [coarse.T @ u[:, ::2, ::2] @ coarse for u in [*second, *both]]
    expected = standardised(features, np.stack(channels, 1).reshape(3, -1))
    torch.testing.assert_close(features(images), expected, rtol=0, atol=2e-3)
