"""Images as a model accepts them, converted to the one form that feature maps take.

A model that accepted floats as if they were uint8 would be silently wrong: the pixels of `ToTensor` are 255 times too small, and
the prediction then depends on the bias alone.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from softreg.image_format import SIDE
from softreg.messages import translate

SHAPE = (SIDE, SIDE)


def as_images(images: Tensor | NDArray[Any], image_shape: tuple[int, ...] = SHAPE) -> Tensor:
    """Images as uint8 (N, H, W) or (N, H, W, 3); uint8 tensors are not copied, floats in [0, 1] are multiplied by 255 and rounded.

    Parameters
    ----------
    images : a tensor or array, uint8 or floating, of shape (H, W), (N, H, W) or (N, 1, H, W); in colour (H, W, 3), (N, H, W, 3)
        or (N, 3, H, W)
    image_shape : (H, W) or (H, W, 3); or (D,) of embeddings, which are floating (N, D) or (D,), and given back as they are

    Raises
    ------
    TypeError
        If it is neither a tensor nor an array, or neither uint8 nor floating.
    ValueError
        If the shape is another, or a float is not in [0, 1].
    """
    if isinstance(images, np.ndarray):
        images = _tensor_of(images)
    elif not isinstance(images, Tensor):
        raise TypeError(translate("images.type", got=type(images).__name__))
    if len(image_shape) == 1:
        return _as_embeddings(images, image_shape)
    if images.dtype == torch.uint8:
        return _with_batch(images, image_shape)
    if images.is_floating_point():
        return _to_uint8(_with_batch(images, image_shape))
    raise TypeError(translate("images.type", got=str(images.dtype)))


def _as_embeddings(embeddings: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Embeddings (N, D) with a batch axis, as they are."""
    if not embeddings.is_floating_point() or tuple(embeddings.shape[-1:]) != shape or embeddings.ndim > 2:
        got, dtype = tuple(embeddings.shape), str(embeddings.dtype).removeprefix("torch.")
        raise ValueError(translate("images.embeddings", dim=shape[0], got=got, dtype=dtype))
    return embeddings.view(-1, *shape)


def _tensor_of(array: NDArray[Any]) -> Tensor:
    """An array as a tensor: uint8 as it is, floats as float32."""
    if np.issubdtype(array.dtype, np.floating):
        return torch.from_numpy(array.astype(np.float32))
    if array.dtype != np.uint8:
        raise TypeError(translate("images.type", got=str(array.dtype)))
    readable = array if array.flags.writeable else array.copy()  # torch warns of memory that it may not write
    return torch.from_numpy(np.ascontiguousarray(readable))


def _with_batch(images: Tensor, image_shape: tuple[int, ...]) -> Tensor:
    """Images with a batch axis, and colour last or grey without a channel."""
    shape = tuple(images.shape)
    if shape[1:] == image_shape:
        return images
    if shape == image_shape:
        return images[None]
    channels = (*image_shape[2:], 1)[0]
    if shape[1:] == (channels, *image_shape[:2]):
        return images.permute(0, 2, 3, 1) if channels == 3 else images[:, 0]
    height, width = image_shape[:2]
    raise ValueError(translate("images.shape" if channels == 1 else "images.shape_colour", height=height, width=width, got=shape))


def _to_uint8(images: Tensor) -> Tensor:
    """Floats in [0, 1] as uint8."""
    images = images.float()
    if images.numel():
        low, high = (float(bound) for bound in images.aminmax())
        if not (low >= 0 and high <= 1):  # true of NaN as well
            raise ValueError(translate("images.range", low=low, high=high))
    return (images * 255).round().to(torch.uint8)
