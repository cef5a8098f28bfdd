"""What a model says of digits, against its own parts and float64."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from softreg.features.registry import make_feature_map
from softreg.inference import scores as scores_module
from softreg.inference.scores import ScoreCache, Scores, among_sure_digits, score, with_neighbours
from softreg.model.gaussian_detector import GaussianDetector
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.runs.pretrained import pretrained_path
from softreg.runs.run import load

NAMED = st.lists(st.tuples(st.floats(0.101, 0.999), st.floats(-15, 15)), min_size=1, max_size=8)


def scores(named: list[tuple[float, float]]) -> Scores:
    """Of digits that one class gets this probability, with this novelty."""
    probabilities = torch.tensor([[p, *[(1 - p) / 9] * 9] for p, _ in named])
    return Scores(probabilities.log(), probabilities, torch.tensor([novelty for _, novelty in named]))


@given(NAMED)
def test_costs_and_odds_are_those_of_their_formulas(named: list[tuple[float, float]]) -> None:
    p, novelty = np.array(named).T
    both = p / (1 + np.exp(novelty))  # that it is a digit, and of that class
    np.testing.assert_allclose(scores(named).costs, -np.log(both), rtol=1e-4)
    np.testing.assert_allclose(scores(named).log_odds, np.log(both / (1 - both)), rtol=1e-3, atol=1e-3)


def test_odds_are_finite_however_sure_or_strange() -> None:
    odds = Scores(torch.zeros(2, 1), torch.ones(2, 1), torch.tensor([-200.0, 200.0])).log_odds
    assert odds.tolist() == pytest.approx([np.log(1e6), -80], rel=0.01)


def test_rows_are_taken_of_everything() -> None:
    some = scores([(0.5, 1.0), (0.6, 2.0), (0.7, 3.0)])
    for rows in ([2, 0], slice(1, 3)):
        for name in ("logits", "probabilities", "novelty"):
            assert torch.equal(getattr(some[rows], name), getattr(some, name)[rows])


def test_scores_are_what_the_model_says() -> None:
    images = torch.randint(0, 256, (3, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    model = load(pretrained_path("best"))
    detector = model.ood_detector
    assert isinstance(detector, GaussianDetector)
    found = score(model, images)
    features = model.features(images)
    logits, probabilities = model.classify(features)
    assert torch.allclose(found.logits, logits)
    assert torch.allclose(found.probabilities, probabilities)
    assert torch.allclose(found.novelty, detector.score(detector.statistics(detector.components(features), logits)))
    assert not found.logits.requires_grad


def test_without_a_detector_nothing_is_novel() -> None:
    model = SoftmaxRegression(make_feature_map("pixels"), ("no", "yes"))
    assert score(model, torch.zeros(2, 28, 28, dtype=torch.uint8)).novelty.tolist() == [-20, -20]


def test_scores_of_images_that_are_known_are_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    images = list(np.random.default_rng(2).integers(0, 256, (4, 28, 28), dtype=np.uint8))
    model = SoftmaxRegression(make_feature_map("pixels"), ("no", "yes"))
    model.set_theta(torch.randn(2, 785, generator=torch.Generator().manual_seed(2)))
    computed: list[int] = []

    def counted(model: SoftmaxRegression, images: torch.Tensor) -> Scores:
        computed.append(len(images))
        return score(model, images)

    monkeypatch.setattr(scores_module, "score", counted)
    known, expected = ScoreCache(model), score(model, torch.from_numpy(np.stack(images)))
    known.keep(images[:1], expected[:1])
    for rows in ([0], [1, 2, 1], [3, 0, 2]):
        found = known([images[row] for row in rows])
        assert torch.allclose(found.logits, expected[rows].logits)
        assert torch.allclose(found.probabilities, expected[rows].probabilities)
        assert torch.equal(found.novelty, expected[rows].novelty)
    assert computed == [2, 1]


SURELY, HARDLY = (0.99, -5.0), (0.99, 5.0)


@pytest.mark.parametrize(
    ("lengths", "named", "gaining"),
    [
        ([3], [SURELY, HARDLY, SURELY], [1]),
        ([3], [HARDLY, SURELY, SURELY], [0]),
        ([2], [SURELY, HARDLY], []),  # too few
        ([3, 2], [SURELY, SURELY, SURELY, SURELY, HARDLY], [0, 1, 2]),  # the line counts, not the picture
        ([1, 3], [HARDLY, SURELY, SURELY, HARDLY], [3]),
        ([4], [SURELY, SURELY, SURELY, HARDLY], [0, 1, 2, 3]),
        ([4], [SURELY, HARDLY, HARDLY, HARDLY], []),  # the median of the others
    ],
)
def test_a_mark_gains_by_sure_digits_in_its_line(lengths: list[int], named: list[tuple[float, float]], gaining: list[int]) -> None:
    before = scores(named)
    among = among_sure_digits(before, lengths)
    assert torch.nonzero(among)[:, 0].tolist() == gaining
    after = with_neighbours(before, among)
    expected = [novelty - 3 * (i in gaining) for i, (_, novelty) in enumerate(named)]
    assert after.novelty.tolist() == expected
    assert before.novelty.tolist() == [novelty for _, novelty in named]
    assert after.logits is before.logits
    assert after.probabilities is before.probabilities


@pytest.mark.parametrize(("novelty", "is_sure"), [(-2.1, True), (-2.0, False)])
def test_digits_are_sure_from_log_odds_of_two(novelty: float, is_sure: bool) -> None:
    before = scores([HARDLY, (0.99, novelty), (0.99, novelty)])
    assert (before.log_odds[1] > 2) == is_sure
    assert among_sure_digits(before, [3])[0] == is_sure
