"""Evaluation against scikit-learn, scipy, and a calibration error written again from the paper."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, precision_recall_fscore_support

from softreg.data.dataset import Splits
from softreg.errors import DataError
from softreg.inference.evaluation import Evaluation, evaluate, wilson_interval
from softreg.runs.run import Run
from tests.helpers.evaluations import evaluation_of


@pytest.fixture(scope="module")
def evaluation(tutorial_run: Run, mnist: Splits) -> Evaluation:
    return evaluate(tutorial_run.model(), mnist.test)


def test_scikit_learn_has_the_same_likelihood(evaluation: Evaluation, tutorial_run: Run, mnist: Splits) -> None:
    probabilities = tutorial_run.model().logits(mnist.test.images).double().softmax(1)
    assert evaluation.nll == pytest.approx(log_loss(evaluation.labels.numpy(), probabilities.numpy()), rel=1e-9)
    torch.testing.assert_close(evaluation.confidence, probabilities.max(1).values, rtol=1e-12, atol=0)


def test_scikit_learn_agrees(evaluation: Evaluation) -> None:
    labels, predictions = evaluation.labels.numpy(), evaluation.predictions.numpy()
    assert evaluation.accuracy == accuracy_score(labels, predictions)
    np.testing.assert_array_equal(evaluation.confusion.numpy(), confusion_matrix(labels, predictions))
    precision, recall, _, _ = precision_recall_fscore_support(labels, predictions)
    np.testing.assert_allclose(np.array(evaluation.precision, float), precision, rtol=1e-12)
    np.testing.assert_allclose(np.array(evaluation.recall, float), recall, rtol=1e-12)


@given(st.integers(1, 100_000), st.data())
def test_scipy_has_the_same_interval(n: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, n))
    theirs = binomtest(right, n).proportion_ci(method="wilson")
    assert wilson_interval(right / n, n) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def calibration_error(probabilities: "np.ndarray[Any, Any]", labels: "np.ndarray[Any, Any]", bins: int = 15) -> float:
    """Guo et al. 2017, equation 3, bin by bin."""
    confidence, predicted = probabilities.max(1), probabilities.argmax(1)
    error = 0.0
    for m in range(1, bins + 1):
        inside = (confidence > (m - 1) / bins) & (confidence <= m / bins)
        if inside.any():
            error += inside.mean() * abs((predicted == labels)[inside].mean() - confidence[inside].mean())
    return float(error)


@settings(max_examples=50)
@given(st.integers(2, 12), st.integers(1, 300), st.integers(0, 2**32))
def test_calibration_error_is_the_papers(classes: int, n: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    probabilities = torch.softmax(3 * torch.randn(n, classes, generator=generator, dtype=torch.float64), 1)
    labels = torch.randint(classes, (n,), generator=generator)
    evaluation = evaluation_of(tuple(map(str, range(classes))), probabilities, labels)
    assert evaluation.ece == pytest.approx(calibration_error(probabilities.numpy(), labels.numpy()), abs=1e-12)
    assert int(evaluation.confusion.sum()) == n


def test_the_worst_mistakes_are_mistakes_and_the_worst_first(evaluation: Evaluation) -> None:
    worst = evaluation.worst_mistakes(50)
    assert (evaluation.predictions[worst] != evaluation.labels[worst]).all()
    top = evaluation.confidence
    assert (top[worst].diff() <= 0).all()
    others = (evaluation.predictions != evaluation.labels).nonzero()[:, 0]
    assert top[worst].min() >= top[others].sort(descending=True).values[49]


def test_mistakes_are_the_confusion_but_for_its_diagonal(evaluation: Evaluation) -> None:
    off = evaluation.confusion - evaluation.confusion.diagonal().diag()
    assert {(c, other): n for c, taken in evaluation.mistakes.items() for n, other in taken} == {
        (int(c), int(other)): int(off[c, other]) for c, other in off.nonzero()
    }
    assert all(taken == sorted(taken, reverse=True) for taken in evaluation.mistakes.values())


def test_of_too_many_classes_no_confusion_is_told() -> None:
    labels = torch.arange(3000)
    evaluation = Evaluation(tuple(map(str, range(3000))), labels.roll(1), torch.ones(3000).double(), labels, nll=1.0)
    told = evaluation.to_json()
    assert told["confusion"] is None
    assert told["recall"] == [0.0] * 3000


def test_a_class_that_is_never_named_has_no_precision() -> None:
    probabilities = torch.tensor([[0.9, 0.1, 0.0], [0.8, 0.2, 0.0]], dtype=torch.float64)
    evaluation = evaluation_of(("a", "b", "c"), probabilities, torch.tensor([0, 1]))
    assert evaluation.precision == [0.5, None, None]
    assert evaluation.recall == [1.0, 0.0, None]


def test_it_is_told_in_three_lines_and_other_classes_are_refused(tutorial_run: Run, mnist: Splits) -> None:
    few = mnist.test[:20]
    found = evaluate(tutorial_run.model(), few)
    assert found.support == few.labels.bincount(minlength=10).tolist()
    low, high = (f"{bound:.4f}" for bound in found.interval)
    lines = str(found).splitlines()
    assert len(lines) == 3
    assert low in lines[0]
    assert high in lines[0]
    with pytest.raises(DataError, match="a b c"):
        evaluate(tutorial_run.model(), replace(few, classes=tuple("abcdefghij")))
