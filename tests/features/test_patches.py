"""Patches against loops over every patch in NumPy: of digits, and of pictures of any size and colour."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from softreg.features.deskew import deskew
from softreg.features.patches import Patches, whiten
from tests.helpers.pooled_features import digits, gaussian_cells, planes_by_hand, standardised, textures


def pooled_by_loops(features: Patches, planes: NDArray[np.float64], edge: str) -> NDArray[np.float64]:
    """What `Patches` pools of the planes (P, H, W) of one image: (1, C K K)."""
    height, width = planes.shape[1:]
    padded = np.pad(planes, ((0, 0), (3, 3), (3, 3)), mode=edge)  # type: ignore[call-overload]
    filters, offset = features.filters.double().numpy(), features.offset.double().numpy()
    down, across = (gaussian_cells((side + 1) // 2, 4, 3.0, 5.6) for side in (height, width))
    pooled = np.zeros((2 * filters.shape[1], 4, 4))
    for i in range(len(down)):
        for j in range(len(across)):
            patch = padded[:, 2 * i : 2 * i + 7, 2 * j : 2 * j + 7].reshape(-1)
            response = (patch - patch.mean()) / np.sqrt(patch.var() + (10 / 255) ** 2) @ filters + offset
            sides = np.concatenate([np.maximum(response, 0), np.maximum(-response, 0)])
            pooled += sides[:, None, None] * np.outer(down[i], across[j])
    return pooled.reshape(1, -1)


def test_patches_of_digits_equal_loops() -> None:
    features = Patches().fit(digits(64, seed=1), seed=5)
    image = digits(1, seed=3)
    pooled = pooled_by_loops(features, deskew(image).double().numpy(), "constant")
    torch.testing.assert_close(features(image), standardised(features, pooled), rtol=0, atol=2e-3)


@pytest.mark.parametrize("shape", [(16, 21), (12, 15, 3), (32, 8, 3)])
def test_patches_of_pictures_equal_loops(shape: tuple[int, ...]) -> None:
    features = Patches(shape).fit(textures(30, shape, seed=1), seed=5)
    image = textures(1, shape, seed=2)
    pooled = pooled_by_loops(features, planes_by_hand(image)[0], "edge")
    torch.testing.assert_close(features(image), standardised(features, pooled), rtol=0, atol=2e-3)


def test_patches_are_what_torch_unfolds() -> None:
    features, planes = Patches((10, 13, 3)), torch.rand(2, 3, 10, 13)
    padded = torch.nn.functional.pad(planes, [3] * 4, mode="replicate")
    unfolded = torch.nn.functional.unfold(padded, 7, stride=2).mT.reshape(2, 5, 7, 147)
    torch.testing.assert_close(features.extract_patches(planes), unfolded, rtol=0, atol=0)


def test_whitened_patches_are_uncorrelated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softreg.features.patches.RIDGE", 0.0)
    generator = torch.Generator().manual_seed(0)
    rows: Tensor = torch.randn(4000, 6, generator=generator) @ torch.randn(6, 6, generator=generator)
    mean, whitening = whiten(rows)
    white = ((rows - mean) @ whitening).double().numpy()
    np.testing.assert_allclose(np.cov(white.T, bias=True), np.eye(6), atol=1e-4)
    np.testing.assert_allclose(whitening.numpy(), whitening.numpy().T, atol=1e-5)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_flat_images_have_finite_features(value: int) -> None:
    images = torch.full((20, 9, 9, 3), value, dtype=torch.uint8)
    features = Patches((9, 9, 3)).fit(images, seed=1)
    assert features(images).isfinite().all()
    assert all(buffer.isfinite().all() for buffer in features.buffers())
