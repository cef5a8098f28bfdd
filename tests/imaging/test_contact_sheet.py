"""The strip of stages, against the arrays it was made from."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from softreg.errors import WriteError
from softreg.imaging.contact_sheet import GAP, HEIGHT, steps_strip, write_strip
from softreg.imaging.picture import Picture, Stage

Bytes = NDArray[np.uint8]


def picture(*arrays: Bytes) -> Picture:
    return Picture("seven", (28, 28), (), tuple(Stage("pictures.stage_image", array) for array in arrays), (), None)


def noise(*shape: int) -> Bytes:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_an_image_is_enlarged_pixel_by_pixel_between_grey_margins() -> None:
    image = noise(28, 28)
    strip = np.asarray(steps_strip(picture(image)))
    assert strip.shape == (HEIGHT + 2 * GAP, HEIGHT + 2 * GAP, 3)
    panel = strip[GAP:-GAP, GAP:-GAP]
    np.testing.assert_array_equal(panel, np.repeat(np.kron(image, np.ones((8, 8), dtype=np.uint8))[:, :, None], 3, axis=2))
    margins = np.ones(strip.shape[:2], dtype=bool)
    margins[GAP:-GAP, GAP:-GAP] = False
    assert (strip[margins] == 128).all()


def test_stages_stand_side_by_side_in_their_order() -> None:
    first, second = noise(HEIGHT, 100, 3), noise(HEIGHT, 50)
    strip = np.asarray(steps_strip(picture(first, second)))
    assert strip.shape == (HEIGHT + 2 * GAP, 100 + 50 + 3 * GAP, 3)
    np.testing.assert_array_equal(strip[GAP:-GAP, GAP : GAP + 100], first)
    np.testing.assert_array_equal(strip[GAP:-GAP, 2 * GAP + 100 : -GAP, 0], second)


@pytest.mark.parametrize(("shape", "width"), [((10, 4000), 8 * HEIGHT), ((4000, 10), 1), ((448, 200), 100)])
def test_panels_keep_their_proportions_within_reason(shape: tuple[int, int], width: int) -> None:
    assert steps_strip(picture(np.zeros(shape, dtype=np.uint8))).width == width + 2 * GAP


def test_the_strip_is_written_as_png_into_a_new_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "steps.png"
    write_strip(picture(noise(28, 28)), path)
    with Image.open(path) as written:
        assert written.format == "PNG"
        np.testing.assert_array_equal(np.asarray(written), np.asarray(steps_strip(picture(noise(28, 28)))))


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    with pytest.raises(WriteError) as caught:
        write_strip(picture(noise(28, 28)), tmp_path / "file" / "steps.png")
    assert len(str(caught.value).splitlines()) == 1
    assert (tmp_path / "file").read_text() == "kept"
