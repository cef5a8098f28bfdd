"""Connected components of an ink map."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from softreg.imaging.ink import Grey

INK = 0.45  # density from which a pixel belongs to a component

Labels = NDArray[np.int32]
EIGHT = np.ones((3, 3), dtype=np.bool_)  # pixels that touch at a corner are connected


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

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Top, left, bottom, right."""
        return self.top, self.left, self.bottom, self.right

    @property
    def centre(self) -> float:
        """The column in the middle of the box."""
        return (self.left + self.right) / 2


def union(components: Sequence[Component]) -> Component:
    """Several components as one."""
    return Component(
        tuple(number for component in components for number in component.labels),
        min(component.top for component in components),
        min(component.left for component in components),
        max(component.bottom for component in components),
        max(component.right for component in components),
        sum(component.area for component in components),
    )


def connected_components(labels: Labels) -> list[Component]:
    """The components labelled 1, 2, ...; label 0 is paper."""
    areas = np.bincount(labels.ravel())
    boxes = ndimage.find_objects(labels)
    return [
        Component((number,), box[0].start, box[1].start, box[0].stop, box[1].stop, float(areas[number]))
        for number, box in enumerate(boxes, start=1)
        if box is not None
    ]


def label(density: Grey) -> Labels:
    """Number the connected pieces of ink."""
    labels: Labels = ndimage.label(density > INK, EIGHT)[0]
    return labels


def crop(component: Component, density: Grey, labels: Labels) -> tuple[Grey, int, int]:
    """The ink of one component with its soft edges, and the row and column where the crop begins; other ink is left out.

    It is scaled so that its own strokes are dense in the middle: a faint digit beside a dark one is cut off at half of its own
    density.
    """
    top, left = max(component.top - 2, 0), max(component.left - 2, 0)
    window = np.s_[top : component.bottom + 2, left : component.right + 2]
    own = np.isin(labels[window], component.labels)
    near = ndimage.binary_dilation(own, EIGHT, iterations=2) & (own | (labels[window] == 0))
    ink = np.where(near, density[window], np.float32(0))
    return np.minimum(ink / np.float32(max(np.percentile(ink[own], 90), INK)), np.float32(1)), top, left
