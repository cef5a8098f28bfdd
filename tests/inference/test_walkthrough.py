"""One image followed through a model, against autograd in float64; and what is seen while a model learns, against scikit-learn."""

import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss
from torch.nn.functional import cross_entropy

from softreg.data.dataset import Splits
from softreg.features.registry import make_feature_map
from softreg.inference.walkthrough import walk_through
from softreg.optim.initialization import initial_theta
from softreg.recipe import Recipe
from softreg.runs.run import Run
from softreg.training.training_monitor import HARDEST, TrainingMonitor


@pytest.mark.parametrize("index", [0, 3757, 9999])
def test_every_quantity_is_autograd_s(tutorial_run: Run, mnist: Splits, index: int) -> None:
    model, image, label = tutorial_run.model(), mnist.test.images[index], int(mnist.test.labels[index])
    walk = walk_through(model, image, label)
    x = image.flatten().double() / 255  # (784,)
    weight = model.linear.weight.detach().double().requires_grad_()
    logits = weight @ x + model.linear.bias.detach().double()
    logits.retain_grad()
    loss = cross_entropy(logits[None], torch.tensor([label]))
    loss.backward()
    assert weight.grad is not None
    assert logits.grad is not None
    torch.testing.assert_close(walk.logits.double(), logits.detach(), atol=1e-5, rtol=1e-5)
    assert walk.cross_entropy == pytest.approx(loss.item(), abs=1e-5)
    probabilities = torch.softmax(logits.detach(), dim=0)
    assert walk.cross_entropy == pytest.approx(log_loss([label], probabilities[None].numpy(), labels=range(10)), abs=1e-5)
    torch.testing.assert_close(walk.probabilities.double(), probabilities, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(walk.gradient.double(), weight.grad, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(walk.residual.double(), logits.grad, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(walk.evidence.sum(1) + model.linear.bias.detach(), walk.logits, atol=1e-4, rtol=1e-4)


def test_a_view_tells_what_scikit_learn_and_a_sort_tell(tutorial_run: Run, mnist: Splits) -> None:
    model = tutorial_run.model()
    theta = torch.cat([model.linear.weight.detach(), model.linear.bias.detach()[:, None]], dim=1)
    view = TrainingMonitor(Recipe(), mnist).snapshot(theta)
    probabilities = model.predict_proba(mnist.test.images)
    assert view.n == 10_000
    assert view.accuracy == pytest.approx(accuracy_score(mnist.test.labels, probabilities.argmax(1)))
    of_label = probabilities[torch.arange(10_000), mnist.test.labels]
    assert [each[3] for each in view.hardest] == pytest.approx(sorted(of_label.tolist())[:HARDEST], abs=1e-7)
    torch.testing.assert_close(view.templates.flatten(1), model.linear.weight.detach())


@pytest.mark.parametrize("features", ["deskew", "patches"])
def test_a_view_of_other_features_is_brought_back_to_pixels(mnist: Splits, features: str) -> None:
    few = Splits(mnist.train[:60], mnist.test[:20])
    watch = TrainingMonitor(Recipe(features=features), few)
    view = watch.snapshot(initial_theta(make_feature_map(features).dim, 10, torch.Generator().manual_seed(0)))
    assert view.templates.shape == (10, 28, 28)
    assert view.templates.abs().sum() > 0
    assert view.n == 20
