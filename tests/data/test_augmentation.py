"""Augmented copies follow their images, show the same digits, and are deformed no more than documented."""

import torch
from torch import Generator, Tensor

from softreg.data.augmentation import augment, elastic_transform
from softreg.data.dataset import Dataset


def dots(n: int) -> Dataset:
    """Images of one soft dot each, somewhere in the middle."""
    place = 8 + 12 * torch.rand(n, 2, generator=Generator().manual_seed(1))
    grid = torch.stack(torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij"))  # (2, 28, 28)
    images = 255 * torch.exp(-(grid - place[:, :, None, None]).square().sum(1) / 8)
    return Dataset(images.to(torch.uint8), torch.arange(n) % 10, tuple("0123456789"), "dots")


def centre(images: Tensor) -> Tensor:
    """Centres of mass (N, 2)."""
    ink = images.float()
    grid = torch.arange(28.0)
    return torch.stack([ink.sum(2) @ grid, ink.sum(1) @ grid], 1) / ink.sum((1, 2))[:, None]


def test_copies_follow_their_images() -> None:
    data = dots(30)
    more = augment(data, 2, seed=5)
    assert torch.equal(more.images[::3], data.images)
    assert torch.equal(more.labels.view(30, 3), data.labels[:, None].expand(30, 3))
    assert more.images.dtype == torch.uint8
    assert not torch.equal(more.images[1::3], more.images[2::3])
    assert augment(data, 0, seed=5) is data


def test_the_same_seed_gives_the_same_bits_and_nobodys_generator_moves() -> None:
    data, state = dots(1500), torch.get_rng_state()
    once, again, other = (augment(data, 1, seed).images for seed in (5, 5, 6))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_ink_moves_a_little() -> None:
    """At most 12 degrees and 12 % at 11 pixels from the centre, and a displacement of about 0.9 pixels: 5 pixels are far beyond."""
    images = dots(500).images
    moved = (centre(elastic_transform(images, Generator().manual_seed(2))) - centre(images)).norm(dim=1)
    assert 0.5 < moved.mean() < 2.5
    assert moved.max() < 6
    assert not elastic_transform(torch.zeros_like(images), Generator().manual_seed(2)).any()
