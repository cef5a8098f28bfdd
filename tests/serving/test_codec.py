"""Bodies that become pictures, and arrays that become JSON."""

import json
import struct
import zlib

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from softreg.data.dataset import Splits
from softreg.imaging.picture import read_picture
from softreg.serving.codec import NAME, STAGE_PIXELS, _thumbnail, encode_array, parse_mnist_png
from tests.helpers.live_server import SEVEN, Served, array_of, png

MIB = 2**20


@given(shape=st.tuples(st.integers(1, 4), st.integers(1, 5)), seed=st.integers(0, 10**6), size=st.floats(1e-6, 1e6))
@settings(max_examples=50)
def test_encoded_arrays_come_back_to_half_a_step(shape: tuple[int, int], seed: int, size: float) -> None:
    values = np.random.default_rng(seed).normal(size=shape) * size
    told = json.loads(json.dumps(encode_array(values)))
    assert np.abs(array_of(told) - values).max() <= np.abs(values).max() / 127 * 0.5001


@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from(["grey", "grey in colour", "colour"]))
@settings(max_examples=30)
def test_stages_are_sent_small_and_without_colour_if_they_have_none(height: int, width: int, kind: str) -> None:
    grey = np.random.default_rng(height).integers(0, 256, (height, width), dtype=np.uint8)
    array = grey if kind == "grey" else np.stack([grey, grey, grey if kind == "grey in colour" else 255 - grey], 2)
    small = _thumbnail(array)
    assert small.ndim == (3 if kind == "colour" else 2)
    assert max(small.shape[:2]) <= STAGE_PIXELS
    if max(height, width) <= STAGE_PIXELS:
        assert np.array_equal(small, array if kind == "colour" else grey)


def test_an_image_that_is_ready_made_is_read_as_read_picture_reads_it(mnist: Splits) -> None:
    taken = 0
    for image in mnist.test.images[:300].numpy():
        slow, fast = read_picture(png(image), name=NAME), parse_mnist_png(png(image))
        if fast is None:
            continue
        taken += 1
        assert (fast.name, fast.size, fast.notes, fast.reason) == (slow.name, slow.size, slow.notes, slow.reason)
        assert np.array_equal(fast.digits[0].image, slow.digits[0].image)
        assert (fast.digits[0].box, fast.digits[0].strokes, fast.digits[0].ink) == (
            slow.digits[0].box,
            slow.digits[0].strokes,
            slow.digits[0].ink,
        )
        assert [(stage.key, stage.array.tobytes()) for stage in fast.stages] == [
            (stage.key, stage.array.tobytes()) for stage in slow.stages
        ]
    assert taken > 250
    assert parse_mnist_png(png(255 - mnist.test.images[0].numpy())) is None  # the negative of one: read_picture's matter
    assert parse_mnist_png(png(mnist.test.images[0].numpy())[:60]) is None


def bomb(width: int, height: int) -> bytes:
    """A small PNG that claims to be large: zeros compress a thousandfold."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(b"\0" * 10**6)) + part(b"IEND", b"")


def test_a_picture_larger_than_it_may_be_is_refused_before_it_is_decoded(served: Served) -> None:
    server = psutil.Process(served.process.pid)
    before = server.memory_info().rss
    for width, height in ((60_000, 60_000), (2**31 - 1, 2**31 - 1), (1, 2**31 - 1)):
        status, answer = served.predict(bomb(width, height))
        assert status == 400
        assert answer["error"]
    assert server.memory_info().rss - before < 32 * MIB


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b"nope", b"[" * 100_000, b"[[1]]", b'{"image": 5}', b"\xff\xfe"])
def test_json_that_is_no_image_is_refused(served: Served, body: bytes) -> None:
    assert served.predict(body, kind="application/json")[0] == 400


@pytest.mark.parametrize("value", [-1, 256, 0.5, "7", None, [0], 10**400])
def test_pixels_that_are_none_are_refused(served: Served, value: object) -> None:
    rows = [[0] * 28 for _ in range(28)]
    rows[3][4] = value  # type: ignore[call-overload]
    assert served.predict(json.dumps(rows).encode(), kind="application/json")[0] == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""])
def test_what_a_foreign_form_could_send_is_no_question(served: Served, kind: str) -> None:
    assert served.ask("POST", "/predict", json.dumps(SEVEN).encode(), Content_Type=kind)[0] == 415


def test_several_digits_are_told_one_by_one_and_each_is_explained(served: Served, mnist: Splits) -> None:
    page = np.full((120, 400), 255, np.uint8)
    for n, row in enumerate((0, 1, 2)):  # 7, 2, 1
        page[40:68, 60 + 110 * n : 88 + 110 * n] = 255 - mnist.test.images[row].numpy()
    _, answer = served.predict(png(page), "?model=tutorial")
    digits = answer["predictions"][0]["digits"]
    assert [digit["label"] for digit in digits] == ["7", "2", "1"]
    least = min(digits, key=lambda digit: digit["probability"])
    for query, digit in (("", least), *((f"&digit={n}", digit) for n, digit in enumerate(digits))):
        _, explained = served.predict(png(page), f"?model=tutorial&include=evidence{query}")
        parts = [explained["evidence"][part]["7"] for part in ("for", "against", "bias")]
        assert sum(parts) == pytest.approx(digit["logits"]["7"], abs=1e-4)
    assert "evidence" not in served.predict(png(page), "?model=tutorial&include=evidence&digit=3")[1]
    for odd in ("x", "-1", "1.5", "9" * 10):
        assert served.predict(png(page), f"?digit={odd}")[0] == 400
