"""Snapshots of a model while it trains, against scikit-learn and the model itself."""

import pytest
import torch
from sklearn.metrics import accuracy_score

from softreg.data.dataset import Splits
from softreg.features.registry import make_feature_map
from softreg.optim.initialization import initial_theta
from softreg.recipe import Recipe
from softreg.runs.run import Run
from softreg.training.training_monitor import N_HARDEST, TrainingMonitor


def test_a_view_tells_what_scikit_learn_and_a_sort_tell(tutorial_run: Run, mnist: Splits) -> None:
    model = tutorial_run.model()
    theta = torch.cat([model.linear.weight.detach(), model.linear.bias.detach()[:, None]], dim=1)
    view = TrainingMonitor(Recipe(), mnist).snapshot(theta)
    probabilities = model.predict_proba(mnist.test.images)
    assert view.n == 10_000
    assert view.accuracy == pytest.approx(accuracy_score(mnist.test.labels, probabilities.argmax(1)))
    of_label = probabilities[torch.arange(10_000), mnist.test.labels]
    assert [image[3] for image in view.hardest] == pytest.approx(sorted(of_label.tolist())[:N_HARDEST], abs=1e-7)
    torch.testing.assert_close(view.templates.flatten(1), model.linear.weight.detach())


@pytest.mark.parametrize("features", ["deskew", "patches"])
def test_a_view_of_other_features_is_brought_back_to_pixels(mnist: Splits, features: str) -> None:
    few = Splits(mnist.train[:60], mnist.test[:20])
    watch = TrainingMonitor(Recipe(features=features), few)
    view = watch.snapshot(initial_theta(make_feature_map(features).dim, 10, torch.Generator().manual_seed(0)))
    assert view.templates.shape == (10, 28, 28)
    assert view.templates.abs().sum() > 0
    assert view.n == 20
