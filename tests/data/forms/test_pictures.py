"""Pictures decoded and brought to one size, against Pillow."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from softreg.data.forms.pictures import BATCH, Encoded, commonest_size, decode_all, decode_parts, stream
from softreg.data.forms.source import ReadOptions
from softreg.errors import DataError, SoftregWarning

RNG = np.random.default_rng(5)


def random_pixels(height: int, width: int) -> NDArray[np.uint8]:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(pixels: NDArray[np.uint8], name: str = "picture", **options: object) -> Encoded:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **options)
    return Encoded(buffer.getvalue(), name)


def blank(*sizes: tuple[int, int]) -> list[Encoded]:
    return [encoded(np.zeros((*size, 3), np.uint8)) for size in sizes]


@pytest.mark.parametrize(
    ("sizes", "commonest"),
    [
        ([(10, 12)], (10, 12)),
        ([(20, 20), (10, 12), (20, 20)], (20, 20)),
        ([(20, 20), (10, 12)], (10, 12)),
        ([(12, 10), (10, 12)], (10, 12)),
    ],
)
def test_the_commonest_size_and_the_smaller_of_two(sizes: Sequence[tuple[int, int]], commonest: tuple[int, int]) -> None:
    assert commonest_size(blank(*sizes), "x") == commonest


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_that_of_the_upright_picture(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = encoded(random_pixels(10, 20), exif=exif)
    size = commonest_size([picture], "x")
    assert size == ((20, 10) if orientation >= 5 else (10, 20))  # 5 to 8 turn by a quarter
    images, _ = decode_all([picture], size, ReadOptions(), "x")
    assert images.shape == (1, *size, 3)


def test_a_file_and_its_bytes_are_the_same_picture(tmp_path: Path) -> None:
    pixels = random_pixels(9, 11)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    pictures = [Encoded(tmp_path / "a.png", "a.png"), Encoded((tmp_path / "a.png").read_bytes(), "row 1")]
    images, good = decode_all(pictures, (9, 11), ReadOptions(), "x")
    assert np.array_equal(images, [pixels, pixels])
    assert good == [0, 1]


def test_another_size_is_resized_as_pillow_does() -> None:
    pixels = random_pixels(20, 30)
    with pytest.warns(SoftregWarning, match="resized 1 of 1 pictures to 9 x 11"):
        images, _ = decode_all([encoded(pixels)], (9, 11), ReadOptions(), "x")
    assert np.array_equal(images[0], np.asarray(Image.fromarray(pixels).resize((11, 9), Image.Resampling.BILINEAR)))


def test_bad_pictures_are_refused_or_skipped() -> None:
    pixels = random_pixels(9, 9)
    bad = [Encoded(b"?", f"bad {number}") for number in range(7)]
    pictures = [*bad[:3], encoded(pixels), *bad[3:]]
    with pytest.raises(DataError, match=r"7 of 8.*bad 0.*bad 4.*; \.\.\.") as refused:
        decode_all(pictures, (9, 9), ReadOptions(), "x")
    assert "bad 5" not in str(refused.value)
    with pytest.warns(SoftregWarning, match="7 of 8"):
        images, good = decode_all(pictures, (9, 9), ReadOptions(skip_bad=True), "x")
    assert good == [3]
    assert np.array_equal(images, [pixels])


@pytest.mark.filterwarnings("ignore::softreg.errors.SoftregWarning")
def test_nothing_readable_is_refused() -> None:
    bad = [Encoded(b"?", "bad")]
    with pytest.raises(DataError, match="no readable pictures"):
        commonest_size(bad, "x")
    with pytest.raises(DataError, match="no readable pictures"):
        decode_all(bad, (9, 9), ReadOptions(skip_bad=True), "x")
    with pytest.raises(DataError, match="x"):
        list(stream([], ReadOptions(), Path("x")))


@pytest.mark.parametrize("size", [(7, 20), (20, 7), (1025, 20)])
def test_a_size_out_of_bounds_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(DataError, match=rf"{size[0]} x {size[1]}.*--size"):
        commonest_size(blank(size), "x")


def test_grey_pictures_have_no_colour_axis_unless_one_has_colour() -> None:
    colour = np.stack([random_pixels(9, 9), random_pixels(9, 9)])
    grey = np.repeat(colour[..., :1], 3, axis=3)
    pictures = [encoded(image) for image in (*grey, *colour)]
    for shown, expected in ((pictures[:2], grey[..., 0]), (pictures, np.concatenate([grey, colour]))):
        images, _ = decode_all(shown, (9, 9), ReadOptions(), "x")
        assert np.array_equal(images, expected)
    where = {"train": Path("train"), "test": Path("test")}
    parts = decode_parts({"train": pictures[:2], "test": pictures[2:]}, ReadOptions(), where)
    assert np.array_equal(parts["train"][0], grey)


@pytest.mark.filterwarnings("ignore::softreg.errors.SoftregWarning")
@pytest.mark.parametrize("image_shape", [(9, 9), (9, 9, 3), (12, 10)])
def test_pictures_are_brought_to_what_a_model_takes(image_shape: tuple[int, ...]) -> None:
    pixels = random_pixels(9, 9)
    images, _ = decode_all([encoded(pixels)], (image_shape[0], image_shape[1]), ReadOptions(image_shape=image_shape), "x")
    image = Image.fromarray(pixels).convert("L" if len(image_shape) == 2 else "RGB")
    expected = image.resize((image_shape[1], image_shape[0]), Image.Resampling.BILINEAR)
    assert np.array_equal(images[0], np.asarray(expected))


def test_a_stream_says_once_what_it_resized() -> None:
    pictures = [*blank((9, 9)) * (BATCH + 1), *blank((10, 10)), Encoded(b"?", "bad")]
    with pytest.warns(SoftregWarning) as told:
        parts = list(stream(pictures, ReadOptions(skip_bad=True), Path("x")))
    assert [len(images) for images, _ in parts] == [BATCH, 2]
    assert [index for _, good in parts for index in good] == list(range(BATCH + 2))
    skipped, resized = (str(warning.message) for warning in told)
    assert skipped.startswith("x: skipped 1 of 503 files: bad: not a supported picture")
    assert resized == "x: resized 1 of 503 pictures to 9 x 9"


def test_more_than_fits_in_memory_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softreg.data.forms.pictures.MAX_BYTES", 200)
    with pytest.raises(DataError, match=r"3 pictures take .* --size"):
        decode_all(blank((9, 9)) * 3, (9, 9), ReadOptions(), "x")
