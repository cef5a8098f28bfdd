"""The cheapest path through a lattice, found without knowing what most of its edges cost.

To know what a candidate costs, it has to be normalised and scored, which takes milliseconds; a bound takes nothing.
"""

from collections.abc import Callable, Sequence

import numpy as np

from softreg.imaging.lattice import Candidate

PRICED_TOGETHER = 8  # edges: another call of the model costs as much as to score three more


def cheapest_priced_path(
    edges: Sequence[Candidate],
    least: Sequence[float],
    nodes: int,
    surcharges: Callable[[Sequence[int]], Sequence[float]],
    first: Sequence[int] = (),
) -> list[int]:
    """The indices of the edges of the cheapest path from node 0 to node `nodes`.

    An edge through which no path can be cheaper than one that is known is never priced: mostly more than half of them.

    Parameters
    ----------
    least : what each edge costs at least
    surcharges : what some edges, by index, cost more than that; asked once for each edge at most
    first : the edges to price first, since they are known or likely
    """
    costs, priced, chosen = list(least), set[int](), list(first)
    while True:
        for edge, more in zip(chosen, surcharges(chosen) if chosen else (), strict=True):
            costs[edge] += more
        priced.update(chosen)
        path = cheapest_path(edges, costs, nodes)
        missing = [edge for edge in path if edge not in priced]
        if not missing:
            return path
        through = costs_through(edges, costs, nodes)
        known = [cost if edge in priced else np.inf for edge, cost in enumerate(costs)]
        bound = min(costs_through(edges, known, nodes))
        others = {edge for edge, cost in enumerate(through) if cost <= bound} - priced - set(missing)
        chosen = (missing + sorted(others, key=lambda edge: (through[edge], edge)))[: max(PRICED_TOGETHER, len(missing))]


def cheapest_path(edges: Sequence[Candidate], costs: Sequence[float], nodes: int) -> list[int]:
    """The indices of the edges of the cheapest path from node 0 to node `nodes`, by dynamic programming.

    The edges are ordered by their start, so that a node's cost is final before an edge leaves it.
    """
    cheapest, arrived = [0.0] + [np.inf] * nodes, [-1] * (nodes + 1)
    for number, (edge, cost) in enumerate(zip(edges, costs, strict=True)):
        if cheapest[edge.start] + cost < cheapest[edge.stop]:
            cheapest[edge.stop], arrived[edge.stop] = cheapest[edge.start] + cost, number
    path, node = [], nodes
    while node:
        path.append(arrived[node])
        node = edges[path[-1]].start
    return path[::-1]


def costs_through(edges: Sequence[Candidate], costs: Sequence[float], nodes: int) -> list[float]:
    """What the cheapest path from node 0 to node `nodes` that goes through an edge costs, for each edge."""
    before, after = [0.0] + [np.inf] * nodes, [np.inf] * nodes + [0.0]
    for edge, cost in zip(edges, costs, strict=True):
        before[edge.stop] = min(before[edge.stop], before[edge.start] + cost)
    for edge, cost in zip(reversed(edges), reversed(costs), strict=True):
        after[edge.start] = min(after[edge.start], cost + after[edge.stop])
    return [before[edge.start] + cost + after[edge.stop] for edge, cost in zip(edges, costs, strict=True)]
