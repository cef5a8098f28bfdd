"""Parts of digits: every rule on both of its sides, in boxes around a digit of 100 x 60."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softreg.imaging.components import Component
from softreg.imaging.joining import gap, joined

DIGIT = (0, 0, 100, 60)  # top, left, bottom, right; its length is 100


def component(number: int, top: int, left: int, bottom: int, right: int) -> Component:
    return Component((number,), top + 7, left + 9, bottom + 7, right + 9, 1.0)  # anywhere but in the corner


def beside(height: int, width: int, apart: int, top: int = 0) -> tuple[int, int, int, int]:
    return top, 60 + apart, top + height, 60 + apart + width


def below(height: int, width: int, apart: int, left: int = 0) -> tuple[int, int, int, int]:
    return 100 + apart, left, 100 + apart + height, left + width


BOXES = [
    (beside(20, 20, 11), True),  # a mark, near
    (beside(20, 20, 12), False),
    (beside(5, 5, 0), True),
    (beside(4, 4, 0), False),  # a speck
    (below(29, 29, 20), False),  # a mark must be nearer than a part
    (below(30, 30, 20), True),
    (below(60, 60, 6), True),  # taller together than a digit, and touching
    (below(60, 60, 7), False),
    (below(43, 60, 7), True),  # not much taller
    (below(44, 60, 7), False),
    (below(26, 40, 24), True),  # one above the other
    (below(25, 40, 25), False),
    (below(26, 40, 20, left=43), True),  # partly so
    (below(26, 40, 20, left=44), False),
    (beside(39, 30, 11), True),  # a part beside the digit, lower than a digit is
    (beside(40, 30, 11), False),
    (beside(39, 30, 12), False),
    (beside(60, 30, 11, top=80), True),  # ... or mostly above or below it
    (beside(60, 30, 11, top=79), False),
    (beside(100, 60, 20), False),  # the next digit
]


@pytest.mark.parametrize(("box", "is_part"), BOXES)
def test_a_part_is_joined_and_a_neighbour_is_not(box: tuple[int, int, int, int], is_part: bool) -> None:
    large, small = component(1, *DIGIT), component(2, *box)
    for order in ([large, small], [small, large]):
        assert {digit.labels for digit in joined(order)} == ({(1, 2)} if is_part else {(1,), (2,)})


def test_two_parts_may_be_as_tall_together_as_the_tallest() -> None:
    parts = [component(1, *DIGIT), component(2, *below(60, 60, 7))]
    for height, is_joined in ((167, True), (166, False)):
        tallest = component(3, 0, 500, height, 520)
        assert ((1, 2) in {digit.labels for digit in joined([*parts, tallest])}) == is_joined


def test_a_stroke_broken_in_three_is_one_digit() -> None:
    top, middle, bottom = component(0, 0, 30, 75, 177), component(1, 75, 93, 137, 137), component(2, 140, 4, 246, 90)
    assert len(joined([top, middle, bottom])) == 1
    assert len(joined([top, bottom])) == 2


def test_a_mark_between_two_digits_goes_to_the_nearer_and_each_digit_keeps_its_place() -> None:
    left, right = component(1, *DIGIT), component(2, 0, 85, 90, 145)
    near_left, near_right = component(3, 50, 65, 60, 75), component(4, 50, 70, 60, 80)
    for mark, expected in ((near_left, [(1, 3), (2,)]), (near_right, [(1,), (2, 4)])):
        assert [digit.labels for digit in joined([mark, right, left])] == expected


BOX = st.tuples(*[st.integers(0, 20)] * 2, *[st.integers(1, 9)] * 2)


@given(BOX, BOX)
def test_the_gap_is_the_paper_between_two_boxes(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    first, second = (component(1, top, left, top + height, left + width) for top, left, height, width in (one, other))
    between = 0
    for start, size in ((0, 2), (1, 3)):
        mine, others = (set(range(box[start], box[start] + box[size])) for box in (one, other))
        low, high = min(max(mine), max(others)), max(min(mine), min(others))
        between += len(set(range(low + 1, high)) - mine - others)
    assert gap(first, second) == gap(second, first) == between
