"""What `make torture` runs: each room, how much of it is wanted, and what one unit of it is."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torture.count import Count


@dataclass(frozen=True)
class Room:
    """One kind of torture.

    Attributes
    ----------
    wanted : how many units
    unit : of what
    says : what it does and demands
    run : does the units with these numbers, in a scratch folder
    """

    wanted: int
    unit: str
    says: str
    run: Callable[[range, Path], Count]


def _fuzz(name: str, numbers: range, scratch: Path) -> Count:
    from torture.fuzz import fuzz
    from torture.readers import READERS

    found = fuzz(READERS[name](scratch), numbers)
    facts: dict[str, float] = {
        "accepted": found.accepted,
        "slowest, s": round(found.slowest, 2),
        "memory, MiB": round(found.grown, 1),
    }
    return Count(found.inputs, found.bad, facts)


def _requests(numbers: range, scratch: Path) -> Count:
    from torture.requests import ask_all

    found = ask_all(numbers, scratch)
    facts: dict[str, float] = {f"status {status}": count for status, count in sorted(found.statuses.items())}
    facts |= {"slowest, s": round(found.slowest, 2), "memory, MiB": round(found.grown, 1)}
    return Count(sum(found.statuses.values()), found.bad, facts)


def _kills(numbers: range, scratch: Path) -> Count:
    from tests.helpers.small_mnist import recipes, small_mnist
    from torture.forked import forked
    from torture.kills import draw_little, kill_at_random

    draw_little()
    forked(lambda: small_mnist(scratch / "data"), scratch=scratch)  # not here: who has computed cannot fork well
    count, trained = Count(0, [], {}), recipes(scratch / "data")
    for number, (name, recipe) in enumerate(trained.items()):
        if mine := [each for each in numbers if each % len(trained) == number]:
            found = kill_at_random(recipe, _folder(scratch, name), len(mine), seed=mine[0])
            count.done += found.kills
            count.bad += found.bad
            count.facts[f"kills of {name}"] = found.kills
    return count


def _calls(numbers: range, scratch: Path) -> Count:
    from tests.helpers.small_mnist import recipes, small_mnist
    from torture.forked import forked
    from torture.kills import draw_little, kill_at_every_call

    draw_little()
    count = Count(0, [], {})
    forked(lambda: small_mnist(scratch / "data", 200, 50), scratch=scratch)
    recipe = recipes(scratch / "data")["sgd"].replace({"epochs": 3})
    for force in (False, True):
        found = kill_at_every_call(recipe, _folder(scratch, f"force {force}"), force=force)
        count.done += found.kills
        count.bad += found.bad
        count.facts["kills over an old run" if force else "kills of a new run"] = found.kills
    return count


def _faults(numbers: range, scratch: Path) -> Count:
    from torture.faults import fail_every_call

    found = fail_every_call(scratch)
    return Count(found.injected, found.bad, {})


def _places(numbers: range, scratch: Path) -> Count:
    from torture.places import PLACES, run_everywhere

    if os.getuid() != 0:
        return Count(0, ["only root can make such places"], {})
    found = run_everywhere(scratch)
    return Count(found.commands, found.bad, {"places": len(PLACES)})


def _bits(numbers: range, scratch: Path) -> Count:
    from torture.bits import damage_everywhere

    return damage_everywhere()


def _folder(scratch: Path, name: str) -> Path:
    (scratch / name).mkdir()
    return scratch / name


ROOMS = {
    "bits": Room(1, "damages", "every truncation length and every single-bit flip of a model file is refused", _bits),
    "faults": Room(
        1,
        "faults",
        "ENOSPC, EIO, EROFS, EACCES at every n-th write, fsync, rename, open and mkdir of a file, a run, checkpoints",
        _faults,
    ),
    "places": Room(
        1, "commands", "full and read-only file systems, a read-only home, others' folders, an ordinary user, no network", _places
    ),
    "kills": Room(
        200, "kills", "kill -9 at random moments of a training by each solver; --resume ends with the same SHA-256", _kills
    ),
    "calls": Room(
        1, "kills", "kill -9 at every file operation of a training, of a new run and over an old one; --resume likewise", _calls
    ),
    "idx": Room(1_000_000, "inputs", "the IDX reader: damaged files, plain and gzip'd", partial(_fuzz, "idx")),
    "pictures": Room(200_000, "inputs", "the picture reader, until the digit is found", partial(_fuzz, "pictures")),
    "models": Room(200_000, "inputs", "the model reader; half with a right SHA-256 over wrong content", partial(_fuzz, "models")),
    "recipes": Room(200_000, "inputs", "the recipe reader", partial(_fuzz, "recipes")),
    "requests": Room(
        100_000, "requests", "the HTTP API over sockets, by its OpenAPI document; one request in ten is damaged", _requests
    ),
}
