"""Pixels at another size: smaller by the means of what is replaced, or as large as a model's images."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


def resized(grey: Floats, shape: tuple[int, ...], method: Image.Resampling = Image.Resampling.BILINEAR) -> Floats:
    """`grey` at another size, anti-aliased when shrinking."""
    if grey.shape == shape:
        return grey
    return np.asarray(Image.fromarray(grey).resize((shape[1], shape[0]), method), dtype=np.float32)


def shrunk(grey: Floats, side: int) -> Floats:
    """`grey` with its longer side at most `side`, each pixel the mean of those it replaces."""
    scale = side / max(grey.shape)
    if scale >= 1:
        return grey
    height, width = (max(min(length, 4), round(length * scale)) for length in grey.shape)  # a ribbon keeps a width
    return resized(grey, (height, width), Image.Resampling.BOX)


def resampled(pixels: Floats, side: int) -> Floats:
    """`float32 (H, W, 3)` with its longer side at most `side`."""
    if max(pixels.shape) <= side:
        return pixels
    if np.array_equal(pixels[..., 0], pixels[..., 1]) and np.array_equal(pixels[..., 1], pixels[..., 2]):
        grey = shrunk(np.ascontiguousarray(pixels[..., 0]), side)
        return np.broadcast_to(grey[:, :, None], (*grey.shape, 3))
    return np.stack([shrunk(np.ascontiguousarray(pixels[..., channel]), side) for channel in range(3)], axis=-1)


def resized_whole(pixels: Bytes, image_shape: tuple[int, ...]) -> Bytes:
    """Pixels uint8 (H, W) or (H, W, 3) as an image of this shape: in grey if it has no channels, and resized if it must be."""
    picture = Image.fromarray(pixels)
    if len(image_shape) == 2 and pixels.ndim == 3:
        grey = bool((pixels == pixels[..., :1]).all())
        picture = Image.fromarray(np.ascontiguousarray(pixels[..., 0])) if grey else picture.convert("L")
    elif len(image_shape) == 3:
        picture = picture.convert("RGB")
    height, width = image_shape[:2]
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    return np.array(picture)
