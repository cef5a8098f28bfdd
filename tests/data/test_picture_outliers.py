"""Outliers among pictures: of the images' form, the same for the same seed, made as their names say."""

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from softreg.data.picture_outliers import drawings, fields, gradients, joined, picture_outliers, shuffled
from tests.helpers.pooled_features import textures

SHAPES = [(8, 8), (33, 18), (40, 24, 3), (150, 70)]


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", SHAPES)
def test_outliers_have_the_form_of_the_images(shape: tuple[int, ...]) -> None:
    images, labels = textures(50, shape, seed=1), torch.arange(50) % 3
    state = torch.get_rng_state()
    made, original = picture_outliers(images, labels, 400, seeded())
    again, _ = picture_outliers(images, labels, 400, seeded())
    assert torch.equal(made, again)
    assert torch.equal(torch.get_rng_state(), state)
    assert (made.dtype, made.shape[1:]) == (torch.uint8, shape)
    assert 300 <= len(made) == len(original) <= 400  # pairs of one class are left out
    assert (original >= 0).sum() == 100
    inverted = made[60:100]  # the negatives of images of the class they are said to come from
    for negative, label in zip(inverted, original[60:100], strict=True):
        assert any(torch.equal(255 - negative, image) for image in images[labels == label])


def test_with_one_class_there_are_no_pairs() -> None:
    images, labels = textures(20, (8, 8), seed=1), torch.zeros(20, dtype=torch.int64)
    assert len(picture_outliers(images, labels, 400, seeded())[0]) == 300


@pytest.mark.parametrize("shape", SHAPES)
def test_shuffled_tiles_keep_their_pixels(shape: tuple[int, ...]) -> None:
    images = textures(6, shape, seed=2)
    made = shuffled(images, seeded())
    assert not torch.equal(made, images)
    for before, after in zip(images, made, strict=True):
        assert torch.equal(before.flatten().sort().values, after.flatten().sort().values)
    tile = made[0, : shape[0] // 4, : shape[1] // 4].numpy()
    sources = images[0].numpy()
    height, width = tile.shape[:2]
    assert any(
        np.array_equal(tile, sources[v * height : (v + 1) * height, u * width : (u + 1) * width])
        for v in range(4)
        for u in range(4)
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_joined_images_are_half_one_and_half_the_other(shape: tuple[int, ...]) -> None:
    dark, bright = (torch.full((40, *shape), value, dtype=torch.uint8) for value in (10, 200))
    made = joined(dark, bright, seeded())
    share = (made == 10).float().flatten(1).mean(1)
    assert ((share - 0.5).abs() < 0.07).all()
    assert (made.flatten(1)[:, 0] == 10).all()
    assert (made.flatten(1)[:, -1] == 200).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("make", [drawings, fields, gradients])
def test_what_is_made_differs_from_image_to_image(make: object, shape: tuple[int, ...]) -> None:
    assert callable(make)
    made: Tensor = make(120, shape, seeded())
    assert made.shape == (120, *shape)
    means = made.float().flatten(1).mean(1)
    assert means.std() > 10
    assert made.float().flatten(1).std(1).mean() > 3
