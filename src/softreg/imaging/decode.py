"""From a file to upright pixels, trusting nothing the file says.

What a picture claims is checked before it is believed: its bytes are counted while they are read, and what decoding it would cost
(`decoding_limits`) before it is decoded. JPEG is decoded at a half, a quarter or an eighth where that is enough. Of an animation
the first frame is read.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from threading import Lock
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from softreg.errors import PictureError
from softreg.imaging.decoding_limits import MAX_PIXELS, MIN_SIDE, MeteredFile, check_cost
from softreg.imaging.high_bit_depth import eight_bits, thinned_out
from softreg.messages import translate

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # the last: PBM, PGM and PPM
MAX_BYTES = 64 * 1024**2
WORKING_SIDE = 1280  # pixels: a digit a fiftieth of a photo wide is still larger than MNIST's 20

TURNS = {  # EXIF orientation: what makes it upright
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Source = str | Path | bytes | BinaryIO

# Pillow warns about harmless oddities of a file (broken EXIF, say). Filters belong to the process, so one thread at a time.
_filters = Lock()


@dataclass(frozen=True, eq=False)
class Upright:
    """A decoded picture, upright, opaque, at working size.

    Attributes
    ----------
    pixels
        `float32 (H, W, 3)` in [0, 255], at most `WORKING_SIDE` long.
    size
        Width and height of the picture itself, upright, in its own pixels.
    notes
        Sentences about what was done on the way.
    """

    name: str
    pixels: NDArray[np.float32]
    size: tuple[int, int]
    notes: tuple[str, ...]


def decode(source: Source, name: str | None = None) -> Upright:
    """Read and decode a picture.

    Raises
    ------
    PictureError
        If there is no picture in it, or one that is too large, too small, damaged or in an unknown format.
    """
    name = printable(name if name is not None else _name(source))
    content = _content(source, name)
    with _filters, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _decoded(content, name)


def printable(name: str) -> str:
    """`name` on one line, whatever it contains."""
    return "".join(c if c.isprintable() else "?" for c in name) or "?"


def _name(source: Source) -> str:
    if isinstance(source, str | Path):
        return str(source)
    return "picture" if isinstance(source, bytes) else str(getattr(source, "name", "picture"))


def _content(source: Source, name: str) -> bytes:
    if isinstance(source, bytes):
        content = source
    elif isinstance(source, str | Path):
        content = _file(Path(source), name)
    else:
        content = _at_most(source, name)
    if not content:
        raise PictureError("pictures.empty", name=name)
    if len(content) > MAX_BYTES:
        raise PictureError("pictures.too_many_bytes", name=name, most=MAX_BYTES // 1024**2)
    return content


def _file(path: Path, name: str) -> bytes:
    try:
        kind = path.stat().st_mode
        if S_ISDIR(kind):
            raise PictureError("pictures.folder", name=name)
        if not S_ISREG(kind):
            raise PictureError("pictures.not_a_file", name=name)
        with path.open("rb") as file:
            return _at_most(file, name)
    except FileNotFoundError:
        raise PictureError("pictures.missing", name=name) from None
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise PictureError("pictures.unreadable", name=name, why=_reason(error)) from error


def _at_most(file: BinaryIO, name: str) -> bytes:
    """Everything in `file`, or the first `MAX_BYTES` + 1 bytes; pipes may give less than was asked for."""
    content = bytearray()
    try:
        while len(content) <= MAX_BYTES and (more := file.read(MAX_BYTES + 1 - len(content))):
            content += more
    except (OSError, ValueError) as error:
        raise PictureError("pictures.unreadable", name=name, why=_reason(error)) from error
    return bytes(content)


def _reason(error: Exception) -> str:
    return printable(str(getattr(error, "strerror", None) or error or type(error).__name__)).rstrip(".")


def _decoded(content: bytes, name: str) -> Upright:
    """Decode what is in memory. Pillow's decoders raise almost any exception on bytes made to hurt, so all are caught here."""
    try:
        with Image.open(MeteredFile(content), formats=FORMATS) as image:
            check_cost(image, content, name)
            notes = _frames(image)
            size = image.size
            image.draft(image.mode, _working_size(size))
            image.load()
            if image.format == "TIFF":  # which load() has already turned
                size = image.size
            orientation = _orientation(image)
            pixels = _opaque(_shrunk(_standard_mode(image)), orientation)
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError("pictures.far_too_many_pixels", name=name, most=MAX_PIXELS // 10**6) from error
    except UnidentifiedImageError as error:
        raise PictureError("pictures.heic" if content[4:8] == b"ftyp" else "pictures.unknown_format", name=name) from error
    except Exception as error:
        raise PictureError("pictures.damaged", name=name, why=_reason(error)) from error
    return Upright(name, pixels, size[::-1] if orientation >= 5 else size, notes)


def _frames(image: Image.Image) -> tuple[str, ...]:
    """Say so if only the first of several frames is read. They are not counted: a file may have millions."""
    try:
        several = bool(getattr(image, "is_animated", False))
    except Exception:  # the second is damaged
        several = False
    image.seek(0)
    return (translate("pictures.first_frame"),) if several else ()


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where the file says nothing sensible."""
    try:
        orientation = int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return 1
    return orientation if orientation in TURNS else 1


def _standard_mode(image: Image.Image) -> Image.Image:
    """The picture as 8-bit grey (`L`), `RGB`, `RGBA`, or as float grey (`F`, still in [0, 255]) if it has more than 8 bits."""
    if image.mode[0] in "IF":
        return Image.fromarray(eight_bits(thinned_out(np.asarray(image), 2 * WORKING_SIDE), whole=image.mode != "F"))
    mode = "RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "L") else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _shrunk(image: Image.Image) -> Image.Image:
    size = _working_size(image.size)
    return image if size == image.size else image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)


def _working_size(size: tuple[int, int]) -> tuple[int, int]:
    """Width and height at which a picture is read."""
    scale = min(1.0, WORKING_SIDE / max(size))
    width, height = (max(MIN_SIDE, round(side * scale)) for side in size)  # a ribbon keeps a width
    return width, height


def _opaque(image: Image.Image, orientation: int) -> NDArray[np.float32]:
    """`float32 (H, W, 3)`, turned as EXIF says, laid on paper where it is transparent."""
    turn = TURNS.get(orientation)
    values = np.asarray(image if turn is None else image.transpose(turn), dtype=np.float32)
    if image.mode == "RGBA":
        return _on_paper(values[..., :3], values[..., 3:])
    return values if values.ndim == 3 else np.broadcast_to(values[:, :, None], (*values.shape, 3))


def _on_paper(colour: NDArray[np.float32], alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lay a transparent picture on paper it can be read on.

    Where most of it is opaque, the paper is in the picture already and the holes get its colour; else the picture is ink,
    and white or black is chosen, whichever is farther from it.
    """
    opaque = alpha[..., 0] >= 128
    if opaque.mean() > 0.5:
        paper = np.median(colour[opaque], axis=0)
    else:
        ink = (colour * alpha).sum(axis=(0, 1)) / max(float(alpha.sum()), 1.0)
        paper = np.full(3, 255 if ink.mean() < 128 else 0, dtype=np.float32)
    return np.asarray((colour * alpha + paper.astype(np.float32) * (255 - alpha)) / np.float32(255), dtype=np.float32)
