"""Which way to see a picture is right: the one in which the model reads most surely and little ink is left unexplained.

Each way (`softreg.imaging.layout`) is read as it is; where the model doubts a digit, the lattice of its line
(`softreg.imaging.lattice`) is searched for the cheapest path. A digit costs

    -log p(class) - log p(digit),        p(digit) = 1 / (1 + exp(novelty)),

a path the sum over its digits, with `PER_DIGIT` for each, the ink its cuts cross, and heights unlike the line's; a layout costs the
mean of its digits, and what it leaves out. The cheapest layout wins; the first is kept without looking further if it costs little.
Its doubtful digits are then tried turned a little either way, and stay so where that costs less.

The cheapest of several layouts may be cheap by chance: with enough attempts, something like a digit can be found in any texture.
What speaks against the layout (`Reading.doubt`) therefore counts against the odds that each of its marks is a digit: ink that they
do not explain, and that the usual layout is read otherwise. For digits the layouts mostly agree; for other pictures they do not.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from softreg.imaging.components import Component, union
from softreg.imaging.lattice import Candidate, Lattice, lattice, line_height
from softreg.imaging.layout import Layout
from softreg.imaging.picture import Picture
from softreg.inference.cheapest_path import cheapest_priced_path
from softreg.inference.scores import ScoreCache, Scores, among_sure_digits, score, with_neighbours
from softreg.model.softmax_regression import SoftmaxRegression

CONVINCING = 0.05  # a layout that costs less is taken without looking at others
DOUBTFUL = 0.3  # a digit that costs more may be cut or joined
PER_DIGIT = 0.7  # of each digit on a path: fewer digits are likelier
CROSSED = 0.6  # of a stroke width of ink that a cut goes through
APART = PER_DIGIT  # of a digit of marks with paper between them: two digits are joined only to one that is surer
SPREAD = 4.0  # of such a digit's width to height above 1, besides
SHORT, TALL, UNEVEN = 0.75, 1.5, 2.0  # of the line's height: digits outside cost `UNEVEN` per height
OVERLAP, OVERLAPPING = 0.3, 2.0  # share of the narrower digit that the next may overlap; the cost of more
AT_EDGE = 1.0  # of one of several digits that is cut off by the picture's edge
DROPPED, MISSED, FREE = 1.0, 1.0, 0.05  # of ink left out, or only seen in local contrast, of which a little is free
KINDS = {"usual": 0.0, "faint": 0.1, "fragments": 0.02, "whole": 0.2, "surroundings": 0.3, "lines": 0.3}  # how unusual it is
# The log odds of a digit that a mark found in a picture needs to be named: unless it is among sure digits; besides, per misfit, and
# if the usual layout is read otherwise.
LEAST_ODDS, UNEXPLAINED, DISAGREEMENT = 0.6, 2.5, 1.5
TURN, TURNED = 5.0, 0.3  # degrees by which a digit above `CONVINCING` is tried turned, and what that costs
MAX_DOUBTFUL = 12  # digits of a layout: where there are more, cutting them anew would take seconds and help nobody
MAX_CANDIDATES = 80  # of a picture, in all layouts that are read: six digits that touch have 40, a scribble hundreds
ALONE = 1.08  # of width to height: a mark that stands alone and is no wider is not cut
WIDE = 1.3  # of width to height: what is wider may be two digits
SLIM = 0.8  # of the same: two neighbours no wider together may be one digit, such as a 4 in two strokes


@dataclass(frozen=True, eq=False)
class Interpretation:
    """One layout, read: its lines of digits, the scores of all of them in reading order, their mean cost, and the layout's own.

    `candidates` is how many were scored to find them.
    """

    layout: Layout
    lines: tuple[tuple[Component, ...], ...]
    scores: Scores
    digits_cost: float
    misfit: float
    candidates: int

    @property
    def cost(self) -> float:
        """By which layouts are compared."""
        return self.digits_cost + self.misfit

    def agrees(self, other: "Interpretation") -> bool:
        """Whether the same classes are read, line by line."""
        mine, others = (tuple(map(len, way.lines)) for way in (self, other))
        return mine == others and bool((self.scores.probabilities.argmax(1) == other.scores.probabilities.argmax(1)).all())


class Reading(NamedTuple):
    """A picture, seen in the likeliest way.

    Attributes
    ----------
    scores
        Of the picture's digits; None if there are none.
    doubt
        The log odds of a digit (N,) that each mark needs to be named: more where the layout misfits, or the usual one is read
        otherwise; less among sure digits. None if there was nothing to choose, since the picture is an image already, or if the
        model knows no odds: it has no detector.
    """

    picture: Picture
    scores: Scores | None
    doubt: Tensor | None


def interpret(model: SoftmaxRegression, pictures: Sequence[Picture]) -> Iterator[Reading]:
    """Each picture, seen in its best way. The usual ways of all pictures go through the model together."""
    images = [torch.from_numpy(digit.image) for picture in pictures for digit in picture.digits]
    scores = score(model, torch.stack(images)) if images else None
    first = 0
    for picture in pictures:
        rows = slice(first, first := first + len(picture.digits))
        usual = scores[rows] if scores is not None and picture.digits else None
        yield _best(model, picture, usual) if picture.layouts is not None else Reading(picture, usual, None)


def _best(model: SoftmaxRegression, picture: Picture, usual: Scores | None) -> Reading:
    best: Interpretation | None = None
    first: Interpretation | None = None
    known, left = ScoreCache(model), MAX_CANDIDATES
    if usual is not None:
        known.keep([digit.image for digit in picture.digits], usual)
    for layout in picture.layouts or ():
        if layout.reason == "crowded":
            break
        if not layout.lines or (best is not None and _unexplained(layout) >= best.cost):
            continue
        found = _read(known, layout, left)
        left -= found.candidates
        first = first or found
        if best is None or found.cost < best.cost:
            best = found
        if found.cost < CONVINCING:
            break
    if best is None or first is None:
        return Reading(picture, None, None)
    among_sure = among_sure_digits(best.scores, [len(line) for line in best.lines])
    doubt = LEAST_ODDS * ~among_sure + UNEXPLAINED * best.misfit + DISAGREEMENT * (not best.agrees(first))
    best = _turned(known, best)
    unchanged = best.layout.kind == "usual" and best.lines == best.layout.lines and not best.layout.turns
    seen = picture if unchanged and picture.digits else picture.seen_as(best.layout, best.lines)
    return Reading(seen, with_neighbours(best.scores, among_sure), doubt if model.ood_detector else None)


def _turned(known: ScoreCache, found: Interpretation) -> Interpretation:
    """The same digits, those that are doubtful turned where they cost less so."""
    digits = list(chain(*found.lines))
    doubtful = [i for i, cost in enumerate(found.scores.costs) if cost > CONVINCING]
    if not 0 < len(doubtful) <= MAX_DOUBTFUL:
        return found
    ways = [dict.fromkeys((digits[i] for i in doubtful), turn) for turn in (TURN, -TURN)]
    upright, *turned = [found.scores[doubtful], *(_score_all(known, replace(found.layout, turns=way), way) for way in ways)]
    costs = np.array([upright.costs, *(TURNED + np.array(scores.costs) for scores in turned)])  # (3, M)
    cheapest = costs.argmin(0)
    turns = {digits[i]: (0.0, TURN, -TURN)[way] for i, way in zip(doubtful, cheapest, strict=True) if way}
    if not turns:
        return found
    layout = replace(found.layout, turns=turns)
    return replace(found, layout=layout, scores=_score_all(known, layout, digits))


def _score_all(known: ScoreCache, layout: Layout, components: Iterable[Component]) -> Scores:
    return known([layout.normalized(component)[0].image for component in components])


def _read(known: ScoreCache, layout: Layout, most: int) -> Interpretation:
    """The layout with the lines in which digits are doubtful cut anew, as long as there are at most `most` candidates."""
    scores = _score_all(known, layout, chain(*layout.lines))
    lines, parts, costs, first, candidates = [], [], [], 0, 0
    current, budget = layout, MAX_DOUBTFUL
    for line in layout.lines:
        rows = list(range(first, first := first + len(line)))
        own = scores[rows]
        doubtful = _doubtful(layout, line, own.costs)
        budget -= len(doubtful)
        alone = len(scores.logits) == 1 and line[0].width <= ALONE * line[0].height  # one digit, hardly two
        ways = lattice(current, line, doubtful) if doubtful and not alone and budget >= 0 else None
        if ways and candidates + len(ways.candidates) <= most:
            current, candidates = ways.layout, candidates + len(ways.candidates)
            path, own, extra = _best_path(known, ways, line)
            lines.append(path)
            costs += [cost + more for cost, more in zip(own.costs, extra, strict=True)]
        else:
            lines.append(line)
            costs += own.costs
        parts.append(own)
    found = tuple(lines)
    return Interpretation(current, found, Scores.cat(parts), float(np.mean(costs)), _misfit(current, found), candidates)


def _doubtful(layout: Layout, line: Sequence[Component], costs: Sequence[float]) -> set[int]:
    """The digits of a line that the model doubts, that are wide enough for two, or short, that overlap, or may be one together."""
    wide, short = WIDE / layout.stretch, SHORT * line_height(line)
    doubtful = {
        i
        for i, (digit, cost) in enumerate(zip(line, costs, strict=True))
        if cost > DOUBTFUL or digit.width > wide * digit.height or digit.height < short
    }
    pairs = [i for i, (one, other) in enumerate(pairwise(line)) if overlap(one, other) > OVERLAP or _may_be_one(layout, one, other)]
    return doubtful | {j for i in pairs for j in (i, i + 1)}


def _may_be_one(layout: Layout, left: Component, right: Component) -> bool:
    together = union((left, right))
    return layout.stretch * together.width <= SLIM * together.height


def overlap(left: Component, right: Component) -> float:
    """How far two components overlap from side to side, as a share of the narrower; negative if they are apart."""
    return (min(left.right, right.right) - max(left.left, right.left)) / max(1, min(left.width, right.width))


def _best_path(known: ScoreCache, ways: Lattice, line: Sequence[Component]) -> tuple[tuple[Component, ...], Scores, list[float]]:
    """The cheapest segmentation of a line; the scores of its digits, and the costs of their geometry."""
    components = [candidate.component for candidate in ways.candidates]
    uncut = {digit.box for digit in line}
    may_be_low = uncut if ways.layout.kind == "fragments" else set()  # low digits are why there is this layout
    extra = [
        CROSSED * candidate.crossed
        + separation_cost(candidate, ways.layout.stretch)
        + (0.0 if candidate.component.box in may_be_low else _unevenness(candidate, ways.height))
        for candidate in ways.candidates
    ]

    def surprises(edges: Sequence[int]) -> list[float]:
        return _score_all(known, ways.layout, [components[edge] for edge in edges]).costs

    first = [edge for edge, component in enumerate(components) if component.box in uncut]
    path = cheapest_priced_path(ways.candidates, [more + PER_DIGIT for more in extra], ways.nodes, surprises, first)
    found = tuple(components[edge] for edge in path)
    return found, _score_all(known, ways.layout, found), [extra[edge] for edge in path]


def separation_cost(candidate: Candidate, stretch: float) -> float:
    """What it costs that paper separates the marks of a digit from side to side: the wider they are together, the more."""
    if not candidate.is_apart:
        return 0.0
    aspect = stretch * candidate.component.width / candidate.component.height
    return APART + SPREAD * max(0.0, aspect - 1)


def _unevenness(candidate: Candidate, height: float) -> float:
    share = candidate.component.height / height
    return UNEVEN * (max(0.0, SHORT - share) + max(0.0, share - TALL))


def _misfit(layout: Layout, lines: Sequence[Sequence[Component]]) -> float:
    """What a layout costs besides its digits: overlaps, digits cut off by the edge, ink left out, how unusual it is."""
    digits = [digit for line in lines for digit in line]
    overlaps = sum(max(0.0, overlap(left, right) - OVERLAP) for line in lines for left, right in pairwise(line))
    cut_off = sum(digit.left <= 0 or digit.right >= layout.density.shape[1] for digit in digits) if len(digits) > 1 else 0
    return (OVERLAPPING * overlaps + AT_EDGE * cut_off) / len(digits) + _unexplained(layout)


def _unexplained(layout: Layout) -> float:
    """What a layout costs at least, however its digits are read."""
    return DROPPED * layout.dropped + MISSED * max(0.0, layout.missed - FREE) + KINDS[layout.kind]
