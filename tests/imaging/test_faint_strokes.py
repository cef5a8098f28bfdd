"""Local contrast of strokes and shadows whose shape is known."""

import numpy as np

from softreg.imaging.faint_strokes import local_contrast
from tests.helpers.ink_maps import circle, page


def test_a_fading_stroke_is_whole_in_the_map_of_local_contrast() -> None:
    ring = circle((240, 240), (120, 120), 70, 7)
    fading = ring * np.linspace(1, 0.1, 240, dtype=np.float32)[:, None]
    assert np.mean(local_contrast(fading)[ring > 0.9] > 0.45) > 0.98
    assert np.mean(fading[ring > 0.9] > 0.45) < 0.9


def test_a_shadow_at_the_edge_is_no_stroke() -> None:
    shadow = np.broadcast_to(np.linspace(0, 1.5, 300, dtype=np.float32) ** 3, (200, 300))
    assert (local_contrast(np.ascontiguousarray(shadow)) > 0.45).mean() < 0.1


def test_a_faint_stroke_is_as_dense_as_a_dark_one_far_from_it() -> None:
    ink = page(200, 300, (40, 40, 160, 50), (40, 240, 160, 250))
    ink[:, 150:] *= 0.5
    local = local_contrast(ink)
    np.testing.assert_allclose(local[60:140, 44:46], 1, atol=0.1)
    np.testing.assert_allclose(local[60:140, 244:246], local[60:140, 44:46], atol=0.05)


def test_the_same_stroke_in_a_lower_tone_has_the_same_contrast() -> None:
    ring = circle((240, 240), (120, 120), 70, 7)
    stroke = ring > 0.5
    np.testing.assert_allclose(local_contrast(0.6 * ring)[stroke], local_contrast(ring)[stroke], atol=1e-3)


def test_no_ink_and_noise_too_faint_for_ink_have_no_contrast() -> None:
    assert not local_contrast(np.zeros((50, 80), dtype=np.float32)).any()
    noise = np.random.default_rng(0).normal(0, 0.02, (100, 100)).astype(np.float32)
    assert not local_contrast(noise).any()
