"""Pictures in, answers out: what is read, what is refused, what is left unnamed."""

import io
import json
import re
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from softreg.cli import main
from softreg.data.dataset import Splits
from softreg.errors import PictureError
from softreg.imaging.picture import Digit, Picture, picture_from_array
from softreg.inference.prediction import BATCH, DigitPrediction, Prediction, percent, predict, predict_each
from softreg.runs.run import load, pretrained_path

TUTORIAL = pretrained_path("tutorial")


def png(array: Any) -> bytes:
    content = io.BytesIO()
    Image.fromarray(array).save(content, "PNG")
    return content.getvalue()


def header_only(width: int, height: int) -> bytes:
    """A PNG that claims a size and has next to nothing in it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) + chunk(b"IDAT", b"\0")


def softreg(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(each) for each in arguments])
    code = ended.value.code
    assert isinstance(code, int)
    return code


@pytest.fixture
def seven(mnist: Splits) -> bytes:
    """A test image as a dark drawing on a light sheet."""
    sheet = np.full((280, 280), 255, np.uint8)
    sheet[56:224, 56:224] -= np.kron(mnist.test.images[0].numpy(), np.ones((6, 6), np.uint8))
    return png(sheet)


@pytest.fixture
def bad(tmp_path: Path, seven: bytes) -> list[Path]:
    frames = [Image.new("L", (8, 8), i % 2 * 255) for i in range(300)]
    contents = {
        "truncated.png": seven[: len(seven) // 2],
        "wrong.png": b"%PDF-1.4 nothing",
        "one.png": png(np.zeros((1, 1), np.uint8)),
        "vast.png": header_only(50_000, 50_000),
        "empty.png": b"",
        "text.txt": b"seven",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    frames[0].save(tmp_path / "frames.gif", save_all=True, append_images=frames[1:])
    (tmp_path / "folder.png").mkdir()
    return [*(tmp_path / name for name in contents), tmp_path / "folder.png", tmp_path / "missing.png"]


def test_bad_pictures_get_a_line_each_and_the_others_are_still_read(
    tmp_path: Path, bad: list[Path], seven: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "seven.png").write_bytes(seven)
    pictures = [tmp_path / "seven.png", *bad, tmp_path / "seven.png"]
    assert softreg("predict", "--json", "--model", TUTORIAL, *pictures) == 1
    told, errors = capsys.readouterr()
    assert len(errors.splitlines()) == len(bad)
    for line, path in zip(errors.splitlines(), bad, strict=True):
        assert line.startswith(f"softreg: {path}: ")
    answer = json.loads(told)
    assert answer.keys() == {"schema", "model", "predictions", "errors"}
    assert [each["label"] for each in answer["predictions"]] == ["7", "7"]
    assert len(answer["errors"]) == len(bad)


def test_the_answer_has_the_fixed_keys(tmp_path: Path, seven: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "seven.png").write_bytes(seven)
    assert softreg("predict", "--json", "--model", TUTORIAL, tmp_path / "seven.png") == 0
    (found,) = json.loads(capsys.readouterr().out)["predictions"]
    assert {"picture", "label", "probability", "probabilities", "abstained", "reason", "boxes"} <= found.keys()
    assert found["probabilities"].keys() == set("0123456789")
    assert sum(found["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert found["probabilities"]["7"] == found["probability"] == max(found["probabilities"].values())
    (box,) = found["boxes"]
    assert 56 <= box["x"] < box["x"] + box["width"] <= 224


def test_standard_input_is_a_picture(
    seven: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(seven)))
    assert softreg("predict", "--model", TUTORIAL, "-", "--steps", tmp_path / "steps") == 0
    assert re.search(r"^- +7 +>?\d+\.\d%", capsys.readouterr().out, flags=re.MULTILINE)
    assert [each.name for each in (tmp_path / "steps").iterdir()] == ["stdin-steps.png"]


def test_strips_never_take_a_pictures_place(tmp_path: Path, seven: bytes) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "7.png").write_bytes(seven)
    pictures = [tmp_path / folder / "7.png" for folder in ("a", "b")]
    assert softreg("predict", "--model", TUTORIAL, *pictures, "--steps", tmp_path / "a") == 0
    assert sorted(each.name for each in (tmp_path / "a").iterdir()) == ["7-steps-2.png", "7-steps.png", "7.png"]
    assert (tmp_path / "a" / "7.png").read_bytes() == seven
    with Image.open(tmp_path / "a" / "7-steps.png") as strip:
        assert strip.width > 1000


def test_a_picture_without_ink_has_no_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "blank.png").write_bytes(png(np.full((200, 200), 230, np.uint8)))
    assert softreg("predict", "--json", "--model", TUTORIAL, tmp_path / "blank.png", "--lang", "ko") == 0
    (found,) = json.loads(capsys.readouterr().out)["predictions"]
    assert (found["label"], found["abstained"], found["boxes"]) == (None, True, [])
    assert "글씨가 없는 빈 사진" in found["reason"]


@pytest.mark.parametrize("seed", range(8))
def test_paper_lit_from_one_side_is_blank(seed: int) -> None:
    rng = np.random.default_rng(seed)
    light = np.linspace(150, 255, 224)[None, :: rng.choice([-1, 1])] + rng.normal(size=(224, 224)) * 3
    picture = picture_from_array((light if seed % 2 else light.T).clip(0, 255).astype(np.uint8))
    assert picture.reason == "pictures.blank"


def test_a_postal_code_is_read_left_to_right(mnist: Splits) -> None:
    sheet = np.zeros((60, 220), np.uint8)
    for i, number in enumerate((1, 2, 3, 4)):  # test images 1 to 4 are 2, 1, 0, 4
        sheet[16:44, 10 + 50 * i : 38 + 50 * i] = mnist.test.images[number].numpy()
    (found,) = predict(load(TUTORIAL), [picture_from_array(255 - sheet)])
    assert found.label == "2104"
    assert found.probability == pytest.approx(np.prod([each.probability for each in found.readings]))


def test_however_many_pictures_only_a_few_are_open_and_all_keep_their_order(seven: bytes) -> None:
    taken = 0

    def sources() -> Any:
        nonlocal taken
        for i in range(3 * BATCH + 1):
            taken += 1
            yield (b"no picture" if i % 3 == 1 else seven), str(i)

    answers = predict_each(load(TUTORIAL), sources())
    first = next(answers)
    assert isinstance(first, Prediction)
    assert taken == BATCH
    rest = list(answers)
    assert [each.picture.name if isinstance(each, Prediction) else str(each).split(":")[0] for each in rest] == [
        str(i) for i in range(1, 3 * BATCH + 1)
    ]
    assert [isinstance(each, PictureError) for each in rest] == [i % 3 == 1 for i in range(1, 3 * BATCH + 1)]


def test_probabilities_are_the_softmax_of_the_models_own_logits(mnist: Splits) -> None:
    model = load(TUTORIAL)
    pictures = [picture_from_array(image.numpy()) for image in mnist.test.images[:20]]
    for found, image in zip(predict(model, pictures), mnist.test.images, strict=False):
        torch.testing.assert_close(found.probabilities, torch.softmax(model(image[None])[0], 0), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("probability", "told"), [(0.5, "50.0%"), (0.9994, "99.9%"), (0.99996, ">99.9%"), (1.0, ">99.9%")])
def test_nothing_is_told_as_certain(probability: float, told: str) -> None:
    assert percent(probability) == told


def prediction(reasons: tuple[str | None, ...], lines: tuple[int, ...]) -> Prediction:
    """Digits 0, 1, 2, ... on lines of these lengths, not named where there is a reason."""
    digits = tuple(
        Digit(np.full((28, 28), 9, np.uint8), (float(i), 2.0, 3.0, 4.0), np.eye(2, 3), 1, 2.0, 0.5) for i in range(len(reasons))
    )
    picture = Picture("row.png", (99, 9), (), (), digits, None, lines)
    rows = torch.eye(10) * 0.9 + 0.01
    classes = tuple("0123456789")
    readings = tuple(
        DigitPrediction(digit, rows[i].log(), rows[i], classes, reason)
        for i, (digit, reason) in enumerate(zip(digits, reasons, strict=True))
    )
    return Prediction(picture, readings, classes)


def test_one_doubtful_digit_leaves_the_others_named() -> None:
    told = prediction((None, "prediction.novel", None, None), (3, 1)).to_json()
    assert (told["label"], told["abstained"], told["reason_code"]) == (None, True, "novel")
    assert told["lines"] == ["0?2", "3"]
    assert [digit["label"] for digit in told["digits"]] == ["0", None, "2", "3"]
    assert [digit["abstained"] for digit in told["digits"]] == [False, True, False, False]
    assert [digit["reason_code"] for digit in told["digits"]] == [None, "novel", None, None]
    assert told["digits"][2]["box"] == [2.0, 2.0, 3.0, 4.0]
    assert set(told["digits"][0]) == {"box", "label", "probability", "probabilities", "abstained", "reason", "reason_code"}


def test_a_sure_row_has_a_label_and_the_product_of_its_probabilities() -> None:
    told = prediction((None, None, None), (3,)).to_json()
    assert (told["label"], told["lines"], told["reason_code"]) == ("012", ["012"], None)
    assert told["probability"] == pytest.approx(0.91**3)


def test_the_terminal_shows_the_digits_that_are_named(
    tmp_path: Path, seven: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "seven.png").write_bytes(seven)
    answer = prediction((None, "prediction.uncertain", None), (2, 1))
    monkeypatch.setattr("softreg.inference.prediction.predict_each", lambda model, sources: [answer for _ in sources])
    assert softreg("predict", "--model", TUTORIAL, tmp_path / "seven.png") == 0
    told = capsys.readouterr().out
    assert re.search(r"row\.png +0\? +1 of 3 digits not named: ", told)
    assert re.search(r"^ +2 *$", told, flags=re.MULTILINE)
