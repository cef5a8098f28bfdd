"""Claim: softreg's scattering is at least twice as fast as the same scattering by FFT.

And its patches at least twice as fast as a convolution at every pixel::

    python -m benchmarks.features --images 500 --rounds 7

The peers compute the same channels: Morlet moduli by FFT on a 32 x 32 plane at full resolution (as kymatio does), and 160
filters of 7 x 7 at every pixel, both sides pooled. Each round runs softreg and peer one after the other, the order alternating;
the median of the rounds' ratios counts. Prints JSON.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn.functional import conv2d

from softreg.data.load import load_dataset
from softreg.features.deskew import deskew
from softreg.features.patches import CONTRAST, FILTERS, SIZE
from softreg.features.pooled import windows
from softreg.features.registry import make_feature_map
from softreg.features.scattering import ANGLES, SIZES, morlet


def fourier_bank() -> Tensor:
    """The 16 wavelets on a 32 x 32 plane, in the Fourier domain: complex64 (16, 32, 32)."""
    plane = torch.zeros(2 * ANGLES, 32, 32, dtype=torch.complex128)
    for index in range(2 * ANGLES):
        scale, angle = divmod(index, ANGLES)
        size = SIZES[scale]
        plane[index, :size, :size] = morlet(size, scale, math.pi * angle / ANGLES)
    spectrum: Tensor = torch.fft.fft2(plane).to(torch.complex64)
    return spectrum


def scatter_by_fourier(images: Tensor, bank: Tensor, window: Tensor) -> Tensor:
    """81 channels in 7 x 7 cells: images (N, 28, 28) -> (N, 3969)."""
    ink = torch.nn.functional.pad(deskew(images), (2, 2, 2, 2))  # (N, 32, 32)
    first = torch.fft.ifft2(torch.fft.fft2(ink)[:, None] * bank).abs()  # (N, 16, 32, 32)
    second = torch.fft.ifft2(torch.fft.fft2(first[:, :ANGLES])[:, :, None] * bank[ANGLES:]).abs()  # (N, 8, 8, 32, 32)
    channels = torch.cat([ink[:, None], first, second.flatten(1, 2)], 1)[:, :, 2:30, 2:30]  # (N, 81, 28, 28)
    return (window.T @ channels @ window).flatten(1).sqrt()


def patches_by_convolution(images: Tensor, filters: Tensor, window: Tensor) -> Tensor:
    """160 filters at every pixel, contrast-normalised by two more convolutions, both sides in 4 x 4 cells: (N, 5120)."""
    ink = deskew(images)[:, None]  # (N, 1, 28, 28)
    ones = torch.full((1, 1, SIZE, SIZE), SIZE**-2.0)
    mean = conv2d(ink, ones, padding=SIZE // 2)
    deviation = (conv2d(ink.square(), ones, padding=SIZE // 2) - mean.square() + CONTRAST).clamp_min(1e-6).sqrt()
    response = conv2d(ink, filters, padding=SIZE // 2) / deviation  # (N, F, 28, 28)
    return (window.T @ torch.cat([response.relu(), (-response).relu()], 1) @ window).flatten(1).sqrt()


def compare(ours: Callable[[Tensor], Tensor], peer: Callable[[Tensor], Tensor], images: Tensor, rounds: int) -> dict[str, float]:
    """Seconds of both and the median of peer / ours."""
    seconds: dict[str, list[float]] = {"softreg": [], "peer": []}
    for turn in range(rounds + 1):  # the first warms up
        for name in ("softreg", "peer") if turn % 2 else ("peer", "softreg"):
            began = time.perf_counter()
            for chunk in images.split(100):
                (ours if name == "softreg" else peer)(chunk)
            seconds[name].append(time.perf_counter() - began)
    mine, theirs = seconds["softreg"][1:], seconds["peer"][1:]
    ratio = statistics.median(b / a for a, b in zip(mine, theirs, strict=True))
    return {"softreg_seconds": statistics.median(mine), "peer_seconds": statistics.median(theirs), "ratio": ratio}


@torch.inference_mode()
def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    images = load_dataset("mnist").train.images[: arguments.images]
    bank, filters = fourier_bank(), torch.randn(FILTERS, 1, SIZE, SIZE, generator=Generator().manual_seed(0))
    fine, large = windows(28, 1, 7, 1.7, 4.0), windows(28, 1, 4, 3.0, 5.6)
    scattering, patches = (make_feature_map(name).fit(images, 0) for name in ("scattering", "patches"))
    result = {
        "images": len(images),
        "rounds": arguments.rounds,
        "threads": torch.get_num_threads(),
        "scattering": compare(scattering, lambda x: scatter_by_fourier(x, bank, fine), images, arguments.rounds),
        "patches": compare(patches, lambda x: patches_by_convolution(x, filters, large), images, arguments.rounds),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
