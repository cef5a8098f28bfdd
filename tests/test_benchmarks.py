"""What the benchmarks measure with, against definitions."""

import numpy as np
import pytest
import torch
from scipy.stats import binomtest, norm

from benchmarks.feature_pictures import Measurement, error
from benchmarks.marks import blotches, mark, two_digits
from benchmarks.outliers import fpr95
from benchmarks.peers import digits_of, otsu_threshold
from benchmarks.pen import bent, bitmap
from benchmarks.record import N_TEST, RESULTS, saved, table
from benchmarks.typefaces import names


def test_otsus_threshold_parts_with_the_least_variance_within() -> None:
    grey = np.random.default_rng(1).choice([20, 30, 35, 90, 180, 200, 220], (40, 50), p=[0.2, 0.1, 0.1, 0.1, 0.2, 0.2, 0.1])

    def within(threshold: int) -> float:
        parts = grey[grey <= threshold], grey[grey > threshold]
        return sum(part.size * float(part.var()) for part in parts if part.size)

    assert within(otsu_threshold(grey.astype(np.uint8))) == pytest.approx(min(within(t) for t in range(20, 220)))


def test_fpr95_of_two_normal_distributions() -> None:
    rng = np.random.default_rng(2)
    found = fpr95(rng.normal(0, 1, 200_000), rng.normal(2, 1, 200_000))
    assert found == pytest.approx(norm.cdf(norm.ppf(0.95) - 2), abs=0.005)


def test_letters_that_look_like_digits_count_as_digits() -> None:
    assert digits_of("l0Sq a") == "1059"


def test_no_typeface_is_both_learned_and_measured() -> None:
    assert not set(names("learned")) & set(names("measured"))


def test_bent_and_small_ink_is_ink() -> None:
    ring = np.hypot(*np.indices((90, 90)) - 45.0)
    ink = ((ring > 20) & (ring < 26)).astype(np.float32)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        bent_ink = bent(ink, rng)
        assert 0.5 < bent_ink.sum() / ink.sum() < 2
        small = bitmap(bent_ink, rng)
        assert max(small.shape) <= 48 + 4  # with a margin to blur into
        assert 0 < small.mean() < 0.6


def test_marks_that_are_no_digit_are_ink() -> None:
    images = np.zeros((2, 28, 28), dtype=np.uint8)
    images[0, 4:24, 4:24], images[1, 4:24, 10:18] = 255, 255
    labels = np.array([0, 1], dtype=np.uint8)
    for seed in range(30):
        ink = mark(images, labels, np.random.default_rng(seed))
        assert 0 <= ink.min() < 0.5 < ink.max() <= 1
    assert two_digits(images, labels, np.random.default_rng(0)).shape[1] >= 3 * 38  # twice the 0: a 1 is not taken


def test_no_blotch_is_one_upright_bar() -> None:
    for seed in range(30):
        ink = blotches(np.random.default_rng(seed)) > 0.5
        down, across = (np.ptp(places) + 1 for places in np.nonzero(ink))
        assert across > 0.4 * down


def test_an_image_is_on_the_wrong_side_where_the_other_class_has_the_larger_logit() -> None:
    logits, labels = torch.randn(50, 2, generator=torch.Generator().manual_seed(0)), torch.arange(50) % 2
    first, second = ((logits[:, 1] - logits[:, 0])[labels == label] for label in (0, 1))
    found = Measurement("pixels", 1.0, error(logits, labels), 0.0, (first, second))
    assert found.wrong == int((logits.argmax(1) != labels).sum()) == round(50 * found.written)


def test_the_table_of_record_is_that_of_its_results_and_its_intervals_are_wilsons() -> None:
    results = saved()
    assert (RESULTS / "record.md").read_text(encoding="utf-8") == table(results)
    assert len({result["seed"] for result in results}) == len(results)
    for result in results:
        interval = binomtest(N_TEST - result["errors"], N_TEST).proportion_ci(method="wilson")
        assert result["accuracy_interval"] == pytest.approx([interval.low, interval.high], abs=1e-6)
