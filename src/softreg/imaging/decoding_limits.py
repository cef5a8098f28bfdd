"""What decoding a picture would cost, told from its header and its markers: too much is refused before it is spent.

A picture of one colour takes a few hundred bytes as a file and hundreds of megabytes decoded; a JPEG may be made of thousands of
scans, each over all of the picture; and a file of millions of tiny blocks keeps Pillow's Python busy with reading.
"""

import re
from collections.abc import Mapping
from io import BytesIO

from PIL import Image

from softreg.errors import PictureError

MAX_PIXELS = 64_000_000
MAX_SIDE = 65_535  # pixels: JPEG's
MIN_SIDE = 4
MAX_MEMORY = 256 * 2**20  # bytes that Pillow and its libraries may hold while they decode
MAX_READS = 400_000  # of the file by Pillow: of what other programs write it needs fewer than a tenth
MAX_SCANS = 64  # of a JPEG; libjpeg writes 10
MAX_SEGMENTS = 10_000  # of a JPEG between two scans
MAX_RUN_LENGTH_PIXELS = 8_000_000  # of a BMP with run lengths, which Pillow decodes in Python
MAX_PPM_NUMBERS = 2_000_000  # of a PGM or PPM as text, or with another maximum than 255, which Pillow decodes in Python
MAX_PPM_COMMENTS = 100  # of one as text: each costs Pillow a copy of what follows
TILE_WIDTH, TILE_LENGTH = 322, 323  # TIFF tags

STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}  # bytes a pixel takes in Pillow; 4 in all other modes
MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")  # of a JPEG segment; in a scan's data a zero follows each 255
START_OF_SCAN, END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"


class MeteredFile(BytesIO):
    """A file in memory that Pillow may read at most `MAX_READS` times.

    Raises
    ------
    OSError
        Of `read`, after that.
    """

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """See `BytesIO.read`."""
        self.reads += 1
        if self.reads > MAX_READS:
            raise OSError("made of too many pieces")
        return super().read(size)


def check_cost(image: Image.Image, content: bytes, name: str) -> None:
    """Raise a PictureError unless the picture, opened but not decoded, can be decoded at a bounded cost."""
    width, height = image.size
    size = f"{width} x {height}"
    if min(width, height) < MIN_SIDE:
        raise PictureError("pictures.too_small", name=name, width=width, height=height, least=MIN_SIDE)
    if max(width, height) > MAX_SIDE:
        raise PictureError("pictures.too_long", name=name, size=size, most=MAX_SIDE)
    scans = _scans(content) if image.format in ("JPEG", "MPO") else 0
    if scans > MAX_SCANS:
        raise PictureError("pictures.too_many_scans", name=name, most=MAX_SCANS)
    if _codec(image) == "ppm_plain" and content.count(b"#") > MAX_PPM_COMMENTS:
        raise PictureError("pictures.damaged", name=name, why="too many comments")
    most = _most_pixels(image, scans)
    if max(width * height, _tile_pixels(image)) > most:
        raise PictureError("pictures.too_many_pixels", name=name, size=size, most=most // 10**6)


def _most_pixels(image: Image.Image, scans: int) -> int:
    """How many pixels a picture of this kind may have."""
    if _codec(image) == "bmp_rle":
        return MAX_RUN_LENGTH_PIXELS
    if _codec(image) in ("ppm", "ppm_plain"):
        return MAX_PPM_NUMBERS // len(image.getbands())
    return min(MAX_PIXELS, MAX_MEMORY // _bytes_per_pixel(image, scans))


def _codec(image: Image.Image) -> str:
    """The name of Pillow's decoder."""
    tiles = getattr(image, "tile", ())
    return str(tiles[0].codec_name) if tiles else ""


def _bytes_per_pixel(image: Image.Image, scans: int) -> int:
    """What a pixel takes while the picture is decoded and brought to a standard mode."""
    if scans:  # decoded at a fraction; the coefficients of all components are held only if they come in several scans
        return 2 * len(image.getbands()) if scans > 1 or "progressive" in image.info else 1
    stored = STORED.get(image.mode, 4)
    if image.mode[0] in "IF":
        needed = 2 * stored + 8  # an array of it, and floats
    elif image.has_transparency_data:
        needed = stored + (4 if image.mode == "RGBA" else 8)  # RGBA, and that multiplied by its alpha
    else:
        needed = stored if image.mode in ("L", "RGB") else stored + 4
    return needed + 12 * (image.format == "WEBP")  # libwebp's two canvases, and a copy


def _tile_pixels(image: Image.Image) -> int:
    """The pixels of a tile of a TIFF, which is decoded whole however small the picture is."""
    if not isinstance(tags := getattr(image, "tag_v2", None), Mapping):
        return 0
    return int(tags.get(TILE_WIDTH, 0)) * int(tags.get(TILE_LENGTH, 0))


def _scans(content: bytes) -> int:
    """How many scans a JPEG has, none of them decoded; one too many if it is made of too many segments."""
    at = scans = 0
    for _ in range(MAX_SEGMENTS):
        marker = MARKER.search(content, at)
        if marker is None or marker[0] == END_OF_IMAGE or scans > MAX_SCANS:
            return max(scans, 1)
        scans += marker[0] == START_OF_SCAN
        at = marker.end() + int.from_bytes(content[marker.end() : marker.end() + 2])  # a length that counts itself
    return MAX_SCANS + 1
