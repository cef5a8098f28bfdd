"""The suites that `make torture` runs: how many units of each, and what one unit is."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torture.count import Count


@dataclass(frozen=True)
class Suite:
    """One kind of torture.

    Attributes
    ----------
    target : number of units a full run does
    unit : what is counted
    description : what it does and demands
    run : runs the units with these numbers, in a scratch folder
    """

    target: int
    unit: str
    description: str
    run: Callable[[range, Path], Count]


def _fuzz(name: str, numbers: range, scratch: Path) -> Count:
    from torture.fuzz import fuzz
    from torture.readers import READERS

    result = fuzz(READERS[name](scratch), numbers)
    details: dict[str, float] = {
        "accepted": result.accepted,
        "slowest, s": round(result.slowest, 2),
        "memory, MiB": round(result.growth, 1),
    }
    return Count(result.inputs, result.failures, details)


def _requests(numbers: range, scratch: Path) -> Count:
    from torture.requests import send_all

    result = send_all(numbers, scratch)
    details: dict[str, float] = {f"status {status}": count for status, count in sorted(result.statuses.items())}
    details |= {"slowest, s": round(result.slowest, 2), "memory, MiB": round(result.growth, 1)}
    return Count(sum(result.statuses.values()), result.failures, details)


def _framing(numbers: range, scratch: Path) -> Count:
    from torture.framing import send_streams

    result = send_streams(numbers, scratch)
    details = {"slowest, s": round(result.slowest, 2), "memory, MiB": round(result.growth, 1)}
    return Count(len(numbers), result.failures, details)


def _soak(numbers: range, scratch: Path) -> Count:
    from torture.soak import soak

    result, growth = soak(numbers, scratch)
    details = {"slowest, s": round(result.slowest, 2), "memory, MiB": round(growth.memory, 1)}
    details |= {"descriptors": growth.descriptors, "threads": growth.threads}
    return Count(sum(result.statuses.values()), result.failures, details)


def _random_kills(numbers: range, scratch: Path) -> Count:
    from tests.helpers.small_mnist import recipes, small_mnist
    from torture.crash_recovery import kill_at_random
    from torture.forked import forked

    forked(lambda: small_mnist(scratch / "data"), scratch=scratch)  # in a child: a process whose torch has computed must not fork
    total, by_name = Count(), recipes(scratch / "data")
    for index, (name, recipe) in enumerate(by_name.items()):
        if own := [number for number in numbers if number % len(by_name) == index]:
            count = kill_at_random(recipe, _subfolder(scratch, name), len(own), seed=own[0])
            total.done += count.done
            total.failures += count.failures
            total.details[f"kills of {name}"] = count.done
    return total


def _rank_kills(numbers: range, scratch: Path) -> Count:
    from softreg.recipe import Recipe
    from tests.helpers.small_mnist import small_mnist
    from torture.rank_kills import RANKS, kill_ranks

    small_mnist(scratch / "data", 3000, 100)
    recipe = Recipe(dataset=str(scratch / "data"), epochs=400, batch_size=500)
    count = kill_ranks(recipe, _subfolder(scratch, "ranks"), len(numbers), seed=numbers.start)
    count.details["ranks"] = RANKS
    return count


def _bombs(numbers: range, scratch: Path) -> Count:
    from torture.bombs import read_bombs

    return read_bombs(scratch)


def _kills_at_calls(numbers: range, scratch: Path) -> Count:
    from tests.helpers.small_mnist import recipes, small_mnist
    from torture.crash_recovery import kill_at_every_call
    from torture.forked import forked

    total = Count()
    forked(lambda: small_mnist(scratch / "data", 200, 50), scratch=scratch)
    recipe = recipes(scratch / "data")["sgd"].replace({"epochs": 3})
    for force in (False, True):
        count = kill_at_every_call(recipe, _subfolder(scratch, f"force {force}"), force=force)
        total.done += count.done
        total.failures += count.failures
        total.details["kills over an old run" if force else "kills of a new run"] = count.done
    return total


def _faults(numbers: range, scratch: Path) -> Count:
    from torture.faults import fail_every_call

    return fail_every_call(scratch)


def _environments(numbers: range, scratch: Path) -> Count:
    from torture.environments import run_everywhere

    if os.getuid() != 0:
        return Count(failures=["only root can make such environments"])
    return run_everywhere(scratch)


def _limits(numbers: range, scratch: Path) -> Count:
    from torture.limits import run_limited

    return run_limited(scratch)


def _bit_flips(numbers: range, scratch: Path) -> Count:
    from torture.bit_flips import flip_every_bit

    return flip_every_bit()


def _subfolder(scratch: Path, name: str) -> Path:
    (scratch / name).mkdir()
    return scratch / name


SUITES = {
    "bit-flips": Suite(1, "damages", "every truncation length and every single-bit flip of a model file is refused", _bit_flips),
    "faults": Suite(
        1,
        "faults",
        "ENOSPC, EIO, EROFS, EACCES at every n-th write, fsync, rename, open and mkdir of a file, a run, checkpoints",
        _faults,
    ),
    "environments": Suite(
        1,
        "commands",
        "full and read-only file systems, a read-only home, another user's folder, an ordinary user, no network",
        _environments,
    ),
    "limits": Suite(
        1,
        "commands",
        "few open files, small files, little address space or time; control groups of little memory or few threads; then without",
        _limits,
    ),
    "random-kills": Suite(
        1_000, "kills", "kill -9 at random moments of a training by each solver; --resume ends with the same SHA-256", _random_kills
    ),
    "rank-kills": Suite(
        100, "kills", "kill -9 of random ranks among 4 of torchrun, which restarts them; the same SHA-256 at the end", _rank_kills
    ),
    "bombs": Suite(
        1,
        "pictures",
        "pictures built to exhaust time or memory: pixels, scans, directories, tiny pieces; read or refused within 2 s and 512 MiB",
        _bombs,
    ),
    "kills-at-calls": Suite(
        1,
        "kills",
        "kill -9 at every file operation of a training, of a new run and over an old one; --resume likewise",
        _kills_at_calls,
    ),
    "idx": Suite(10_000_000, "inputs", "the IDX reader: damaged files, plain and gzip'd", partial(_fuzz, "idx")),
    "pictures": Suite(1_000_000, "inputs", "the picture reader, until the digit is found", partial(_fuzz, "pictures")),
    "models": Suite(
        1_000_000, "inputs", "the model reader; half with a right SHA-256 over wrong content", partial(_fuzz, "models")
    ),
    "recipes": Suite(200_000, "inputs", "the recipe reader", partial(_fuzz, "recipes")),
    "requests": Suite(
        1_000_000, "requests", "the HTTP API over sockets, by its OpenAPI document; one request in ten is damaged", _requests
    ),
    "framing": Suite(
        100_000, "streams", "fragments of HTTP in any order, cut anywhere; never more answers than h11 counts requests", _framing
    ),
    "soak": Suite(
        5_000_000,
        "requests",
        "predictions, one request in twenty of any other kind, trainings that start, end and are stopped; nothing piles up",
        _soak,
    ),
}
