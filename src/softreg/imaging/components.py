"""Connected marks of an ink map."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from softreg.imaging.ink import Grey

INK = 0.45  # density from which a pixel belongs to a mark

Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Component:
    """One or more connected pieces of ink: their labels, bounding box (bottom and right exclusive) and area in pixels."""

    labels: tuple[int, ...]
    top: int
    left: int
    bottom: int
    right: int
    area: float

    @property
    def height(self) -> int:
        """In pixels."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """In pixels."""
        return self.right - self.left

    @property
    def length(self) -> int:
        """The longer of height and width."""
        return max(self.height, self.width)

    def with_(self, other: "Component") -> "Component":
        """Both as one."""
        return Component(
            self.labels + other.labels,
            min(self.top, other.top),
            min(self.left, other.left),
            max(self.bottom, other.bottom),
            max(self.right, other.right),
            self.area + other.area,
        )


def connected_components(labels: Labels) -> list[Component]:
    """The marks labelled 1, 2, ...; label 0 is paper."""
    areas = np.bincount(labels.ravel())
    boxes = ndimage.find_objects(labels)
    return [
        Component((number,), box[0].start, box[1].start, box[0].stop, box[1].stop, float(areas[number]))
        for number, box in enumerate(boxes, start=1)
        if box is not None
    ]


def label(density: Grey) -> Labels:
    """Number the connected pieces of ink; pixels touching at a corner are connected."""
    labels: Labels = ndimage.label(density > INK, np.ones((3, 3)))[0]
    return labels


def crop(mark: Component, density: Grey, labels: Labels) -> tuple[Grey, int, int]:
    """The ink of one mark, its soft edges included, others' left out; and the row and column where it begins."""
    top, left = max(mark.top - 2, 0), max(mark.left - 2, 0)
    window = np.s_[top : mark.bottom + 2, left : mark.right + 2]
    own = np.isin(labels[window], mark.labels)
    near = ndimage.binary_dilation(own, np.ones((3, 3)), iterations=2) & (own | (labels[window] == 0))
    return np.where(near, density[window], np.float32(0)), top, left
