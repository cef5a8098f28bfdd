"""What all pooled maps promise: standardised, exact sums of contributions, the same bits for the same seed."""

import pytest
import torch
from torch import Generator

from softreg.features.feature_map import FeatureMap
from softreg.features.pooled import subsample
from softreg.features.registry import make_feature_map
from tests.helpers.pooled_features import digits

SEED = 5
NAMES = ("scattering", "patches", "both", "views")


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
