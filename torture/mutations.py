"""Good inputs with a few things wrong: what a fuzzer feeds. Input number n is the same on every machine."""

import struct
from collections.abc import Callable, Sequence
from random import Random

NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)  # where readers go wrong


def mutated(seeds: Sequence[bytes], draw: Random) -> bytes:
    """One of `seeds` with one to eight damages."""
    raw = bytearray(draw.choice(seeds))
    for _ in range(draw.choice((1, 1, 1, 2, 3, 8))):
        draw.choice(DAMAGES)(raw, draw)
    return bytes(raw)


def _place(raw: bytearray, draw: Random) -> int:
    """Anywhere, as often as not in the first 64 bytes, where headers are."""
    return draw.randrange(min(len(raw), 64) if draw.random() < 0.5 else len(raw)) if raw else 0


def _flip(raw: bytearray, draw: Random) -> None:
    if raw:
        raw[_place(raw, draw)] ^= 1 << draw.randrange(8)


def _overwrite(raw: bytearray, draw: Random) -> None:
    start = _place(raw, draw)
    raw[start : start + draw.randrange(8)] = draw.randbytes(draw.randrange(8))


def _number(raw: bytearray, draw: Random) -> None:
    """A 32-bit number that is at the edge of something, in either order."""
    start = _place(raw, draw)
    raw[start : start + 4] = struct.pack(draw.choice("<>") + "I", draw.choice(NUMBERS))


def _cut(raw: bytearray, draw: Random) -> None:
    del raw[_place(raw, draw) :]


def _remove(raw: bytearray, draw: Random) -> None:
    start = _place(raw, draw)
    del raw[start : start + draw.randrange(1, 32)]


def _repeat(raw: bytearray, draw: Random) -> None:
    start = _place(raw, draw)
    raw[start:start] = raw[start : start + draw.randrange(1, 64)] * draw.choice((1, 1, 100))


def _append(raw: bytearray, draw: Random) -> None:
    raw += draw.randbytes(draw.randrange(1, 16))


DAMAGES: tuple[Callable[[bytearray, Random], None], ...] = (_flip, _overwrite, _number, _cut, _remove, _repeat, _append)
