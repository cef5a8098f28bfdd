"""All the ways to cut a line of text into digits: a lattice whose paths are segmentations."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from softreg.imaging.components import Component, union
from softreg.imaging.joining import gap
from softreg.imaging.layout import MAX_ASPECT, Layout
from softreg.imaging.split_touching import Piece, cut

MAX_PIECES = 5  # of one digit
NEAR = 0.3  # of the line's height: parts farther from each other are not of one digit


@dataclass(frozen=True)
class Candidate:
    """Pieces `start` to `stop` (exclusive) of a line as one digit.

    `crossed` is the ink its cuts go through, in stroke widths; `is_apart` whether paper separates its marks from side to side.
    """

    start: int
    stop: int
    component: Component
    crossed: float
    is_apart: bool


@dataclass(frozen=True, eq=False)
class Lattice:
    """The candidates of one line.

    Attributes
    ----------
    layout
        As it was, but with the labels that the candidates bear.
    candidates
        Ordered by `start`; each is an edge from node `start` to node `stop`.
    nodes
        How many pieces there are: a segmentation is a path from node 0 to this one.
    height
        Of the line, in pixels.
    """

    layout: Layout
    candidates: tuple[Candidate, ...]
    nodes: int
    height: float


def lattice(layout: Layout, line: Sequence[Component], doubtful: Collection[int]) -> Lattice:
    """The lattice of a line in which the digits `doubtful` (indices) are cut, and joined with their neighbours; the rest stays."""
    height = line_height(line)
    labels = layout.labels.copy()
    pieces = [
        (piece, index)
        for index, digit in enumerate(line)
        for piece in (cut(digit, layout.density, labels, height) if index in doubtful else [Piece(digit, 0.0)])
    ]
    joinable = {
        other
        for index in doubtful
        for other in (index - 1, index, index + 1)
        if 0 <= other < len(line) and gap(line[index], line[other]) < NEAR * height
    }
    whole = frozenset(digit.box for digit in line) if layout.stretch == 1 else frozenset()
    limits = _Limits(height, MAX_ASPECT / layout.stretch, frozenset(joinable), whole)
    candidates = [candidate for start in range(len(pieces)) for candidate in _candidates(pieces, start, limits)]
    return Lattice(replace(layout, labels=labels), tuple(candidates), len(pieces), height)


def line_height(line: Sequence[Component]) -> float:
    """The median height of the digits in a line."""
    return float(np.median([digit.height for digit in line]))


@dataclass(frozen=True)
class _Limits:
    """What bounds the candidates of a line: its height, their aspect, the digits to be joined, the boxes of digits left whole."""

    height: float
    aspect: float
    joinable: frozenset[int]
    whole: frozenset[tuple[int, int, int, int]]


def _candidates(pieces: Sequence[tuple[Piece, int]], start: int, limits: _Limits) -> list[Candidate]:
    """The candidates that begin with one piece: it alone, and with those that follow while they can be one digit.

    A mark as it was found may be of any width, unless the row is condensed: a 5 with a long bar.
    """
    found: list[Candidate] = []
    for stop in range(start + 1, min(start + MAX_PIECES, len(pieces)) + 1):
        parts = [piece.component for piece, _ in pieces[start:stop]]
        owners = {index for _, index in pieces[start:stop]}
        component = union(parts)
        if stop > start + 1 and (
            (len(owners) > 1 and not owners <= limits.joinable) or parts[-2].right + NEAR * limits.height < parts[-1].left
        ):
            break
        is_wide = component.width > limits.aspect * max(component.height, limits.height)
        if stop > start + 1 and is_wide and component.box not in limits.whole:
            continue
        crossed = pieces[start][0].crossed + (pieces[stop][0].crossed if stop < len(pieces) else 0.0)
        is_apart = any(left.right < right.left for left, right in pairwise(parts))
        found.append(Candidate(start, stop, component, crossed, is_apart))
    return found
