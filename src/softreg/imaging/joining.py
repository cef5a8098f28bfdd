"""Which connected components are parts of one digit."""

from softreg.imaging.components import Component, union


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
