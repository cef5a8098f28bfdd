"""Whether a dataset's images are such as MNIST's, so that what is written on paper can be made into one."""

import torch

from softreg.data.dataset import Dataset
from softreg.data.memory_map import evenly_spaced
from softreg.image_format import SIDE

N_LOOKED_AT = 500  # images, evenly spaced
DARK = 32  # of 255


def are_written_on_paper(data: Dataset) -> bool:
    """Whether most images are 28 x 28 and grey with nothing bright at the edges: ink in a margin, not frame-filling."""
    if data.image_shape != (SIDE, SIDE):
        return False
    images = evenly_spaced(data.images, N_LOOKED_AT)[:N_LOOKED_AT]  # (N, 28, 28)
    edges = torch.cat([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], 1)  # (N, 112)
    return int((edges.amax(1) < DARK).sum()) * 2 > len(images)
