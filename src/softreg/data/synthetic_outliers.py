"""Synthetic outliers with MNIST-like strokes that belong to no class.

What is not in any class can be learnt only from examples. These are made without any other data set (outlier exposure: Hendrycks,
Mazeika and Dietterich, ICLR 2019; here the outliers cost nothing), with the size and stroke width of the training images. From
training images:

- turned: mirrored, or rotated by 90 degrees;
- halved: one part of an image joined with another part of a mirrored one;
- overlaid: two images on top of each other, one of them shifted or rotated.

And drawn:

- strokes, two to six, curved or straight: separate, chained, or in a ring;
- branches: two to five strokes, each starting on an earlier one;
- crossings: two to six straight strokes across each other;
- polygons of three to six corners, outlined;
- scribbles: random walks of a pen;
- patches of ink.
"""

import math

import torch
from torch import Generator, Tensor
from torch.nn.functional import avg_pool1d, interpolate

from softreg.image_format import SIDE

BOX = 20
POINTS = 24  # on each stroke
MOST_STROKES = 6
TURNED, HALVED, OVERLAID = 0.1, 0.1, 0.1  # share of each kind; those of the drawn kinds are in DRAWN_SHARES


def synthetic_outliers(images: Tensor, labels: Tensor, count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """About `count` outliers, uint8 (M, 28, 28), made from images uint8 (N, 28, 28) with labels (N,).

    The second tensor, int64 (M,), is the original label of the turned ones, and -1 for the others.
    """
    turns, halves, overlays = (round(share * count) for share in (TURNED, HALVED, OVERLAID))
    chosen = torch.randint(len(images), (turns,), generator=generator).to(images.device)
    made = [
        turned(images[chosen], generator),
        halved(_sample(images, halves, generator), _sample(images, halves, generator), generator),
        overlaid(_sample(images, overlays, generator), _sample(images, overlays, generator), generator),
    ]
    drawn = [draw(round(share * count), generator).to(images.device) for draw, share in DRAWN_SHARES.items()]
    outliers = centred(torch.cat(made + drawn))
    original_label = labels.new_full((len(outliers),), -1)
    original_label[:turns] = labels[chosen]
    return outliers, original_label


def turned(images: Tensor, generator: Generator) -> Tensor:
    """Images mirrored or rotated by 90 degrees, at random: (N, 28, 28)."""
    return torch.where(_coin_flip(images, generator), images.flip(2), images.rot90(1, (1, 2)))


def halved(images: Tensor, others: Tensor, generator: Generator) -> Tensor:
    """The upper or left part of images joined with the rest of mirrored others: (N, 28, 28)."""
    cut = torch.randint(11, 18, (len(images), 1, 1), generator=generator).to(images.device)
    pixel = torch.arange(SIDE, device=images.device)
    upper = torch.where(_coin_flip(images, generator), pixel[:, None] < cut, pixel < cut)  # (N, 28, 28)
    return torch.where(upper, images, torch.where(_coin_flip(images, generator), others.flip(1), others.flip(2)))


def overlaid(images: Tensor, others: Tensor, generator: Generator) -> Tensor:
    """Images with others on top, these shifted by up to 5 pixels and half of them rotated: (N, 28, 28)."""
    others = torch.where(_coin_flip(images, generator), others.rot90(1, (1, 2)), others)
    shift = torch.randint(-5, 6, (len(images), 2), generator=generator).to(images.device)
    return torch.maximum(images, _roll(others, shift))


def strokes(count: int, generator: Generator) -> Tensor:
    """Drawings of two to six strokes, half of them straight, scaled to a box of 20 x 20: uint8 (N, 28, 28).

    In a third of them strokes lie anywhere; in the others each starts at the end of the one before, and in half of these the last
    ends at the start of the first.
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
    return rasterize(curves(ends).flatten(1, 2), generator)


def branches(count: int, generator: Generator) -> Tensor:
    """Two to five strokes, mostly vertical or horizontal, each starting on an earlier one: uint8 (N, 28, 28).

    Half start at an end or the middle of it, the others anywhere.
    """
    most = 5
    turns = torch.rand(count, most, generator=generator)  # of 2 pi
    near = (4 * turns).round() / 4 + 0.025 * torch.randn(count, most, generator=generator)
    angle = 2 * math.pi * torch.where(torch.rand(count, most, generator=generator) < 0.6, near, turns)
    length = 0.3 + 0.7 * torch.rand(count, most, 1, generator=generator)
    chord = length * torch.stack([angle.cos(), angle.sin()], 2)  # (N, S, 2), from one end to the other
    bent = torch.rand(count, most, 1, generator=generator) < 0.35
    bend = 0.8 * bent * torch.randn(count, most, 1, generator=generator) * torch.stack([-chord[..., 1], chord[..., 0]], 2)
    drawn = curves(torch.stack([torch.zeros_like(chord), chord / 2 + bend, chord], 2))  # (N, S, P, 2), each from the origin
    for stroke in range(1, most):
        before = torch.randint(stroke, (count,), generator=generator)
        place = torch.rand(count, generator=generator)
        place = torch.where(torch.rand(count, generator=generator) < 0.5, (2 * place).round() / 2, place)
        drawn[:, stroke] += drawn[torch.arange(count), before, ((POINTS - 1) * place).long()][:, None]
    return rasterize(_truncate(drawn, generator), generator)


def crossings(count: int, generator: Generator) -> Tensor:
    """Two to six straight strokes, anywhere, in two nearly perpendicular directions: uint8 (N, 28, 28)."""
    across = torch.randint(2, (count, MOST_STROKES), generator=generator)
    across[:, 1] = 1 - across[:, 0]  # a bar alone would be a 1
    turn = 0.6 * torch.rand(count, 1, generator=generator) - 0.3 + 0.15 * torch.randn(count, MOST_STROKES, generator=generator)
    angle = turn + math.pi / 2 * across
    half = (0.3 + 0.5 * torch.rand(count, MOST_STROKES, 1, generator=generator)) * torch.stack([angle.cos(), angle.sin()], 2)
    middle = 0.9 * torch.rand(count, MOST_STROKES, 2, generator=generator)
    return rasterize(_truncate(curves(torch.stack([middle - half, middle, middle + half], 2)), generator), generator)


def polygons(count: int, generator: Generator) -> Tensor:
    """Outlines of polygons with three to six corners, regular or not, one in seven a star: uint8 (N, 28, 28)."""
    kinds = []
    for number, corners in enumerate((3, 4, 5, 6)):
        share = count // 4 + (number < count % 4)
        place = torch.arange(corners) + 0.25 * (torch.rand(share, corners, generator=generator) - 0.5)
        angle = 2 * math.pi * (place / corners + torch.rand(share, 1, generator=generator))
        uneven = torch.rand(share, 1, generator=generator) < 0.4
        radius = 1 - 0.5 * uneven * torch.rand(share, corners, generator=generator)
        radius[torch.rand(share, generator=generator) < 1 / 7, ::2] *= 0.45
        stretch = 0.75 + 0.5 * torch.rand(share, 1, 2, generator=generator)
        corner = stretch * torch.stack([radius * angle.cos(), radius * angle.sin()], 2)  # (N, C, 2)
        t = torch.linspace(0, 1, POINTS)[:, None]
        sides = (1 - t) * corner[:, :, None] + t * corner.roll(-1, 1)[:, :, None]  # (N, C, P, 2)
        kinds.append(rasterize(sides.flatten(1, 2), generator))
    return torch.cat(kinds)


def scribbles(count: int, generator: Generator) -> Tensor:
    """Smoothed random walks of 16 to 48 steps: uint8 (N, 28, 28)."""
    kinds, points = [], 8 * POINTS
    for number, steps in enumerate((16, 24, 32, 48)):
        share = count // 4 + (number < count % 4)
        walk = torch.randn(share, 2, steps, generator=generator).cumsum(2)
        walk = avg_pool1d(interpolate(walk, points, mode="linear"), points // steps, 1)
        kinds.append(rasterize(walk.transpose(1, 2), generator))
    return torch.cat(kinds)


def curves(ends: Tensor) -> Tensor:
    """Points (N, S, P, 2) on quadratic Bezier curves of control points (N, S, 3, 2)."""
    t = torch.linspace(0, 1, POINTS)[:, None]
    return (1 - t) ** 2 * ends[:, :, :1] + 2 * t * (1 - t) * ends[:, :, 1:2] + t**2 * ends[:, :, 2:]


def rasterize(points: Tensor, generator: Generator) -> Tensor:
    """Images uint8 (N, 28, 28) of a round pen moved over points (N, P, 2), scaled to a box of 20 x 20; its radius is random."""
    low, high = points.amin(1, keepdim=True), points.amax(1, keepdim=True)
    radius = 0.6 + 1.2 * torch.rand(len(points), 1, 1, generator=generator)
    points = SIDE / 2 + (points - (low + high) / 2) * (BOX - 2 * radius) / (high - low).amax(2, keepdim=True).clamp_min(1e-3)
    pixel = torch.arange(SIDE) + 0.5
    grid = torch.cartesian_prod(pixel, pixel)  # (784, 2)
    distance = torch.cat([torch.cdist(grid, chunk).amin(2) for chunk in points.split(200)])  # (N, 784)
    return (255 * (radius[:, 0] + 0.5 - distance).clamp(0, 1)).round().to(torch.uint8).view(-1, SIDE, SIDE)


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


DRAWN_SHARES = {strokes: 0.1, branches: 0.2, crossings: 0.1, polygons: 0.13, scribbles: 0.13, patches: 0.04}


def centred(images: Tensor) -> Tensor:
    """Images shifted by whole pixels so that the centre of mass is in the middle, like MNIST's: (N, 28, 28)."""
    ink = images.float()
    pixel = torch.arange(SIDE, dtype=torch.float32, device=images.device)
    mass = ink.sum((1, 2)).clamp_min(1)
    middle = torch.stack([ink.sum(2) @ pixel / mass, ink.sum(1) @ pixel / mass], 1)  # (N, 2), row and column
    return _roll(images, ((SIDE - 1) / 2 - middle).round().long())


def _roll(images: Tensor, shift: Tensor) -> Tensor:
    """Each image rolled down and right by its shift, int64 (N, 2), wrapping around at the edges."""
    pixel = torch.arange(SIDE, device=images.device)
    rows, columns = ((pixel - shift[:, axis : axis + 1]) % SIDE for axis in (0, 1))  # (N, 28) each
    number = torch.arange(len(images), device=images.device)
    return images[number[:, None, None], rows[:, :, None], columns[:, None, :]]


def _sample(images: Tensor, count: int, generator: Generator) -> Tensor:
    """`count` of the images, drawn with replacement."""
    return images[torch.randint(len(images), (count,), generator=generator).to(images.device)]


def _coin_flip(images: Tensor, generator: Generator) -> Tensor:
    """True or false with equal probability for each image, bool (N, 1, 1)."""
    return (torch.rand(len(images), 1, 1, generator=generator) < 0.5).to(images.device)


def _truncate(strokes: Tensor, generator: Generator) -> Tensor:
    """Points (N, S P, 2) of a random number, at least two, of the strokes (N, S, P, 2); the rest are replaced by the first."""
    n, most = strokes.shape[:2]
    number = torch.randint(2, most + 1, (n, 1), generator=generator)
    return torch.where((torch.arange(most) < number)[:, :, None, None], strokes, strokes[:, :1]).flatten(1, 2)
