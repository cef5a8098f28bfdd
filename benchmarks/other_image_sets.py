"""Three sets of images that are no MNIST digits, made from what packages ship. Nothing of them is kept in this repository.

- `digits`: scikit-learn's 1,797 digits of 8 x 8 pixels.
- `hangul`: the 40 letters (jamo) of modern Hangul, 32 x 32, grey, drawn in twelve Korean handwriting typefaces, each drawing
  turned, slanted, stretched and shifted. Eight typefaces are to train on, two to choose settings by, two to test with.
- `flags`: the flags of 20 countries, 64 x 64, in colour, from three drawings of each: Noto's to train on, Twemoji's to choose
  settings by, flag-icons' to test with. Each is turned, shrunk, shifted, lit and laid on a background of another colour.

The last two need packages, fetched into one folder with `npm pack` and unpacked: see `NPM`.
"""

from collections.abc import Callable, Iterator
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from softreg.data.assemble import stratified_order
from softreg.data.dataset import Dataset

TYPEFACES = (
    ("gaegu", "hi-melody", "gamja-flower", "poor-story", "nanum-brush-script", "single-day", "yeon-sung", "sunflower"),
    ("nanum-pen-script", "cute-font"),
    ("east-sea-dokdo", "stylish"),
)
EMOJI, FLAG_ICONS = ("emoji-datasource-google", "emoji-datasource-twitter"), "flag-icons"
NPM = (*(f"@fontsource/{name}" for part in TYPEFACES for name in part), *EMOJI, FLAG_ICONS)  # FOLDER/NAME/package
JAMO = tuple("ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ")
VIEWS, TEST_VIEWS = {"hangul": 5, "flags": 10}, 50  # of each drawing; of those of flags to test with
Parts = tuple[Dataset, Dataset, Dataset]  # to train on, to choose settings by, to test with


def digits(packages: Path) -> Parts:
    """Scikit-learn's digits: 60, 20 and 20 % of them, drawn by class."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.from_numpy((bunch.images * 255 / 16).round().astype(np.uint8))
    data = Dataset(images, torch.from_numpy(bunch.target), tuple(map(str, range(10))), "digits")
    order = stratified_order(data.labels, 777)
    first, second = (round(share * len(order)) for share in (0.6, 0.8))
    return data[order[:first]], data[order[first:second]], data[order[second:]]


def hangul(packages: Path) -> Parts:
    """The letters of Hangul: eight typefaces, two, two."""
    random = np.random.default_rng(777)

    def part(names: tuple[str, ...]) -> Dataset:
        fonts = [ImageFont.truetype(_font(packages, name), 80) for name in names]
        drawings = [(label, letter, font) for font in fonts for label, letter in enumerate(JAMO)]
        images = [written(letter, font, random) for _, letter, font in drawings for _ in range(VIEWS["hangul"])]
        labels = [label for label, _, _ in drawings for _ in range(VIEWS["hangul"])]
        return Dataset(torch.from_numpy(np.stack(images)), torch.tensor(labels), JAMO, "hangul")

    train, validation, test = map(part, TYPEFACES)
    return train, validation, test


def _font(packages: Path, name: str) -> str:
    """The file of a typeface's regular weight that has the letters of Hangul."""
    files = sorted((packages / name / "package" / "files").glob(f"{name}-korean-*-normal.woff2"))
    return str(next((file for file in files if "-400-" in file.name), files[0]))


def written(letter: str, font: ImageFont.FreeTypeFont, random: np.random.Generator) -> NDArray[np.uint8]:
    """A letter (32, 32), bright on black, in a frame of about 24 pixels."""
    left, top, right, bottom = font.getbbox(letter)
    ink = Image.new("L", (256, 256))
    ImageDraw.Draw(ink).text((128 - (left + right) / 2, 128 - (top + bottom) / 2), letter, fill=255, font=font)
    size = 24 / max(right - left, bottom - top) * random.uniform(0.85, 1.1)
    angle, slant = np.radians(random.uniform(-8, 8)), random.uniform(-0.25, 0.25)
    stretch = np.diag([random.uniform(0.85, 1.15), random.uniform(0.85, 1.15)])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.array([[1, slant], [0, 1]])
    back = np.linalg.inv(turn @ stretch * size)
    offset = 128 - back @ (16 + random.uniform(-2, 2, 2))
    small = _resampled(ink, back, offset, 32)
    return np.asarray(small, np.uint8)


def flags(packages: Path, first: int = 0) -> Parts:
    """The flags of 20 countries, every twelfth from the `first`: Noto's, Twemoji's, flag-icons'."""
    codes = _countries(packages)[first::12][:20]
    random = np.random.default_rng(777)

    def part(drawing: Callable[[str], Image.Image], views: int = VIEWS["flags"]) -> Dataset:
        images = [hung(picture, random) for picture in map(drawing, codes) for _ in range(views)]
        labels = torch.arange(len(codes)).repeat_interleave(views)
        return Dataset(torch.from_numpy(np.stack(images)), labels, tuple(codes), "flags")

    def flat(code: str) -> Image.Image:
        path = packages / FLAG_ICONS / "package" / "flags" / "4x3" / f"{code}.svg"
        png = import_module("cairosvg").svg2png(url=str(path), output_width=64, output_height=48)
        return Image.open(BytesIO(png)).convert("RGBA")

    def drawn_by(vendor: str) -> Callable[[str], Image.Image]:
        return lambda code: Image.open(_emoji(packages, vendor, code)).convert("RGBA")

    noto, twemoji = (part(drawn_by(vendor)) for vendor in EMOJI)
    return noto, twemoji, part(flat, TEST_VIEWS)


def _countries(packages: Path) -> list[str]:
    """The codes of the countries whose flag all three packages have."""

    def codes() -> Iterator[str]:
        for path in sorted((packages / FLAG_ICONS / "package" / "flags" / "4x3").glob("??.svg")):
            if all(_emoji(packages, vendor, path.stem).exists() for vendor in EMOJI):
                yield path.stem

    return list(codes())


def _emoji(packages: Path, vendor: str, code: str) -> Path:
    name = "-".join(f"{0x1F1E6 + ord(letter) - ord('a'):x}" for letter in code)
    return packages / vendor / "package" / "img" / vendor.rpartition("-")[2] / "64" / f"{name}.png"


def hung(flag: Image.Image, random: np.random.Generator) -> NDArray[np.uint8]:
    """A view (64, 64, 3) of a drawing with transparent margins, on a background of one colour, with a little noise."""
    box = flag.getchannel("A").getbbox()
    flag = flag.crop(box)
    size, angle = 52 / max(flag.size) * random.uniform(0.75, 1.1), np.radians(random.uniform(-12, 12))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * size
    back = np.linalg.inv(turn @ np.diag([1.0, random.uniform(0.85, 1.15)]))
    offset = np.array(flag.size) / 2 - back @ (32 + random.uniform(-5, 5, 2))
    view = np.asarray(_resampled(flag, back, offset, 64), np.float64)
    opaque, ground = view[..., 3:] / 255, random.uniform(0, 255, 3)
    light = random.uniform(0.7, 1.1) * (1 + random.uniform(-0.15, 0.15) * np.linspace(-1, 1, 64)[:, None])
    pixels = (view[..., :3] * opaque + ground * (1 - opaque)) * light + random.normal(0, 6, (64, 64, 3))
    return np.asarray(pixels.clip(0, 255), np.uint8)


def _resampled(picture: Image.Image, back: NDArray[Any], offset: NDArray[Any], side: int) -> Image.Image:
    """The picture seen through an affine map, four samples a pixel and side: position p shows `back @ p + offset`."""
    fine = back / 4
    (a, b), (d, e) = fine.tolist()
    c, f = offset.tolist()
    large = picture.transform((4 * side, 4 * side), Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BILINEAR)
    return large.resize((side, side), Image.Resampling.BOX)


SETS = {"digits": digits, "hangul": hangul, "flags": flags}
