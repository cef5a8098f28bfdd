"""Handwriting typefaces under the SIL Open Font License, by package name and version: digits to learn, letters that are no digit.

    python -m benchmarks.typefaces build/typefaces          # needs npm

`typefaces.toml` names the packages and the SHA-256 of each typeface's file. The typefaces under `measured` are never learned from;
their letters measure how well a model tells that it sees no digit (`benchmarks/outliers.py`).
"""

import argparse
import hashlib
import subprocess
import tarfile
import tempfile
import tomllib
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.pen import Map, Random, bent, bitmap, worn

LIST = Path(__file__).with_name("typefaces.toml")
FOLDER = Path("build/typefaces")
LETTERS = "aaaaaacccdeefkmnuvwxACCEFHKLMNUVWXY#"  # that are no digit, whoever writes them (a T may be a 7); the likest more often
SIZE = 150  # pixels


def names(part: str) -> list[str]:
    """The typefaces to be `learned`, those only `measured`, or those of `hangul`, by the names of their files."""
    return sorted(_files(part))


def _files(part: str) -> dict[str, str]:
    """The SHA-256 of each file of a part."""
    listed: dict[str, str] = tomllib.loads(LIST.read_text(encoding="utf-8"))[part]
    return {f"{name}-{'korean' if part == 'hangul' else 'latin'}": sha256 for name, sha256 in listed.items()}


def fetch(folder: Path = FOLDER) -> None:
    """Bring all typefaces that are not in `folder` yet, and verify every one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, sha256 in (_files("learned") | _files("measured") | _files("hangul")).items():
        file = folder / f"{name}.woff"
        content = file.read_bytes() if file.exists() else _from_package(*name.rsplit("-", 1))
        if hashlib.sha256(content).hexdigest() != sha256:
            raise SystemExit(f"{file} is not the typeface that was meant; delete it, and try again")
        file.write_bytes(content)


def _from_package(name: str, script: str) -> bytes:
    """The part of a typeface for one script, in its regular weight."""
    version = tomllib.loads(LIST.read_text(encoding="utf-8"))["version"]
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", f"@fontsource/{name}@{version}"]
        packed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.split()[-1]
        with tarfile.open(Path(folder) / packed) as archive:
            member = archive.extractfile(f"package/files/{name}-{script}-400-normal.woff")
            assert member is not None
            return member.read()


@cache
def _font(name: str, folder: Path) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(folder / f"{name}.woff", 110)


def glyph(name: str, character: str, rng: Random, folder: Path = FOLDER) -> Map:
    """A character as a hand with another pen might write it: `float32 (H, W)`, 0 paper, 1 ink."""
    page = Image.new("L", (2 * SIZE, 2 * SIZE))
    stroke = int(rng.choice([0, 0, 1, 2, 4]))
    ImageDraw.Draw(page).text((SIZE, SIZE), character, 255, _font(name, folder), anchor="mm", stroke_width=stroke)
    left, top, right, bottom = page.getbbox() or (0, 0, *page.size)
    around = max(right - left, bottom - top) // 3  # room to slant and turn in
    page = page.crop((left - around, top - around, right + around, bottom + around))
    ink = bent(np.asarray(page, dtype=np.float32) / np.float32(255), rng)
    kind = rng.random()
    return bitmap(ink, rng) if kind < 0.14 else worn(ink, rng) if kind < 0.3 else ink


def main() -> None:
    """Bring the typefaces."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    fetch(parser.parse_args().folder)


if __name__ == "__main__":
    main()
