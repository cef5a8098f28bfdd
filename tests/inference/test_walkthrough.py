"""One image followed through a model, against autograd in float64; and what is seen while a model learns, against scikit-learn."""

import pytest
import torch
from sklearn.metrics import log_loss
from torch.nn.functional import cross_entropy

from softreg.data.dataset import Splits
from softreg.inference.walkthrough import walk_through
from softreg.runs.run import Run


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
