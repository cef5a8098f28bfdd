"""A little of what `make torture` does to the readers and the server: every input is read or refused, soon, in one line."""

import errno
import os
import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from softreg.errors import PictureError, RunError
from softreg.imaging.picture import read_picture
from softreg.model.serialization import model_from_bytes
from torture.fuzz import fuzz
from torture.readers import READERS
from torture.requests import send_all


@pytest.mark.parametrize(("name", "inputs"), [("idx", 3000), ("pictures", 700), ("models", 1000), ("recipes", 2000)])
def test_damaged_files_are_read_or_refused(name: str, inputs: int, tmp_path: Path) -> None:
    result = fuzz(READERS[name](tmp_path), range(inputs))
    assert result.failures == []
    assert result.inputs == inputs
    assert 0 < result.accepted < inputs  # damage enough, and not too much


@settings(max_examples=300)
@given(st.binary(max_size=200), st.integers(0, 2**64 - 1))
def test_any_bytes_are_no_model(content: bytes, length: int) -> None:
    for raw in (content, length.to_bytes(8, "little") + content, len(content).to_bytes(8, "little") + content):
        with pytest.raises(RunError):
            model_from_bytes(raw, Path("model.safetensors"))


def test_the_server_answers_whatever_it_is_asked(tmp_path: Path) -> None:
    result = send_all(range(300), tmp_path)
    assert result.failures == []
    assert result.statuses.total() == 300
    assert {200, 400, 404} <= result.statuses.keys()


@pytest.mark.parametrize("shape", [(60_000, 30), (30, 60_000), (5, 1200), (400, 4)])
def test_a_ribbon_is_a_picture(shape: tuple[int, int]) -> None:
    pixels = np.full(shape, 255, np.uint8)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    assert read_picture(file.getvalue()).reason == "pictures.blank"
    pixels[shape[0] // 3 : shape[0] // 2, shape[1] // 3 : shape[1] // 2 + 1] = 20
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    assert len(read_picture(file.getvalue()).digits) == 1


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf, 3.4e38, -3.4e38])
@pytest.mark.parametrize("shape", [(40, 40), (4, 30_000), (3000, 3000)])
def test_numbers_that_are_no_brightness(shape: tuple[int, int], strange: float) -> None:
    pixels = np.full(shape, 0.9, np.float32)
    pixels[1 : shape[0] // 2, shape[1] // 3 : shape[1] // 2] = strange
    pixels[0, 0] = -3.4e38
    file = BytesIO()
    Image.fromarray(pixels).save(file, "TIFF")
    assert np.isfinite(read_picture(file.getvalue()).stages[0].array).all()


def test_a_source_that_breaks_off_and_an_orientation_that_is_none() -> None:
    class Broken(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(PictureError, match="Input/output error"):
        read_picture(Broken(), name="stick")
    exif = b"II*\0" + struct.pack("<IHHHI4sI", 8, 1, ExifTags.Base.Orientation, 2, 4, b"up!\0", 0)  # letters, not a number
    file = BytesIO()
    Image.new("L", (40, 30), 255).save(file, "PNG", exif=exif)
    assert read_picture(file.getvalue()).size == (40, 30)
