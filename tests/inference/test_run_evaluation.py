"""evaluate(): a run, or its path, on its own test images or on data in any form; the numbers are scikit-learn's."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from softreg.data.dataset import Dataset, Splits
from softreg.errors import DataError, RunError
from softreg.inference.run_evaluation import evaluate
from softreg.runs.run import Run


def accuracy(run: Run, data: Dataset) -> float:
    """By scikit-learn, of logits computed in NumPy."""
    linear = run.model().linear
    weight, bias = linear.weight.detach().double().numpy(), linear.bias.detach().double().numpy()
    logits = data.images.flatten(1).numpy() / 255 @ weight.T + bias
    return float(accuracy_score(data.labels.numpy(), logits.argmax(1)))


def test_without_data_the_test_images_of_the_recipe_count(tutorial_run: Run, mnist: Splits) -> None:
    for run in (tutorial_run, tutorial_run.path, str(tutorial_run.path)):
        evaluation = evaluate(run)
        assert evaluation.n == 10_000
        assert evaluation.accuracy == accuracy(tutorial_run, mnist.test)


def test_the_same_images_in_any_form_give_the_same_evaluation(tutorial_run: Run, mnist: Splits, tmp_path: Path) -> None:
    some = mnist.test[:700]
    x, y = some.images.numpy(), some.labels.numpy()
    np.savez(tmp_path / "some.npz", X=x, y=y)
    forms: list[Any] = [
        some,
        Splits(mnist.train[:50], some),
        (x, y),
        (x.reshape(700, 784) / 255, [str(label) for label in y]),
        {"X": x, "y": y},
        tmp_path / "some.npz",
    ]
    for data in forms:
        evaluation = evaluate(tutorial_run, data)
        assert (evaluation.n, evaluation.accuracy) == (700, accuracy(tutorial_run, some))


def test_what_cannot_be_evaluated_is_refused(tutorial_run: Run, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run"):
        evaluate(tmp_path / "none")
    with pytest.raises(DataError, match="16 x 16"):
        evaluate(tutorial_run, (np.zeros((20, 16, 16), np.uint8), np.arange(20) % 10))
    with pytest.raises(DataError, match="label"):
        evaluate(tutorial_run, (np.zeros((20, 28, 28), np.uint8), ["cat"] * 20))
    assert evaluate(tutorial_run, (np.zeros((1, 28, 28), np.uint8), [3])).n == 1


@pytest.mark.parametrize("count", [0, 200])
def test_images_of_the_other_polarity_are_counted(count: int, tutorial_run: Run, mnist: Splits) -> None:
    images = mnist.test.images[:500].clone()
    images[:count] = 255 - images[:count]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        evaluate(tutorial_run, (images, mnist.test.labels[:500]))
    told = [str(warning.message).partition(" are dark on white")[0] for warning in caught]
    assert told == ([f"data: {count} of the 500 images"] if count else [])
