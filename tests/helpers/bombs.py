"""Pictures made to cost far more than their bytes: memory, scans, directories, tiny pieces."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

COLOURS = {"L": 0, "RGB": 2, "P": 3, "RGBA": 6}  # PNG's numbers


def saved(image: Image.Image, form: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def png_chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def flat_png(width: int, height: int, mode: str = "L", *, depth: int = 8, interlaced: bool = False, more: bytes = b"") -> bytes:
    """A picture of one colour, packed line by line: a few kilobytes for any size; `more` stands before its pixels."""
    bits = {"L": 1, "P": 1, "RGB": 3, "RGBA": 4}[mode] * depth
    packer, packed = zlib.compressobj(9), []
    sides = [(width, height)]
    if interlaced:  # Adam7: seven smaller pictures
        starts = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
        sides = [(-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in starts]
    for w, h in sides:
        rows = bytes((1 + (w * bits + 7) // 8) * 64)
        packed += [packer.compress(rows) for _ in range(h // 64)]
        packed.append(packer.compress(bytes((1 + (w * bits + 7) // 8) * (h % 64))))
    packed.append(packer.flush())
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, COLOURS[mode], 0, 0, interlaced))
    palette = png_chunk(b"PLTE", bytes(range(256)) * 3) if mode == "P" else b""
    return b"\x89PNG\r\n\x1a\n" + head + palette + more + png_chunk(b"IDAT", b"".join(packed)) + png_chunk(b"IEND")


def many_scans(count: int, side: int = 8000, mode: str = "L") -> bytes:
    """A progressive JPEG whose last scan is repeated; its header says it is larger than it is."""
    raw = saved(Image.new("RGB", (64, 64), (200, 190, 180)).convert(mode), "JPEG", progressive=True)
    frame = raw.index(b"\xff\xc2")
    raw = raw[: frame + 5] + struct.pack(">HH", side, side) + raw[frame + 9 :]
    last = raw[raw.rindex(b"\xff\xda") : -2]
    return raw[:-2] + last * count + b"\xff\xd9"


def claimed_png(width: int, height: int, mode: str = "L", depth: int = 8) -> bytes:
    """A PNG whose header says so; its pixels are missing."""
    whole = flat_png(8, 8, mode, depth=depth)
    head = png_chunk(b"IHDR", struct.pack(">II", width, height) + whole[24:29])
    return whole[:8] + head + whole[33:]


def flat_jpeg(width: int, height: int, **options: object) -> bytes:
    """A JPEG of one colour."""
    return saved(Image.new("RGB", (width, height), (200, 190, 180)), "JPEG", quality=10, **options)


def many_directories(count: int) -> bytes:
    """A TIFF of `count` frames, each a directory that shares the pixels of the first."""
    raw = saved(Image.new("L", (40, 40), 255), "TIFF")
    (first,) = struct.unpack("<I", raw[4:8])
    (tags,) = struct.unpack("<H", raw[first : first + 2])
    directory = raw[first : first + 2 + 12 * tags]
    at = len(raw) + len(raw) % 2
    chain = b"".join(directory + struct.pack("<I", at + (n + 1) * (len(directory) + 4)) for n in range(count - 1))
    whole = raw[: first + len(directory)] + struct.pack("<I", at) + raw[first + len(directory) + 4 :]
    return whole + bytes(at - len(raw)) + chain + directory + bytes(4)


def huge_tile(side: int) -> bytes:
    """A TIFF of 40 x 40 pixels in a tile that says it is `side` x `side`."""
    packed = zlib.compress(bytes(10**6))
    tags = ImageFileDirectory_v2()
    values = {256: 40, 257: 40, 258: 8, 259: 8, 262: 1, 277: 1, 322: side, 323: side, 324: 8, 325: len(packed)}
    for tag, value in values.items():
        tags[tag] = value
    return b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed + tags.tobytes(8 + len(packed))


def shared_tags(count: int, size: int) -> bytes:
    """A TIFF with `count` tags that all point to the same `size` bytes."""
    raw = saved(Image.new("L", (40, 40), 255), "TIFF")
    (first,) = struct.unpack("<I", raw[4:8])
    (tags,) = struct.unpack("<H", raw[first : first + 2])
    at = len(raw) + size
    more = b"".join(struct.pack("<HHII", 40_000 + n, 1, size, len(raw)) for n in range(count))
    directory = struct.pack("<H", tags + count) + raw[first + 2 : first + 2 + 12 * tags] + more + bytes(4)
    return raw[:4] + struct.pack("<I", at) + raw[8:] + bytes(size) + directory


def run_length_bmp(width: int, height: int, body: bytes) -> bytes:
    """A BMP of run lengths."""
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    offset = 14 + len(head) + 1024
    return b"BM" + struct.pack("<IHHI", offset + len(body), 0, 0, offset) + head + bytes(1024) + body


def split_gif(blocks: int) -> bytes:
    """A GIF whose comment is split into blocks of one byte."""
    raw = saved(Image.new("P", (40, 40), 1), "GIF")
    return raw[: raw.index(b",")] + b"!\xfe" + b"\x01a" * blocks + b"\0" + raw[raw.index(b",") :]


def flat_webp(side: int) -> bytes:
    """A WebP of one colour: 34 bytes for any size."""
    small = bytearray(saved(Image.new("RGB", (8, 8)), "WEBP", lossless=True))
    assert small[12:16] == b"VP8L"
    rest = int.from_bytes(small[21:25], "little") >> 28
    small[21:25] = (side - 1 | (side - 1) << 14 | rest << 28).to_bytes(4, "little")
    return bytes(small)


READ = "read"
TEXT = png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**6)))
BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {  # and what becomes of each: it is read, or the key of an error
    "PNG of 64 million greys": (lambda: flat_png(8000, 8000), READ),
    "PNG of 64 million colours": (lambda: flat_png(8000, 8000, "RGB"), READ),
    "PNG of 64 million palette indices": (lambda: claimed_png(8000, 8000, "P"), "too_many_pixels"),
    "PNG of 64 million transparent pixels": (lambda: claimed_png(8000, 8000, "RGBA"), "too_many_pixels"),
    "PNG of 30 million transparent pixels": (lambda: flat_png(6000, 5000, "RGBA"), READ),
    "PNG of 64 million 16-bit greys": (lambda: claimed_png(8000, 8000, depth=16), "too_many_pixels"),
    "PNG of 20 million 16-bit greys": (lambda: flat_png(5000, 4000, depth=16), READ),
    "PNG of 49 million interlaced colours": (lambda: flat_png(7000, 7000, "RGB", interlaced=True), READ),
    "PNG tower": (lambda: claimed_png(4, 16_000_000, "RGBA"), "too_long"),
    "PNG ribbon": (lambda: flat_png(65_000, 900, "RGB"), READ),
    "PNG of too many texts": (lambda: flat_png(40, 40, more=TEXT * 99), "damaged"),
    "PNG of too many chunks": (lambda: flat_png(40, 40, more=png_chunk(b"tEXt", b"a\0") * 900_000), "damaged"),
    "JPEG of 1,800 scans": (lambda: many_scans(1800), "too_many_scans"),
    "JPEG of 60 scans": (lambda: many_scans(50), READ),
    "JPEG of too many segments": (lambda: b"\xff\xd8" + b"\xff\xfe\0\2" * 900_000 + flat_jpeg(40, 40)[2:], "damaged"),
    "JPEG of 64 million pixels": (lambda: flat_jpeg(8000, 8000), READ),
    "JPEG of 64 million progressive pixels": (lambda: many_scans(0, 8000, "RGB"), "too_many_pixels"),
    "JPEG of 36 million progressive pixels": (lambda: many_scans(0, 6000, "RGB"), READ),
    "JPEG ribbon": (lambda: flat_jpeg(65_000, 900), READ),
    "TIFF of 25,000 frames": (lambda: many_directories(25_000), READ),
    "TIFF in a huge tile": (lambda: huge_tile(20_000), "too_many_pixels"),
    "TIFF of tags that share their value": (lambda: shared_tags(20_000, 2**20), READ),
    "GIF of a million blocks": (lambda: split_gif(1_000_000), "damaged"),
    "BMP of run lengths, too large": (lambda: run_length_bmp(8000, 8000, b"\1\0\0\0" * 8000), "too_many_pixels"),
    "BMP of ends of lines": (lambda: run_length_bmp(8000, 1000, b"\1\0\0\0" * 1000), READ),
    "BMP of a million runs": (lambda: run_length_bmp(2000, 2000, b"\0\0" + b"\0\2\0\0" * 1_000_000), "damaged"),
    "PGM of 64 million greys": (lambda: b"P5 8000 8000 255\n" + bytes(64_000_000), READ),
    "PGM of 4 million numbers to 100": (lambda: b"P5 2000 2000 100\n" + bytes(4_000_000), "too_many_pixels"),
    "PGM of 10 million comments": (lambda: b"P2 1000 1000 255\n" + b"#\n" * 10_000_000, "damaged"),
    "WebP of 64 million pixels": (lambda: flat_webp(8000), "too_many_pixels"),
    "WebP of 15 million pixels": (lambda: flat_webp(3900), READ),
}
