"""Scattering and patches, against slow references written another way; what all pooled maps promise."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from softreg.features.deskew import deskew
from softreg.features.feature_map import FeatureMap
from softreg.features.patches import Patches
from softreg.features.pooled import Pooled, subsample
from softreg.features.registry import make_feature_map
from softreg.features.scattering import Scattering

SEED = 5
NAMES = ("scattering", "patches", "both")


def digits(n: int, seed: int) -> Tensor:
    """Blurred random strokes (n, 28, 28), uint8, inside the 20 x 20 box."""
    generator = Generator().manual_seed(seed)
    images = torch.zeros(n, 28, 28)
    ends = 5 + 18 * torch.rand(n, 4, 2, generator=generator)  # a line of three pieces
    for t in torch.linspace(0, 2.999, 90):
        piece, part = int(t), t - int(t)
        point = torch.lerp(ends[:, piece], ends[:, piece + 1], part)  # (n, 2)
        grid = torch.stack(torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij"))  # (2, 28, 28)
        distance = (grid - point[:, :, None, None]).square().sum(1)
        images = torch.maximum(images, torch.exp(-distance / 1.5))
    return (255 * images).to(torch.uint8)


@pytest.fixture(scope="module")
def fitted() -> dict[str, FeatureMap]:
    images = digits(64, seed=1)
    return {name: make_feature_map(name).fit(images, SEED) for name in NAMES}


@pytest.mark.parametrize(("n", "count"), [(60_000, 6000), (50_000, 4000), (8000, 4000), (64, 6000), (1, 1)])
def test_a_sample_is_spread_over_all_images_and_over_both_groups_of_writers(n: int, count: int) -> None:
    chosen = subsample(torch.arange(n), count)
    assert min(n, count) / 2 <= len(chosen) <= count  # an even step is made one wider
    assert set(chosen.remainder(2).tolist()) == set(range(min(n, 2)))
    assert n - int(chosen[-1]) <= 2 * int(chosen[1] if len(chosen) > 1 else 1)


def gaussian_cells(places: int, cells: int, width: float, spacing: float) -> NDArray[np.float64]:
    """Normalised Gaussian windows, one a column, written as loops."""
    g = np.zeros((places, cells))
    for i in range(places):
        for k in range(cells):
            distance = (i + 0.5) * 28 / places - (14 + (k - (cells - 1) / 2) * spacing)
            g[i, k] = np.exp(-(distance**2) / (2 * width**2))
    g /= g.sum(0)
    return g


def standardised(features: Pooled, pooled: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy((np.sqrt(pooled) - features.mean.double().numpy()) * features.scale.double().numpy()).float()


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


def test_scattering_equals_fourier_reference(fitted: dict[str, FeatureMap]) -> None:
    features = fitted["scattering"]
    assert isinstance(features, Scattering)
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


def test_patches_equal_loops(fitted: dict[str, FeatureMap]) -> None:
    features = fitted["patches"]
    assert isinstance(features, Patches)
    image = digits(1, seed=3)
    ink = np.pad(deskew(image)[0].double().numpy(), 3)
    filters, offset = features.filters.double().numpy(), features.offset.double().numpy()
    g = gaussian_cells(14, 4, 3.0, 5.6)
    pooled = np.zeros((2 * filters.shape[1], 4, 4))
    for i in range(14):
        for j in range(14):
            patch = ink[2 * i : 2 * i + 7, 2 * j : 2 * j + 7].reshape(-1)
            response = (patch - patch.mean()) / np.sqrt(patch.var() + (10 / 255) ** 2) @ filters + offset
            sides = np.concatenate([np.maximum(response, 0), np.maximum(-response, 0)])
            pooled += sides[:, None, None] * np.outer(g[i], g[j])
    torch.testing.assert_close(features(image), standardised(features, pooled.reshape(1, -1)), rtol=0, atol=2e-3)


@pytest.mark.parametrize("name", NAMES)
def test_features_are_standardised_on_what_they_were_fitted_on(fitted: dict[str, FeatureMap], name: str) -> None:
    x = fitted[name](digits(64, seed=1))
    torch.testing.assert_close(x.mean(0), torch.zeros(x.shape[1]), rtol=0, atol=1e-3)
    assert x.std(0).max() <= 1.01


@pytest.mark.parametrize("name", NAMES)
def test_neighbours_in_a_chunk_do_not_matter(fitted: dict[str, FeatureMap], name: str) -> None:
    images = digits(105, seed=4)
    alone = torch.cat([fitted[name](image[None]) for image in images[::35]])
    torch.testing.assert_close(fitted[name](images)[::35], alone, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_bits(fitted: dict[str, FeatureMap], name: str) -> None:
    state = torch.get_rng_state()
    again = make_feature_map(name).fit(digits(64, seed=1), SEED).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    before = fitted[name].state_dict()
    assert again.keys() == before.keys() == make_feature_map(name).state_dict().keys()
    assert all(torch.equal(again[key], before[key]) for key in again)
    assert all(again[key].shape == tensor.shape for key, tensor in make_feature_map(name).state_dict().items())


@pytest.mark.parametrize("name", NAMES)
def test_evidence_sums(fitted: dict[str, FeatureMap], name: str) -> None:
    features, images = fitted[name], digits(10, seed=6)
    images[0] = 0  # nothing but paper
    images[1] = 255
    weight = torch.randn(features.dim, generator=Generator().manual_seed(7)) * features.dim**-0.5
    shares = features.attribute(images, weight)
    assert shares.shape == (10, 28, 28)
    assert shares.isfinite().all()
    x = features(images).double() @ weight.double()
    torch.testing.assert_close(shares.double().sum((1, 2)), x, rtol=1e-5, atol=1e-4)


def test_evidence_stands_where_the_ink_is(fitted: dict[str, FeatureMap]) -> None:
    """Of a cell's evidence, what is right on the stroke counts: the mean ink under the shares is far above the image's mean."""
    images = digits(10, seed=8)
    shares = fitted["both"].attribute(images, torch.ones(fitted["both"].dim)).abs()
    ink = images.float()
    under = (shares * ink).sum((1, 2)) / shares.sum((1, 2))
    assert (under > 2 * ink.mean((1, 2))).all()


@pytest.mark.parametrize("name", NAMES)
def test_quantised_features_are_sixteenths(fitted: dict[str, FeatureMap], name: str) -> None:
    images = digits(20, seed=9)
    rows = fitted[name].quantised(images)
    assert rows.dtype == torch.int8
    torch.testing.assert_close(rows.float() / 16, fitted[name](images).clamp(-8, 127 / 16), rtol=0, atol=1 / 32 + 1e-4)
