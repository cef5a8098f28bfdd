"""Dithered pictures become grey again; drawings in black and white stay as they are."""

import io

import numpy as np
import pytest
from PIL import Image

from benchmarks.paper import ink_map
from softreg.data.dataset import Splits
from softreg.imaging.halftone import dots, without_dots
from softreg.imaging.picture import read_picture


def page(mnist: Splits, paper: int, ink: int) -> Image.Image:
    strokes = ink_map(mnist.train.images[50_001].numpy(), np.random.default_rng(1), canvas=(200, 200), field=160)
    return Image.fromarray(np.rint(paper - (paper - ink) * strokes).astype(np.uint8))


def pixels(image: Image.Image) -> np.ndarray:
    return np.repeat(np.asarray(image.convert("L"), dtype=np.float32)[..., None], 3, axis=2)


@pytest.mark.parametrize("paper", [250, 225, 190])
def test_dots_become_the_greys_they_were_made_of(mnist: Splits, paper: int) -> None:
    grey = page(mnist, paper, 40)
    restored = without_dots(pixels(grey.convert("1")))
    assert np.abs(restored - pixels(grey)).mean() < 15
    assert restored[:20].mean() == pytest.approx(paper, abs=4)


def test_what_has_no_dots_is_left_alone(mnist: Splits) -> None:
    grey = page(mnist, 250, 40)
    binarised = pixels(grey.point(lambda value: 255 * (value > 127)))
    small = pixels(grey.resize((40, 40)).convert("1"))
    for unchanged in (binarised, small, pixels(grey)):
        assert without_dots(unchanged) is unchanged


def test_dots_are_counted_of_both_colours() -> None:
    white = np.ones((10, 10), dtype=bool)
    white[4, 4] = False
    white[8, 1:3] = False
    assert dots(white) == dots(~white) == pytest.approx(0.01)


def test_a_dithered_picture_is_one_digit(mnist: Splits) -> None:
    file = io.BytesIO()
    page(mnist, 190, 40).convert("1").save(file, "BMP")
    assert len(read_picture(file.getvalue()).digits) == 1
