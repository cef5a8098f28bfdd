"""Images that pass for nothing: made of strokes as the training images are, of the same size and thickness, and yet of no class.

Whether an image is like those of a class can be learnt only beside some that are not. Four kinds are made without any
other data set (outlier exposure: Hendrycks, Mazeika and Dietterich, ICLR 2019; here the outliers cost nothing):

- turned: an image mirrored, or lying on its side;
- halved: one part of an image beside another part of a mirrored one;
- overlaid: two images over each other, one of them shifted or lying on its side;
- drawn: two to six curved or straight strokes, apart, chained, or in a ring; or patches of ink.
"""

import torch
from torch import Generator, Tensor
from torch.nn.functional import interpolate

SIDE, BOX = 28, 20
POINTS = 24  # on each stroke
MOST_STROKES = 6
SHARES = (0.2, 0.2, 0.2, 0.3, 0.1)  # turned, halved, overlaid, strokes, patches


def impostors(images: Tensor, labels: Tensor, count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """About `count` impostors, uint8 (M, 28, 28), made of images (N, 28, 28) with labels (N,).

    With them int64 (M,): the label each of the turned ones had, -1 for the others.
    """
    counts = [round(share * count) for share in SHARES]
    chosen = torch.randint(len(images), (counts[0],), generator=generator).to(images.device)
    kinds = [turned(images[chosen], generator)]
    kinds.append(halved(_some(images, counts[1], generator), _some(images, counts[1], generator), generator))
    kinds.append(overlaid(_some(images, counts[2], generator), _some(images, counts[2], generator), generator))
    drawn = [strokes(counts[3], generator), patches(counts[4], generator)]
    false = centred(torch.cat([*kinds, *(each.to(images.device) for each in drawn)]))
    was = labels.new_full((len(false),), -1)
    was[: counts[0]] = labels[chosen]
    return false, was


def turned(images: Tensor, generator: Generator) -> Tensor:
    """Mirrored, or a quarter turned, by chance: (N, 28, 28)."""
    return torch.where(_chance(images, generator), images.flip(2), images.rot90(1, (1, 2)))


def halved(images: Tensor, others: Tensor, generator: Generator) -> Tensor:
    """The upper or left part of images, and the rest of others, mirrored: (N, 28, 28)."""
    cut = torch.randint(11, 18, (len(images), 1, 1), generator=generator).to(images.device)
    pixel = torch.arange(SIDE, device=images.device)
    upper = torch.where(_chance(images, generator), pixel[:, None] < cut, pixel < cut)  # (N, 28, 28)
    return torch.where(upper, images, torch.where(_chance(images, generator), others.flip(1), others.flip(2)))


def overlaid(images: Tensor, others: Tensor, generator: Generator) -> Tensor:
    """Both over each other, the others shifted by up to 5 pixels and half of them lying: (N, 28, 28)."""
    others = torch.where(_chance(images, generator), others.rot90(1, (1, 2)), others)
    shift = torch.randint(-5, 6, (len(images), 2), generator=generator).to(images.device)
    return torch.maximum(images, _rolled(others, shift))


def strokes(count: int, generator: Generator) -> Tensor:
    """Drawings of two to six strokes, half of them straight, fitted into the box of 20 x 20: uint8 (N, 28, 28).

    A third are strokes anywhere; in the others each begins where the one before ended, and in half of these the last ends at the
    first.
    """
    ends = torch.rand(count, MOST_STROKES, 3, 2, generator=generator)  # control points of quadratic Bezier curves
    kind = torch.randint(3, (count, 1, 1), generator=generator)
    number = torch.randint(2, MOST_STROKES + 1, (count, 1), generator=generator)
    last = torch.arange(MOST_STROKES) == number - 1  # (N, S)
    following = torch.where((last & (kind[:, 0] == 2))[:, :, None], ends[:, :1, 0], ends[:, :, 0].roll(-1, 1))  # (N, S, 2)
    ends[:, :, 2] = torch.where(kind > 0, following, ends[:, :, 2])
    straight = torch.rand(count, MOST_STROKES, 1, generator=generator) < 0.5
    ends[:, :, 1] = torch.where(straight, ends[:, :, [0, 2]].mean(2), ends[:, :, 1])
    ends = torch.where((torch.arange(MOST_STROKES) < number)[:, :, None, None], ends, ends[:, :1])
    t = torch.linspace(0, 1, POINTS)[:, None]
    points = (1 - t) ** 2 * ends[:, :, :1] + 2 * t * (1 - t) * ends[:, :, 1:2] + t**2 * ends[:, :, 2:]  # (N, S, P, 2)
    points = points.flatten(1, 2)
    low, high = points.amin(1, keepdim=True), points.amax(1, keepdim=True)
    radius = 1.0 + 0.8 * torch.rand(count, 1, 1, generator=generator)
    points = SIDE / 2 + (points - (low + high) / 2) * (BOX - 2 * radius) / (high - low).amax(2, keepdim=True).clamp_min(1e-3)
    pixel = torch.arange(SIDE) + 0.5
    grid = torch.cartesian_prod(pixel, pixel)  # (784, 2)
    away = torch.cat([torch.cdist(grid, some).amin(2) for some in points.split(200)])  # (N, 784)
    return (255 * (radius[:, 0] + 0.5 - away).clamp(0, 1)).round().to(torch.uint8).view(-1, SIDE, SIDE)


def patches(count: int, generator: Generator) -> Tensor:
    """Patches of ink within a circle, fine or coarse: uint8 (N, 28, 28)."""
    kinds = []
    for number, knots in enumerate((4, 6, 9, 14)):
        share = count // 4 + (number < count % 4)
        kinds.append(interpolate(torch.randn(share, 1, knots, knots, generator=generator), SIDE, mode="bicubic")[:, 0])
    height = torch.cat(kinds) + 0.6 * torch.randn(count, 1, 1, generator=generator)
    pixel = torch.arange(SIDE) - (SIDE - 1) / 2
    inside = pixel[:, None].square() + pixel.square() < (BOX / 2) ** 2
    return (255 * (4 * height).clamp(0, 1) * inside).round().to(torch.uint8)


def centred(images: Tensor) -> Tensor:
    """Shifted by whole pixels until the centre of mass is in the middle, as MNIST's: (N, 28, 28)."""
    ink = images.float()
    pixel = torch.arange(SIDE, dtype=torch.float32, device=images.device)
    mass = ink.sum((1, 2)).clamp_min(1)
    middle = torch.stack([ink.sum(2) @ pixel / mass, ink.sum(1) @ pixel / mass], 1)  # (N, 2), row and column
    return _rolled(images, ((SIDE - 1) / 2 - middle).round().long())


def _rolled(images: Tensor, shift: Tensor) -> Tensor:
    """Each image moved down and across by its shift, int64 (N, 2); what leaves at an edge comes in at the other."""
    pixel = torch.arange(SIDE, device=images.device)
    rows, columns = ((pixel - shift[:, axis : axis + 1]) % SIDE for axis in (0, 1))  # (N, 28) each
    number = torch.arange(len(images), device=images.device)
    return images[number[:, None, None], rows[:, :, None], columns[:, None, :]]


def _some(images: Tensor, count: int, generator: Generator) -> Tensor:
    return images[torch.randint(len(images), (count,), generator=generator).to(images.device)]


def _chance(images: Tensor, generator: Generator) -> Tensor:
    """Heads or tails for each image, bool (N, 1, 1)."""
    return (torch.rand(len(images), 1, 1, generator=generator) < 0.5).to(images.device)
