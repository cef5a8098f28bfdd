"""Which connected components are parts of one digit."""

from softreg.imaging.components import Component, union

LOW, LOWEST = 0.5, 0.25  # of the tallest digit's height: lower marks may be fragments; what is joined is at least so high


def joined(components: list[Component]) -> list[Component]:
    """Join the components that belong to one digit, the largest first taking in what is near it.

    It is repeated as long as digits grow: the upper half of a broken 7 reaches the lower one once it has the piece between them.
    """
    tallest = max(component.height for component in components)
    digits, count = _joined_once(components, tallest), len(components)
    while len(digits) < count:
        digits, count = _joined_once(digits, tallest), len(digits)
    return digits


def _joined_once(components: list[Component], tallest: int) -> list[Component]:
    digits: list[Component] = []
    for component in sorted(components, key=lambda component: -component.length):
        near = [digit for digit in digits if _belong_together(digit, component, tallest)]
        if near:
            host = min(near, key=lambda digit: gap(digit, component))
            digits[digits.index(host)] = union((host, component))
        else:
            digits.append(component)
    return digits


def with_fragments(digits: list[Component], components: list[Component]) -> list[Component]:
    """The high digits, and low ones joined of all other components: each with what lies close above or below it.

    An example is a 5 with a small body and its bar apart: neither is as high as a digit, and the bar looks like part of a line.
    """
    tallest = max(digit.height for digit in digits)
    high = [digit for digit in digits if digit.height >= LOW * tallest]
    used = {number for digit in high for number in digit.labels}
    rest = [c for c in components if c.labels[0] not in used and c.length > 0.1 * tallest]
    return high + [c for c in _stacked(rest, 0.3 * tallest) if c.height >= LOWEST * tallest and c.length >= LOW * tallest]


def _stacked(components: list[Component], near: float) -> list[Component]:
    stacks: list[Component] = []
    for component in sorted(components, key=lambda component: component.top):
        above = [stack for stack in stacks if _lies_below(stack, component, near)]
        stacks = [stack for stack in stacks if stack not in above] + [union((*above, component))]
    return stacks


def _lies_below(upper: Component, lower: Component, near: float) -> bool:
    return min(upper.right, lower.right) > max(upper.left, lower.left) and lower.top - upper.bottom < near


def gap(one: Component, other: Component) -> float:
    """The distance of two boxes, in pixels, across and down added; 0 where they overlap."""
    across = max(one.left, other.left) - min(one.right, other.right)
    down = max(one.top, other.top) - min(one.bottom, other.bottom)
    return max(across, 0) + max(down, 0)


def _belong_together(large: Component, small: Component, tallest: int) -> bool:
    """Whether `small` is a part of the same digit as `large`: the bar of a 5, the second half of a broken 8.

    Parts of one digit lie one above the other, near, and are no taller together than the tallest component; digits lie side by
    side, as high as each other.
    """
    apart = gap(large, small) / large.length
    if small.length < 0.3 * large.length:
        return apart < 0.12 and small.length > 0.04 * large.length
    height = max(large.bottom, small.bottom) - min(large.top, small.top)
    if height > max(1.5 * large.length, tallest) and apart > 0.06:
        return False
    across = min(large.right, small.right) - max(large.left, small.left)
    down = min(large.bottom, small.bottom) - max(large.top, small.top)
    if across > 0.4 * min(large.width, small.width):
        return apart < 0.25
    return apart < 0.12 and (down < 0.35 * small.height or small.height < 0.4 * large.height)
