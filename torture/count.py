"""The result of a torture suite."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / ".torture"  # what is known of earlier runs


@dataclass
class Count:
    """What a suite did, and what failed.

    Attributes
    ----------
    done : number of units run
    failures : one line for each failure
    details : further counts for the report, by name
    """

    done: int = 0
    failures: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
