"""Damaged copies of valid inputs, for the fuzzer. The same generator state gives the same input on every machine."""

import struct
from collections.abc import Callable, Sequence
from random import Random

EDGE_INTEGERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)  # where readers of integers go wrong


def mutated(seeds: Sequence[bytes], rng: Random) -> bytes:
    """One of `seeds` with one to eight mutations."""
    raw = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        rng.choice(MUTATIONS)(raw, rng)
    return bytes(raw)


def _offset(raw: bytearray, rng: Random) -> int:
    """A random offset, half of the time in the first 64 bytes, where headers are."""
    return rng.randrange(min(len(raw), 64) if rng.random() < 0.5 else len(raw)) if raw else 0


def _flip(raw: bytearray, rng: Random) -> None:
    if raw:
        raw[_offset(raw, rng)] ^= 1 << rng.randrange(8)


def _overwrite(raw: bytearray, rng: Random) -> None:
    start = _offset(raw, rng)
    raw[start : start + rng.randrange(8)] = rng.randbytes(rng.randrange(8))


def _integer(raw: bytearray, rng: Random) -> None:
    """Overwrite four bytes with an edge case of 32-bit integers, in either byte order."""
    start = _offset(raw, rng)
    raw[start : start + 4] = struct.pack(rng.choice("<>") + "I", rng.choice(EDGE_INTEGERS))


def _cut(raw: bytearray, rng: Random) -> None:
    del raw[_offset(raw, rng) :]


def _remove(raw: bytearray, rng: Random) -> None:
    start = _offset(raw, rng)
    del raw[start : start + rng.randrange(1, 32)]


def _repeat(raw: bytearray, rng: Random) -> None:
    start = _offset(raw, rng)
    raw[start:start] = raw[start : start + rng.randrange(1, 64)] * rng.choice((1, 1, 100))


def _append(raw: bytearray, rng: Random) -> None:
    raw += rng.randbytes(rng.randrange(1, 16))


MUTATIONS: tuple[Callable[[bytearray, Random], None], ...] = (_flip, _overwrite, _integer, _cut, _remove, _repeat, _append)
