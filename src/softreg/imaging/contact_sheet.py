"""The stages of a picture, side by side in one strip."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from softreg.imaging.picture import Picture
from softreg.storage.atomic import reraise_as_write_error, write_bytes

HEIGHT = 224
GAP = 8


def steps_strip(picture: Picture) -> Image.Image:
    """All stages in one RGB image, left to right, each `HEIGHT` pixels high."""
    panels = [_panel(stage.array) for stage in picture.stages]
    strip = Image.new("RGB", (sum(panel.width for panel in panels) + GAP * (len(panels) + 1), HEIGHT + 2 * GAP), (128, 128, 128))
    left = GAP
    for panel in panels:
        strip.paste(panel, (left, GAP))
        left += panel.width + GAP
    return strip


def write_strip(picture: Picture, path: Path, *, replace: bool = True) -> None:
    """Write the strip to `path` as PNG, making its folder if need be; `replace` as in `write_bytes`.

    Raises
    ------
    WriteError
        If the system refuses.
    """
    with reraise_as_write_error(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    content = BytesIO()
    steps_strip(picture).save(content, "PNG")
    write_bytes(path, content.getvalue(), replace=replace)


def _panel(array: np.typing.NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(array).convert("RGB")
    width = max(1, min(round(image.width * HEIGHT / image.height), 8 * HEIGHT))
    method = Image.Resampling.NEAREST if image.height <= HEIGHT // 4 else Image.Resampling.BILINEAR
    return image.resize((width, HEIGHT), method)
