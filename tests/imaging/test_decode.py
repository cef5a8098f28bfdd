"""Decoding against Pillow's own decoders, and every bad picture refused in one line."""

import os
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from softreg.errors import PictureError
from softreg.imaging.decode import MAX_BYTES, _frames, decode
from softreg.imaging.picture import read_picture

RGB = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8))
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def by_pillow(content: bytes) -> np.typing.NDArray[np.uint8]:
    with Image.open(BytesIO(content)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


@pytest.mark.parametrize("form", FORMATS)
def test_formats_decode_as_pillow_decodes_them(form: str) -> None:
    content = saved(RGB, form)
    np.testing.assert_array_equal(decode(content).pixels, by_pillow(content))


@pytest.mark.parametrize(
    ("form", "mode"), [("PNG", "1"), ("PNG", "L"), ("PNG", "P"), ("GIF", "P"), ("TIFF", "CMYK"), ("JPEG", "CMYK"), ("BMP", "1")]
)
def test_modes_decode_as_pillow_converts_them(form: str, mode: str) -> None:
    content = saved(RGB.convert(mode), form)
    np.testing.assert_array_equal(decode(content).pixels, by_pillow(content))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(form: str, orientation: int) -> None:
    tags = Image.Exif()
    tags[0x0112] = orientation
    content = saved(RGB, form, exif=tags)
    upright = decode(content)
    np.testing.assert_array_equal(upright.pixels, by_pillow(content))
    assert upright.size == upright.pixels.shape[1::-1]


def test_large_pictures_shrink_but_keep_their_size() -> None:
    large = RGB.resize((2000, 1500))
    for form in ("JPEG", "PNG"):
        upright = decode(saved(large, form))
        assert upright.size == (2000, 1500)
        assert max(upright.pixels.shape) == 1280
        small = np.asarray(large.resize((1280, 960), Image.Resampling.BOX), dtype=np.float32)
        assert np.abs(upright.pixels - small).mean() < 4


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bits(form: str) -> None:
    values = np.random.default_rng(1).integers(0, 2**16, (20, 30)).astype(np.uint16)
    np.testing.assert_allclose(decode(saved(Image.fromarray(values), form)).pixels[..., 0], values / 257, rtol=1e-6)


def test_float_tiff() -> None:
    values = np.random.default_rng(1).random((20, 30)).astype(np.float32)
    values[0, 0] = np.nan
    assert np.isfinite(decode(saved(Image.fromarray(values), "TIFF")).pixels).all()


@pytest.mark.parametrize(("pen", "paper"), [(0, 255), (255, 0), (60, 255), (200, 0)])
def test_transparent_pictures_lie_on_what_gives_contrast(pen: int, paper: int) -> None:
    alpha = np.zeros((20, 20), dtype=np.uint8)
    alpha[5:15, 8:12] = 255
    alpha[4, 8:12] = 51
    content = saved(Image.fromarray(np.dstack([np.full((20, 20, 3), pen, dtype=np.uint8), alpha])), "PNG")
    pixels = decode(content).pixels[..., 0]
    assert pixels[10, 10] == pen
    assert pixels[0, 0] == paper
    assert pixels[4, 10] == pytest.approx(0.2 * pen + 0.8 * paper)


def test_transparent_corners_become_paper() -> None:
    pixels = np.full((20, 20, 4), (200, 190, 180, 255), dtype=np.uint8)
    pixels[:3, :3, 3] = 0
    assert (decode(saved(Image.fromarray(pixels), "PNG")).pixels == (200, 190, 180)).all()


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    start = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + start + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def check_refused(source: bytes | Path, key: str, name: str | None = None) -> None:
    with pytest.raises(PictureError) as caught:
        read_picture(source, name=name)
    message = str(caught.value)
    assert caught.value.key == f"pictures.{key}"
    assert len(message.splitlines()) == 1
    assert message.startswith(name or ("picture" if isinstance(source, bytes) else str(source)))


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b"", "empty"),
        (b"seven\n", "unknown_format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unknown_format"),
        (b"\0\0\0\x18ftypheic" + bytes(200), "heic"),
        (png_header(50_000, 50_000), "far_too_many_pixels"),
        (png_header(10_000, 10_000), "too_many_pixels"),
        (png_header(300, 300), "damaged"),
        (bytes(MAX_BYTES + 1), "too_many_bytes"),
        (saved(Image.new("L", (1, 1)), "PNG"), "too_small"),
        (saved(Image.new("L", (300, 2)), "PNG"), "too_small"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_contents(content: bytes, key: str) -> None:
    check_refused(content, key, "seven.png")


@pytest.mark.parametrize("form", FORMATS)
def test_truncated(form: str) -> None:
    content = saved(RGB, form)
    for share in (0.3, 0.6, 0.9):
        with pytest.raises(PictureError) as caught:
            read_picture(content[: int(share * len(content))])
        assert len(str(caught.value).splitlines()) == 1


def test_bad_paths(tmp_path: Path) -> None:
    check_refused(tmp_path, "folder")
    check_refused(tmp_path / "missing.png", "missing")
    check_refused(Path("a\0b"), "unreadable", "zero byte")
    os.mkfifo(tmp_path / "pipe")
    check_refused(tmp_path / "pipe", "not_a_file")
    broken = tmp_path / "two\nlines.png"
    broken.write_bytes(b"no")
    with pytest.raises(PictureError) as caught:
        read_picture(broken)
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_cannot_be_read_to_its_end() -> None:
    class Broken(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(PictureError, match="Input/output error"):
        decode(Broken(), "seven.png")


def test_damaged_exif_and_a_damaged_second_frame_are_no_obstacle() -> None:
    content = saved(RGB, "PNG", exif=b"Exif\0\0no TIFF")
    with Image.open(BytesIO(content)) as opened, pytest.raises(SyntaxError):
        opened.getexif()
    assert np.array_equal(decode(content).pixels, np.asarray(RGB))

    class Damaged(Image.Image):
        sought = -1

        @property
        def is_animated(self) -> bool:
            raise EOFError("no such frame")

        def seek(self, frame: int) -> None:
            self.sought = frame

    image = Damaged()
    assert _frames(image) == ()
    assert image.sought == 0


def test_content_decides_not_the_extension(tmp_path: Path) -> None:
    path = tmp_path / "seven.jpg"
    path.write_bytes(saved(RGB, "PNG"))
    np.testing.assert_array_equal(decode(path).pixels, np.asarray(RGB))
    with path.open("rb") as file:
        np.testing.assert_array_equal(decode(file).pixels, np.asarray(RGB))


def test_the_first_of_ten_thousand_frames() -> None:
    first = Image.new("P", (8, 8), 1)
    content = saved(first, "GIF")
    frame = content[content.index(b",") : -1]
    many = decode(content[:-1] + (b"!\xf9\x04\x04\x01\0\0\0" + frame) * 9_999 + b";")
    assert many.notes == ("first of several frames",)
    np.testing.assert_array_equal(many.pixels, by_pillow(content))


def check_read_or_refused(content: bytes) -> None:
    """Anything but a `PictureError` fails the test by itself."""
    try:
        read_picture(content)
    except PictureError as error:
        message = str(error)
    else:
        message = "read"
    assert len(message.splitlines()) == 1


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([saved(RGB, form)[:n] for form in FORMATS for n in (0, 12, 40)]), st.binary(max_size=300))
def test_arbitrary_bytes_raise_nothing_else(start: bytes, rest: bytes) -> None:
    check_read_or_refused(start + rest)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(FORMATS), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_damaged_pictures_raise_nothing_else(form: str, damages: list[tuple[float, int]]) -> None:
    content = bytearray(saved(RGB, form))
    for where, value in damages:
        content[int(where * (len(content) - 1))] = value
    check_read_or_refused(bytes(content))
