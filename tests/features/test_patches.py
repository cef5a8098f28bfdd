"""Patches against loops over every patch in NumPy."""

import numpy as np
import torch

from softreg.features.deskew import deskew
from softreg.features.patches import Patches
from tests.helpers.pooled_features import digits, gaussian_cells, standardised


def test_patches_equal_loops() -> None:
    features = Patches().fit(digits(64, seed=1), seed=5)
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
