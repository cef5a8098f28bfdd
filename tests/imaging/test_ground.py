"""The border says what ink is on; ink may touch it, and where it is neither dark nor light nothing is said."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from softreg.imaging.ground import grounds, is_inverted, usual_ground
from softreg.imaging.picture import picture_from_array


def image(ground: int, ink: int, touching: int = 0) -> np.ndarray:
    array = np.full((10, 10), ground, np.uint8)
    array[3:7, 4:6] = array[0, :touching] = ink
    return array


@pytest.mark.parametrize(("ground", "dark", "light"), [(0, True, False), (63, True, False), (128, False, False), (255, 0, 1)])
def test_grounds(ground: int, dark: bool, light: bool) -> None:
    found = grounds(image(ground, 255 - ground)[None])
    assert (bool(found["dark"]), bool(found["light"])) == (dark, light)


def test_ink_may_touch_a_tenth_of_the_border() -> None:
    assert grounds(np.stack([image(0, 255, 3), image(0, 255, 4)]))["dark"].tolist() == [True, False]  # of 36 pixels


def test_colour_and_an_unknown_ground_are_never_inverted() -> None:
    assert not is_inverted(np.zeros((2, 8, 8, 3), np.uint8), "light").any()
    assert not is_inverted(image(255, 0)[None], None).any()


@pytest.mark.parametrize("usual", ["dark", "light", None])
def test_a_picture_gets_the_ground_of_the_training_images(usual: str | None) -> None:
    picture = picture_from_array(image(255, 0)).as_one_image((10, 10), usual)
    inverted = usual == "dark"
    assert np.array_equal(picture.digits[0].image, image(0, 255) if inverted else image(255, 0))
    assert len(picture.notes) == inverted


def test_digits_that_touch_the_border_have_a_dark_ground() -> None:
    images = (load_digits().images * (255 / 16)).astype(np.uint8)
    assert not grounds(images)["dark"].all()
    assert (usual_ground(images), usual_ground(255 - images)) == ("dark", "light")
    assert usual_ground(np.concatenate([images, 255 - images])) is None
    assert usual_ground(np.full((3, 8, 8), 128, np.uint8)) is None
    assert usual_ground(np.repeat(images[..., None], 3, axis=3)) is None
