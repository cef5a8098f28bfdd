"""What each room of the torture hands back."""

from dataclasses import dataclass
from typing import Any


@dataclass
class Count:
    """What a room did.

    Attributes
    ----------
    done : how many units
    bad : what must not be
    facts : numbers worth telling
    """

    done: int
    bad: list[str]
    facts: dict[str, Any]
