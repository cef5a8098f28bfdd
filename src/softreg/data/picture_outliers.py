"""Synthetic outliers among pictures that fill their frame: they belong to no class of the training images.

As `softreg.data.synthetic_outliers` does for digits, for images of any size and colour (outlier exposure: Hendrycks, Mazeika and
Dietterich, ICLR 2019). From training images:

- shuffled: cut into 4 x 4 tiles, which change places;
- inverted: the negative;
- joined: one half of an image, the other half of one of another class;
- blended: the mean of two images of different classes.

And made:

- drawings: the strokes, polygons and scribbles of the outliers for digits, in two random colours;
- fields: smooth noise, fine or coarse, in random colours;
- gradients from one colour to another, some of them flat, with a little noise.
"""

import torch
from torch import Generator, Tensor
from torch.nn.functional import interpolate

from softreg.data.synthetic_outliers import DRAWN_SHARES

TILES = 4  # a side
SHUFFLED, INVERTED, JOINED, BLENDED = 0.15, 0.1, 0.15, 0.1  # share of each kind
DRAWN, FIELDS, GRADIENTS = 0.2, 0.2, 0.1
MAX_DRAWN = 64  # pixels a side; what is larger repeats pixels
KNOTS = (2, 4, 8, 16)  # a side, of the fields
NOISE = 8.0  # of 255, the deviation of each pixel of a gradient


def picture_outliers(images: Tensor, labels: Tensor, count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """About `count` outliers, uint8 (M, *image_shape), made from images uint8 (N, H, W) or (N, H, W, 3) with labels (N,).

    The second tensor, int64 (M,), is the original label of shuffled and inverted ones, and -1 for the others: what is still
    predicted as its class is no outlier (a texture with its tiles shuffled is the texture).
    """
    n_shuffled, n_inverted, n_joined, n_blended = (round(share * count) for share in (SHUFFLED, INVERTED, JOINED, BLENDED))
    chosen = _drawn(labels, n_shuffled + n_inverted, generator)
    first, second = _pairs(labels, n_joined, generator)
    below, above = _pairs(labels, n_blended, generator)
    made = [
        shuffled(images[chosen[:n_shuffled]], generator),
        255 - images[chosen[n_shuffled:]],
        joined(images[first], images[second], generator),
        images[below] // 2 + images[above] // 2,
    ]
    height, width, *channels = images.shape[1:]
    small = (min(height, MAX_DRAWN), min(width, MAX_DRAWN), *channels)
    kinds = ((drawings, DRAWN), (fields, FIELDS), (gradients, GRADIENTS))
    drawn = torch.cat([make(round(share * count), small, generator) for make, share in kinds])  # (M, *small)
    rows, columns = (torch.arange(side) * drawn_side // side for side, drawn_side in zip((height, width), small, strict=False))
    outliers = torch.cat([*made, drawn[:, rows][:, :, columns].to(images.device)])
    original_label = labels.new_full((len(outliers),), -1)
    original_label[: len(chosen)] = labels[chosen]
    return outliers, original_label


def shuffled(images: Tensor, generator: Generator) -> Tensor:
    """Images whose 4 x 4 tiles changed places, each image's in its own way; what does not divide by four stays."""
    made = images.clone()
    height, width = (side // TILES for side in images.shape[1:3])
    for image, out in zip(images, made, strict=True):
        order = torch.randperm(TILES**2, generator=generator).tolist()
        for place, source in enumerate(order):
            (y, x), (v, u) = divmod(place, TILES), divmod(source, TILES)
            tile = image[v * height : (v + 1) * height, u * width : (u + 1) * width]
            out[y * height : (y + 1) * height, x * width : (x + 1) * width] = tile
    return made


def joined(images: Tensor, others: Tensor, generator: Generator) -> Tensor:
    """The upper or the left half of images with the other half of others: (N, H, W[, 3])."""
    height, width = images.shape[1:3]
    flat = torch.rand(len(images), generator=generator) < 0.5  # (N,)
    upper = (torch.arange(height) < height // 2)[:, None].expand(height, width)
    left = (torch.arange(width) < width // 2).expand(height, width)
    mask = torch.where(flat[:, None, None], upper, left).to(images.device)  # (N, H, W)
    return torch.where(mask.view(*mask.shape, *[1] * (images.ndim - 3)), images, others)


def drawings(count: int, image_shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Strokes, polygons and scribbles in one random colour on another: uint8 (N, *image_shape)."""
    shares = torch.tensor(list(DRAWN_SHARES.values()))
    counts = (count * shares / shares.sum()).floor().int().tolist()
    counts[0] += count - sum(counts)
    ink = torch.cat([draw(number, generator) for draw, number in zip(DRAWN_SHARES, counts, strict=True) if number])  # (N, 28, 28)
    ink = _resized(ink[..., None].float() / 255, image_shape)  # (N, H, W, 1)
    pen, paper = (_colours(count, image_shape, generator) for _ in range(2))
    return _as_images(pen * ink + paper * (1 - ink), image_shape)


def fields(count: int, image_shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Smooth noise with 2, 4, 8 or 16 knots a side about a random colour: uint8 (N, *image_shape)."""
    channels, made = (*image_shape[2:], 1)[0], []
    for number, knots in enumerate(KNOTS):
        share = count // len(KNOTS) + (number < count % len(KNOTS))
        field = _resized(torch.randn(share, knots, knots, channels, generator=generator), image_shape)
        made.append(_colours(share, image_shape, generator) + 60 * field)
    return _as_images(torch.cat(made), image_shape)


def gradients(count: int, image_shape: tuple[int, ...], generator: Generator) -> Tensor:
    """From one colour on the left or at the top to another, or flat: uint8 (N, *image_shape)."""
    height, width = image_shape[:2]
    across, down = torch.linspace(0, 1, width).expand(height, width), torch.linspace(0, 1, height)[:, None].expand(height, width)
    kinds = torch.stack([across, down, torch.zeros(height, width)])  # (3, H, W)
    share = kinds[torch.randint(3, (count,), generator=generator)][..., None]  # (N, H, W, 1)
    first, second = (_colours(count, image_shape, generator) for _ in range(2))
    noise = NOISE * torch.randn(count, height, width, first.shape[-1], generator=generator)
    return _as_images(first * (1 - share) + second * share + noise, image_shape)


def _colours(count: int, image_shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Random colours or greys from 0 to 255: (N, 1, 1, 3 or 1)."""
    return 255 * torch.rand(count, 1, 1, (*image_shape[2:], 1)[0], generator=generator)


def _resized(images: Tensor, image_shape: tuple[int, ...]) -> Tensor:
    """Floats (N, h, w, P), smoothly resized to (N, H, W, P)."""
    return interpolate(images.movedim(3, 1), image_shape[:2], mode="bilinear", align_corners=False).movedim(1, 3)


def _as_images(pixels: Tensor, image_shape: tuple[int, ...]) -> Tensor:
    """Floats (N, H, W, P), from 0 to 255 or beyond, as images uint8 (N, *image_shape)."""
    return pixels.clamp(0, 255).round().to(torch.uint8).view(len(pixels), *image_shape)


def _drawn(labels: Tensor, count: int, generator: Generator) -> Tensor:
    """The numbers of `count` images, drawn with replacement."""
    return torch.randint(len(labels), (count,), generator=generator).to(labels.device)


def _pairs(labels: Tensor, count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """The numbers of at most `count` pairs of images of different classes."""
    first, second = _drawn(labels, count, generator), _drawn(labels, count, generator)
    different = labels[first] != labels[second]
    return first[different], second[different]
