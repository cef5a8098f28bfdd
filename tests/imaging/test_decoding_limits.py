"""Pictures made to hurt are read cheaply or refused; the bounds let through what cameras and scanners write."""

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from softreg.errors import PictureError
from softreg.imaging.decoding_limits import (
    MAX_MEMORY,
    MAX_READS,
    MAX_SCANS,
    MAX_SEGMENTS,
    MAX_SIDE,
    MeteredFile,
    _scans,
    check_cost,
)
from tests.helpers.bombs import BOMBS, claimed_png, saved

MAX_GROWTH = 512 * 2**10  # KiB, of a process that reads all of them
READ_ALL = """
import json
import sys
from pathlib import Path
from softreg.errors import PictureError
from softreg.imaging.picture import read_picture

def outcome(path):
    try:
        read_picture(path)
    except PictureError as error:
        return error.key.removeprefix("pictures.")
    return "read"

def peak():
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else ["VmHWM: 0"]
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

before = peak()
outcomes = {path.name: outcome(path) for path in Path(sys.argv[1]).iterdir()}
print(json.dumps([outcomes, peak() - before]))
"""


def test_bombs_are_read_cheaply_or_refused(tmp_path: Path) -> None:
    for name, (make, _) in BOMBS.items():
        (tmp_path / name).write_bytes(make())
    process = subprocess.run([sys.executable, "-c", READ_ALL, str(tmp_path)], capture_output=True, text=True, check=True)
    outcomes, growth = json.loads(process.stdout)
    assert outcomes == {name: expected for name, (_, expected) in BOMBS.items()}
    assert growth < MAX_GROWTH


@pytest.mark.parametrize(("mode", "scans"), [("L", 6), ("RGB", 10)])  # of libjpeg's own progression
def test_scans_are_counted_as_libjpeg_writes_them(mode: str, scans: int, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)).convert(mode)
    thumbnail = Image.Exif()
    thumbnail[0x010E] = "\xff\xda" * 99  # what looks like scans inside another segment
    content = saved(noise, "JPEG", progressive=True, exif=thumbnail)
    for most, allowed in ((scans, True), (scans - 1, False)):
        monkeypatch.setattr("softreg.imaging.decoding_limits.MAX_SCANS", most)
        with Image.open(BytesIO(content)) as image:
            if allowed:
                check_cost(image, content, "noise")
            else:
                with pytest.raises(PictureError, match="scans"):
                    check_cost(image, content, "noise")


@settings(max_examples=60)
@given(st.integers(1, 2 * MAX_SIDE), st.integers(1, 2 * MAX_SIDE), st.sampled_from(["L", "P", "RGB", "RGBA"]))
def test_what_is_let_through_fits_into_memory(width: int, height: int, mode: str) -> None:
    content = claimed_png(width, height, mode)
    try:
        with Image.open(BytesIO(content)) as image:
            check_cost(image, content, "flat")
    except (PictureError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return
    stored = {"L": 1, "P": 5, "RGB": 4, "RGBA": 8}[mode]  # a palette is turned into colours, colours with alpha are multiplied
    assert width * height * stored <= MAX_MEMORY


def test_a_file_of_too_many_pieces_is_given_up() -> None:
    file = MeteredFile(bytes(MAX_READS + 1))
    for _ in range(MAX_READS):
        file.read(1)
    with pytest.raises(OSError, match="too many pieces"):
        file.read(1)


def test_a_jpeg_of_too_many_segments_counts_as_one_of_too_many_scans() -> None:
    segment = b"\xff\xe0\x00\x02"
    assert _scans(b"\xff\xd8" + segment * (MAX_SEGMENTS - 1) + b"\xff\xd9") <= MAX_SCANS
    assert _scans(b"\xff\xd8" + segment * MAX_SEGMENTS + b"\xff\xd9") > MAX_SCANS


@pytest.mark.parametrize("size", [(8064, 6048), (7016, 4961)])  # a phone's 48 million pixels, A4 at 600 dots an inch
def test_photos_and_scans_are_let_through(size: tuple[int, int]) -> None:
    photo = claimed_png(*size, "RGB")
    with Image.open(BytesIO(photo)) as image:
        check_cost(image, photo, "photo")
