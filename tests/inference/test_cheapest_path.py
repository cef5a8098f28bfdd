"""The cheapest path, against an enumeration of all paths."""

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softreg.imaging.components import Component
from softreg.imaging.lattice import Candidate
from softreg.inference.cheapest_path import PRICED_TOGETHER, cheapest_path, cheapest_priced_path, costs_through


def candidate(start: int, stop: int) -> Candidate:
    return Candidate(start, stop, Component((1,), 0, start, 10, stop, 1.0), 0.0, is_apart=False)


def all_paths(edges: list[Candidate], node: int, end: int) -> Iterator[list[int]]:
    if node == end:
        yield []
    for number, edge in enumerate(edges):
        if edge.start == node:
            yield from ([number, *rest] for rest in all_paths(edges, edge.stop, end))


def lattice(nodes: int) -> list[Candidate]:
    return [candidate(start, stop) for start in range(nodes) for stop in range(start + 1, min(start + 3, nodes) + 1)]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.data())
def test_the_cheapest_path_is_that_of_an_enumeration(nodes: int, data: st.DataObject) -> None:
    edges = lattice(nodes)
    costs = data.draw(st.lists(st.floats(0, 10), min_size=len(edges), max_size=len(edges)))
    path = cheapest_path(edges, costs, nodes)
    assert edges[path[0]].start == 0
    assert edges[path[-1]].stop == nodes
    cheapest = min(sum(costs[number] for number in other) for other in all_paths(edges, 0, nodes))
    assert sum(costs[number] for number in path) == pytest.approx(cheapest)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.data())
def test_of_each_edge_the_cheapest_path_through_it_is_found(nodes: int, data: st.DataObject) -> None:
    edges = lattice(nodes)
    costs = data.draw(st.lists(st.floats(0, 10), min_size=len(edges), max_size=len(edges)))
    paths = list(all_paths(edges, 0, nodes))
    expected = [min(sum(costs[number] for number in path) for path in paths if edge in path) for edge in range(len(edges))]
    assert costs_through(edges, costs, nodes) == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 14), st.data())
def test_the_cheapest_path_is_found_though_few_edges_are_priced(nodes: int, data: st.DataObject) -> None:
    edges = lattice(nodes)
    values = st.lists(st.floats(0, 10), min_size=len(edges), max_size=len(edges))
    least, more = data.draw(values), data.draw(values)
    first = data.draw(st.lists(st.sampled_from(range(len(edges))), unique=True))
    asked: list[int] = []

    def surcharges(chosen: Sequence[int]) -> list[float]:
        asked.extend(chosen)
        return [more[edge] for edge in chosen]

    path = cheapest_priced_path(edges, least, nodes, surcharges, first)
    costs = [one + other for one, other in zip(least, more, strict=True)]
    cheapest = sum(costs[edge] for edge in cheapest_path(edges, costs, nodes))
    assert sum(costs[edge] for edge in path) == pytest.approx(cheapest)
    assert len(set(asked)) == len(asked)
    assert set(path) <= set(asked)


def test_what_cannot_be_on_the_cheapest_path_is_not_priced() -> None:
    edges, asked = lattice(10), list[int]()
    single = [edge for edge, of_edge in enumerate(edges) if of_edge.stop == of_edge.start + 1]

    def surcharges(chosen: Sequence[int]) -> list[float]:
        asked.extend(chosen)
        return [1.0] * len(chosen)

    least = [0.1 if edge in single else 9.0 for edge in range(len(edges))]
    assert cheapest_priced_path(edges, least, 10, surcharges, single) == asked == single
    asked.clear()
    least[1] = 0.5  # two steps at once: it has to be priced, but no more
    assert cheapest_priced_path(edges, least, 10, surcharges, single) == [1, *single[2:]]
    assert asked == [*single, 1]


def test_the_most_promising_edges_are_priced_several_at_a_time() -> None:
    edges, calls = lattice(10), list[Sequence[int]]()
    least = [4 - edge / 10 for edge in range(len(edges))]

    def surcharges(chosen: Sequence[int]) -> list[float]:
        calls.append(list(chosen))
        return [1.0] * len(chosen)

    cheapest_priced_path(edges, least, 10, surcharges)
    through = costs_through(edges, least, 10)
    assert sorted(calls[0]) == sorted(sorted(range(len(edges)), key=lambda edge: through[edge])[:PRICED_TOGETHER])
