"""The border of images says whether ink is light on dark or dark on light; where neither is usual, nothing is inverted."""

import pytest
import torch

from softreg.data.dataset import Splits
from softreg.data.polarity import count_inverted, usual_ground


@pytest.mark.parametrize(("inverted", "usual", "odd"), [(0, "dark", 0), (300, "dark", 300), (1500, None, 0), (2900, "light", 100)])
def test_what_is_usual_and_how_many_are_not(mnist: Splits, inverted: int, usual: str | None, odd: int) -> None:
    images = mnist.train.images[:3000].clone()
    images[torch.randperm(3000, generator=torch.Generator().manual_seed(1))[:inverted]] ^= 255
    assert usual_ground(images) == usual
    assert abs(count_inverted(images, usual) - odd) <= 3  # a few of MNIST's touch the border


def test_colour_has_no_polarity() -> None:
    images = torch.zeros(20, 8, 8, 3, dtype=torch.uint8)
    assert usual_ground(images) is None
    assert count_inverted(images, "light") == 0
    assert usual_ground(torch.zeros(20, 64)) is None  # embeddings
