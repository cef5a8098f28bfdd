"""The way from a picture to MNIST's form, against MNIST's own images, numpy's moments and geometry."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from PIL import Image

from benchmarks.paper import ink_map, saved
from benchmarks.user_pictures import KINDS, Kind, in_a_row
from softreg.data.dataset import Splits
from softreg.errors import PictureError
from softreg.imaging.contact_sheet import steps_strip
from softreg.imaging.picture import Digit, picture_from_array, read_picture

Bytes = NDArray[np.uint8]


@pytest.fixture(scope="module")
def validation(mnist: Splits) -> tuple[Bytes, NDArray[np.int64]]:
    """The last 10,000 training images and their labels."""
    return mnist.train.images[50_000:].numpy(), mnist.train.labels[50_000:].numpy()


def check_form(image: Bytes) -> None:
    """MNIST's form: 20 pixels long, centre of mass within half a pixel of (14, 14) in pixels that reach from i to i + 1."""
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    assert image.max() > 200
    rows, columns = np.nonzero(image)
    assert max(np.ptp(rows), np.ptp(columns)) + 1 in (18, 19, 20)
    mass = image.astype(np.float64)
    for axis in (0, 1):
        centre = (mass.sum(axis=1 - axis) * np.arange(28)).sum() / mass.sum()
        assert abs(centre - 14) <= 0.51


def likeness(one: Bytes, other: Bytes) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_mnist_passes_bit_for_bit(validation: tuple[Bytes, NDArray[np.int64]]) -> None:
    for image in validation[0][:300]:
        for picture in (read_picture(saved(image)), read_picture(saved(255 - image)), picture_from_array(image)):
            (digit,) = picture.digits
            np.testing.assert_array_equal(digit.image, image)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
def test_each_kind_of_picture_becomes_the_image_it_was_made_from(kind: Kind, validation: tuple[Bytes, NDArray[np.int64]]) -> None:
    rng = np.random.default_rng(3)
    alike = []
    for image in validation[0][:4]:
        picture = read_picture(kind(image, rng))
        assert picture.reason is None
        digit = max(picture.digits, key=lambda digit: digit.box[3])
        check_form(digit.image)
        alike.append(likeness(digit.image, image))
    assert np.median(alike) > 0.6


def test_affine_leads_from_the_image_to_the_picture(validation: tuple[Bytes, NDArray[np.int64]]) -> None:
    rng = np.random.default_rng(4)
    for image in validation[0][:10]:
        ink = ink_map(image, rng, canvas=(300, 500), field=200, widen=0.5)
        (digit,) = picture_from_array(np.rint(255 * ink).astype(np.uint8)).digits
        rows, columns = np.nonzero(digit.image > 127)
        places = digit.affine @ np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))])  # (2, n)
        assert ink[places[1].astype(int), places[0].astype(int)].mean() > 0.85
        check_box(digit, ink)


def check_box(digit: Digit, ink: NDArray[np.float32]) -> None:
    rows, columns = np.nonzero(ink > 0.5)
    expected = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
    np.testing.assert_allclose(digit.box, expected, atol=2)


def test_boxes_are_in_the_pixels_of_the_upright_picture(validation: tuple[Bytes, NDArray[np.int64]]) -> None:
    ink = ink_map(validation[0][0], np.random.default_rng(0), canvas=(1500, 2500), field=900)
    tags = Image.Exif()
    tags[0x0112] = 6  # stored turned to the left: shown turned to the right
    content = saved(255 - 255 * np.rot90(ink), "JPEG", quality=90, exif=tags)
    picture = read_picture(content)
    assert picture.size == (2500, 1500)
    (digit,) = picture.digits
    rows, columns = np.nonzero(ink > 0.5)
    np.testing.assert_allclose(digit.box, (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1), atol=6)


def test_digits_in_a_row_are_found_left_to_right(validation: tuple[Bytes, NDArray[np.int64]]) -> None:
    images, rng = validation[0], np.random.default_rng(5)
    right = 0
    for start in range(0, 100, 5):
        picture = read_picture(in_a_row(images[start : start + 5], rng))
        lefts = [digit.box[0] for digit in picture.digits]
        assert lefts == sorted(lefts)
        if len(picture.digits) == 5:
            alike = [likeness(digit.image, image) for digit, image in zip(picture.digits, images[start:], strict=False)]
            right += bool(np.median(alike) > 0.6)
    assert right >= 17


def test_touching_digits_are_cut_apart(validation: tuple[Bytes, NDArray[np.int64]]) -> None:
    images, labels = validation
    zero, six = images[labels == 0][0], images[labels == 6][0]
    rng = np.random.default_rng(6)
    left, right = (ink_map(image, rng, canvas=(1, 1), field=140) for image in (zero, six))
    page = np.zeros((200, 300), dtype=np.float32)
    left, right = left[1:-1, 1:-1], right[1:-1, 1:-1]
    page[30 : 30 + left.shape[0], 30 : 30 + left.shape[1]] = left
    at = 30 + left.shape[1] - 2
    page[40 : 40 + right.shape[0], at : at + right.shape[1]] = np.maximum(
        page[40 : 40 + right.shape[0], at : at + right.shape[1]], right
    )
    picture = picture_from_array(np.rint(255 * page).astype(np.uint8))
    assert len(picture.digits) == 2
    assert likeness(picture.digits[0].image, zero) > 0.6
    assert likeness(picture.digits[1].image, six) > 0.6


def test_two_rows_are_read_one_after_the_other() -> None:
    page = np.full((300, 300), 255, dtype=np.uint8)
    for top, left in ((40, 60), (45, 200), (180, 50), (175, 210)):
        page[top : top + 80, left : left + 12] = 20
    boxes = [digit.box[:2] for digit in picture_from_array(page).digits]
    assert boxes == [(60, 40), (200, 45), (50, 180), (210, 175)]


def test_a_frame_is_no_digit() -> None:
    page = np.full((200, 200), 255, dtype=np.uint8)
    page[20:180, 20:180] = 0
    page[22:178, 22:178] = 255
    page[60:140, 95:107] = 0
    (digit,) = picture_from_array(page).digits
    assert digit.box == (95, 60, 12, 80)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank(level: int) -> None:
    picture = picture_from_array(np.full((200, 300), level, dtype=np.uint8))
    assert picture.digits == ()
    assert picture.reason == "pictures.blank"
    assert steps_strip(picture).height > 0


def test_blank_paper_in_uneven_light_with_noise() -> None:
    rng = np.random.default_rng(7)
    slope = np.linspace(230, 120, 300)[None] + np.linspace(0, 20, 200)[:, None] + rng.normal(0, 5, (200, 300))
    assert picture_from_array(slope.astype(np.uint8)).digits == ()


def test_noise_only() -> None:
    noise = np.random.default_rng(8).integers(0, 256, (200, 200), dtype=np.uint8)
    assert picture_from_array(noise).digits == ()


def test_notes_and_stages(validation: tuple[Bytes, NDArray[np.int64]]) -> None:
    ink = ink_map(validation[0][0], np.random.default_rng(0), field=250, widen=-1.0)
    picture = picture_from_array(np.rint(255 * ink).astype(np.uint8))
    assert "thickened the strokes to MNIST's width" in picture.notes
    assert [stage.title for stage in picture.stages] == ["upright", "lighting evened out", "ink", "digits found", "28 x 28"]
    assert steps_strip(picture).width > 5 * 200


@settings(max_examples=50)
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=4, max_side=24)))
def test_any_array_is_read_or_refused_with_a_reason(array: Bytes) -> None:
    picture = picture_from_array(array)
    assert (picture.reason is None) == bool(picture.digits)
    assert all(digit.image.shape == (28, 28) for digit in picture.digits)


def test_a_picture_of_28_x_28_may_be_none_of_mnist_s() -> None:
    array = np.zeros((28, 28), np.uint8)
    array[2:9, 2:5] = 255  # far from the middle
    picture = picture_from_array(array)
    assert picture.layouts is not None
    kinds = [layout.kind for layout in picture.layouts]
    assert [layout.kind for layout in picture.layouts] == kinds
    assert kinds[0] == "usual"


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((28, 28)),
        np.zeros((2, 2), np.uint8),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros(9, np.uint8),
        np.zeros((1281, 1280), np.uint8),
    ],
)
def test_arrays_that_are_no_pictures(array: Bytes) -> None:
    with pytest.raises(PictureError):
        picture_from_array(array)


@settings(max_examples=20)
@given(st.integers(0, 9_999), st.booleans())
def test_negatives_and_brightness_change_nothing_much(index: int, negative: bool) -> None:
    ink = np.zeros((120, 120), dtype=np.float32)
    ink[20:100, 30 + index % 40 : 40 + index % 40] = 1
    page = 200 - 150 * ink if negative else 40 + 150 * ink
    (digit,) = picture_from_array(page.astype(np.uint8)).digits
    assert digit.box == (30 + index % 40, 20, 10, 80)
