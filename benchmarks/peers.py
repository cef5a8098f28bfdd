"""Other readers of digits: RapidOCR, Tesseract, and Otsu's threshold with plain shrinking. All are told that they see digits.

RapidOCR (the extra `peers` of this project; its models come in its wheel) and Tesseract (a program of the system) are general OCR.
They are helped: pictures are turned upright, transparency is flattened, light ink is inverted, small pictures are enlarged, and
letters that look like a digit count as that digit. A reader that is not installed is left out.
"""

import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from scipy import ndimage

from softreg.errors import PictureError
from softreg.imaging.decode import decode
from softreg.imaging.normalization import bounds
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.runs.pretrained import pretrained_path
from softreg.runs.run import open_run

Bytes = NDArray[np.uint8]
Reader = Callable[[bytes, bool], set[str]]  # of a picture, and whether it may show several digits: the answers, "" for none

LOOK_ALIKES = str.maketrans("OoDQUlI|i!ZzESsbGTBqg", "000001111122355667899")
SMALLEST = 64  # pixels: the shorter side of a picture is made at least this long


def helped(content: bytes) -> Bytes:
    """The picture in grey, upright and flattened, dark ink on light paper, enlarged if it is small: uint8 (H, W)."""
    pixels = decode(content, None).pixels.mean(axis=2)
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    image = ImageOps.invert(image) if np.median(pixels) < 128 else image
    image = ImageOps.expand(image, max(4, min(image.size) // 6), fill=int(np.median(np.asarray(image))))
    scale = max(1.0, SMALLEST / min(image.size))
    return np.asarray(image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC))


def digits_of(text: str) -> str:
    """The digits of a text, with letters that look like one."""
    return "".join(character for character in text.translate(LOOK_ALIKES) if character in "0123456789")


@cache
def _rapidocr() -> Any:
    from rapidocr import RapidOCR

    return RapidOCR(params={"Global.log_level": "error", "EngineConfig.onnxruntime.intra_op_num_threads": 1})


def rapidocr(content: bytes, several: bool) -> set[str]:
    """What RapidOCR's recognition says of the whole picture; of several digits also what it says with its detection of text."""
    picture = np.repeat(helped(content)[:, :, None], 3, axis=2)
    alone = _rapidocr()(picture, use_det=False, use_cls=False)
    answers = {digits_of("".join(alone.txts or ()))}
    if several:
        found = _rapidocr()(picture)
        answers.add(digits_of("".join(found.txts or ())))
    return answers


def tesseract(content: bytes, several: bool) -> set[str]:
    """What Tesseract says of one character, or of a block of text, when only digits are allowed."""
    file = BytesIO()
    Image.fromarray(helped(content)).save(file, "PNG")
    command = ["tesseract", "stdin", "stdout", "--psm", "6" if several else "10", "-c", "tessedit_char_whitelist=0123456789"]
    said = subprocess.run(command, input=file.getvalue(), capture_output=True, check=False).stdout
    return {digits_of(said.decode())}


@cache
def _best() -> SoftmaxRegression:
    return open_run(pretrained_path("best")).model()


def otsu(content: bytes, several: bool) -> set[str]:
    """Otsu's threshold, the box of all ink shrunk to 20 x 20, its centre of mass in the middle, and the run `best`."""
    grey = np.asarray(helped(content))
    ink = grey <= otsu_threshold(grey)
    if not ink.any():
        return {""}
    top, left, bottom, right = bounds(ink)
    crop = Image.fromarray((255 * ink[top:bottom, left:right]).astype(np.uint8))
    scale = 20 / max(crop.size)
    size = max(1, round(crop.width * scale)), max(1, round(crop.height * scale))
    small = np.asarray(crop.resize(size, Image.Resampling.BOX))
    image = np.zeros((28, 28), dtype=np.uint8)
    down, across = (28 - small.shape[0]) // 2, (28 - small.shape[1]) // 2
    image[down : down + small.shape[0], across : across + small.shape[1]] = small
    shift = [round(13.5 - float(centre)) for centre in ndimage.center_of_mass(image)]
    moved = np.roll(image, shift, axis=(0, 1))
    return {str(int(_best().logits(torch.from_numpy(moved)[None]).argmax()))}


def otsu_threshold(grey: Bytes) -> int:
    """The grey level that parts the histogram with the largest variance between the parts (Otsu, 1979)."""
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float64)
    below, total = counts.cumsum(), counts.sum()
    sums = (counts * np.arange(256)).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (sums[-1] * below / total - sums) ** 2 / (below * (total - below))
    return int(np.nanargmax(np.where(np.isfinite(between), between, -1)))


READERS: dict[str, Reader] = {"rapidocr": rapidocr, "tesseract": tesseract, "otsu": otsu}


def installed() -> dict[str, Reader]:
    """The readers that can be run here, by name."""
    missing = {"rapidocr": find_spec("rapidocr") is None, "tesseract": shutil.which("tesseract") is None}
    return {name: reader for name, reader in READERS.items() if not missing.get(name)}


def is_right(reader: Reader, content: bytes, label: str) -> bool:
    """Whether one of the reader's answers is `label`, "" for a picture without a digit."""
    try:
        return label in reader(content, len(label) > 1)
    except PictureError:
        return not label
