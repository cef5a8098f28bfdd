"""Images that pass for nothing: made of strokes as the training images are, of the same size and thickness, and yet of no class.

Whether an image is like those of a class can be learnt only beside some that are not. Four kinds are made without any
other data set (outlier exposure: Hendrycks, Mazeika and Dietterich, ICLR 2019; here the outliers cost nothing). Of training images:

- turned: an image mirrored, or lying on its side;
- halved: one part of an image beside another part of a mirrored one;
- overlaid: two images over each other, one of them shifted or lying on its side.

And drawn:

- strokes, two to six, curved or straight: apart, chained, or in a ring;
- branches: two to five strokes, each of which leaves from one before;
- crossings: two to six straight strokes, across one another;
- polygons of three to six corners, outlined;
- scribbles: a pen that wanders;
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
TURNED, HALVED, OVERLAID = 0.1, 0.1, 0.1  # shares of each kind; the drawn ones are in DRAWN, below


def synthetic_outliers(images: Tensor, labels: Tensor, count: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """About `count` impostors, uint8 (M, 28, 28), made of images (N, 28, 28) with labels (N,).

    With them int64 (M,): the label each of the turned ones had, -1 for the others.
    """
    turns, halves, overlays = (round(share * count) for share in (TURNED, HALVED, OVERLAID))
    chosen = torch.randint(len(images), (turns,), generator=generator).to(images.device)
    made = [
        turned(images[chosen], generator),
        halved(_some(images, halves, generator), _some(images, halves, generator), generator),
        overlaid(_some(images, overlays, generator), _some(images, overlays, generator), generator),
    ]
    drawn = [draw(round(share * count), generator).to(images.device) for draw, share in DRAWN.items()]
    false = centred(torch.cat(made + drawn))
    was = labels.new_full((len(false),), -1)
    was[:turns] = labels[chosen]
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
    return rasterize(curves(ends).flatten(1, 2), generator)


def branches(count: int, generator: Generator) -> Tensor:
    """Two to five strokes, mostly upright or level, each of which leaves from one before: uint8 (N, 28, 28).

    Half leave from an end or the middle, the others from anywhere.
    """
    most = 5
    turns = torch.rand(count, most, generator=generator)  # of 2 pi
    near = (4 * turns).round() / 4 + 0.025 * torch.randn(count, most, generator=generator)
    angle = 2 * math.pi * torch.where(torch.rand(count, most, generator=generator) < 0.6, near, turns)
    length = 0.3 + 0.7 * torch.rand(count, most, 1, generator=generator)
    way = length * torch.stack([angle.cos(), angle.sin()], 2)  # (N, S, 2), from one end to the other
    bent = torch.rand(count, most, 1, generator=generator) < 0.35
    bend = 0.8 * bent * torch.randn(count, most, 1, generator=generator) * torch.stack([-way[..., 1], way[..., 0]], 2)
    drawn = curves(torch.stack([torch.zeros_like(way), way / 2 + bend, way], 2))  # (N, S, P, 2), each from the origin
    for stroke in range(1, most):
        before = torch.randint(stroke, (count,), generator=generator)
        place = torch.rand(count, generator=generator)
        place = torch.where(torch.rand(count, generator=generator) < 0.5, (2 * place).round() / 2, place)
        drawn[:, stroke] += drawn[torch.arange(count), before, ((POINTS - 1) * place).long()][:, None]
    return rasterize(_first(drawn, generator), generator)


def crossings(count: int, generator: Generator) -> Tensor:
    """Two to six straight strokes in two directions nearly at right angles, anywhere: uint8 (N, 28, 28)."""
    across = torch.randint(2, (count, MOST_STROKES), generator=generator)
    across[:, 1] = 1 - across[:, 0]  # a bar alone would be a 1
    turn = 0.6 * torch.rand(count, 1, generator=generator) - 0.3 + 0.15 * torch.randn(count, MOST_STROKES, generator=generator)
    angle = turn + math.pi / 2 * across
    half = (0.3 + 0.5 * torch.rand(count, MOST_STROKES, 1, generator=generator)) * torch.stack([angle.cos(), angle.sin()], 2)
    middle = 0.9 * torch.rand(count, MOST_STROKES, 2, generator=generator)
    return rasterize(_first(curves(torch.stack([middle - half, middle, middle + half], 2)), generator), generator)


def polygons(count: int, generator: Generator) -> Tensor:
    """Outlines of three to six corners, regular or not, one in seven a star: uint8 (N, 28, 28)."""
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
    """Random walks of 16 to 48 steps, their corners rounded: uint8 (N, 28, 28)."""
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
    """A pen of any thickness led over points (N, P, 2), fitted into the box of 20 x 20: uint8 (N, 28, 28)."""
    low, high = points.amin(1, keepdim=True), points.amax(1, keepdim=True)
    radius = 0.6 + 1.2 * torch.rand(len(points), 1, 1, generator=generator)
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


DRAWN = {strokes: 0.1, branches: 0.2, crossings: 0.1, polygons: 0.13, scribbles: 0.13, patches: 0.04}


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


def _first(strokes: Tensor, generator: Generator) -> Tensor:
    """Points (N, S P, 2) of the first two, or more, of strokes (N, S, P, 2); the others give way to the first."""
    n, most = strokes.shape[:2]
    number = torch.randint(2, most + 1, (n, 1), generator=generator)
    return torch.where((torch.arange(most) < number)[:, :, None, None], strokes, strokes[:, :1]).flatten(1, 2)
