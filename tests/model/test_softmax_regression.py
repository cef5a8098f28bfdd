"""The model against PyTorch's own pieces, and the images it takes: uint8, floats in [0, 1], one or many."""

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

from softreg.features.pixels import Pixels
from softreg.model.softmax_regression import SoftmaxRegression


@pytest.fixture(scope="module")
def model() -> SoftmaxRegression:
    made = SoftmaxRegression(Pixels(), ("a", "b", "c"))
    made.set_theta(torch.randn(3, 785, generator=Generator().manual_seed(0)) / 10)
    return made.eval()


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.randint(0, 256, (7, 28, 28), generator=Generator().manual_seed(1), dtype=torch.uint8)


def test_logits_and_probabilities_are_pytorchs(model: SoftmaxRegression, images: Tensor) -> None:
    logits = nn.functional.linear(images.flatten(1) / 255, model.linear.weight, model.linear.bias)
    torch.testing.assert_close(model(images), logits)
    torch.testing.assert_close(model.logits(images), logits.detach())
    torch.testing.assert_close(model.predict_proba(images), logits.detach().softmax(1))
    assert not model.logits(images).requires_grad


def test_many_images_give_the_logits_of_each(model: SoftmaxRegression, images: Tensor) -> None:
    many = images.repeat(200, 1, 1)  # more than are computed at a time
    torch.testing.assert_close(model.logits(many), model.logits(images).repeat(200, 1))


def test_theta_is_weights_and_bias(model: SoftmaxRegression) -> None:
    other = SoftmaxRegression(Pixels(), model.classes)
    theta = torch.arange(3 * 785).view(3, 785).float()
    other.set_theta(theta)
    assert torch.equal(other.linear.weight, theta[:, :784])
    assert torch.equal(other.linear.bias, theta[:, 784])


def test_making_one_draws_from_nobodys_generator() -> None:
    before = torch.get_rng_state()
    SoftmaxRegression(Pixels(), ("a", "b"))
    assert torch.equal(torch.get_rng_state(), before)


def test_floats_arrays_channels_and_one_image_mean_the_same(model: SoftmaxRegression, images: Tensor) -> None:
    logits = model(images)
    for same in (images / 255, images[:, None], images.numpy(), (images / 255).numpy().astype(np.float64)):
        torch.testing.assert_close(model(same), logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(model(images[0]).flatten(), logits[0])


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (torch.zeros(2, 28, 28, dtype=torch.int64), TypeError),
        (torch.full((2, 28, 28), 255.0), ValueError),
        (torch.full((2, 28, 28), float("nan")), ValueError),
        (torch.zeros(2, 3, 28, 28), ValueError),
        (torch.zeros(2, 784), ValueError),
    ],
)
def test_what_would_be_misread_is_refused(model: SoftmaxRegression, wrong: Tensor, error: type[Exception]) -> None:
    with pytest.raises(error):
        model(wrong)
