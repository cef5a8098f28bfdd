"""`softreg predict`: a line for each picture, JSON, steps, standard input, and CSV for a dataset."""

import io
import json
import re
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from softreg.data.dataset import Splits
from softreg.data.load import load_dataset
from softreg.runs.pretrained import pretrained_path
from softreg.runs.run import load
from tests.helpers.command_line import exit_code
from tests.helpers.pictures import on_paper, png
from tests.helpers.predictions import predicted_row

TUTORIAL = pretrained_path("tutorial")


@pytest.fixture
def seven(mnist: Splits) -> bytes:
    """The first test image, a 7, on paper."""
    return on_paper(mnist.test.images[0])


def header_only(width: int, height: int) -> bytes:
    """A PNG that claims a size and has next to nothing in it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) + chunk(b"IDAT", b"\0")


@pytest.fixture
def bad(tmp_path: Path, seven: bytes) -> list[Path]:
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
    return [*(tmp_path / name for name in contents), tmp_path / "missing.png"]


def test_bad_pictures_get_a_line_each_and_the_others_are_still_read(
    tmp_path: Path, bad: list[Path], seven: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "seven.png").write_bytes(seven)
    pictures = [tmp_path / "seven.png", *bad, tmp_path / "seven.png"]
    assert exit_code("predict", "--json", "--model", TUTORIAL, *pictures) == 1
    out, errors = capsys.readouterr()
    assert len(errors.splitlines()) == len(bad)
    for line, path in zip(errors.splitlines(), bad, strict=True):
        assert line.startswith(f"softreg: {path}: ")
    answer = json.loads(out)
    assert answer.keys() == {"schema", "model", "predictions", "errors"}
    assert [item["label"] for item in answer["predictions"]] == ["7", "7"]
    assert len(answer["errors"]) == len(bad)


def test_the_answer_has_the_fixed_keys(tmp_path: Path, seven: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "seven.png").write_bytes(seven)
    assert exit_code("predict", "--json", "--model", TUTORIAL, tmp_path / "seven.png") == 0
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
    assert exit_code("predict", "--model", TUTORIAL, "-", "--steps", tmp_path / "steps") == 0
    assert re.search(r"^- +7 +>?\d+\.\d%", capsys.readouterr().out, flags=re.MULTILINE)
    assert [path.name for path in (tmp_path / "steps").iterdir()] == ["stdin-steps.png"]


def test_strips_never_take_a_pictures_place(tmp_path: Path, seven: bytes) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "7.png").write_bytes(seven)
    pictures = [tmp_path / folder / "7.png" for folder in ("a", "b")]
    assert exit_code("predict", "--model", TUTORIAL, *pictures, "--steps", tmp_path / "a") == 0
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["7-steps-2.png", "7-steps.png", "7.png"]
    assert (tmp_path / "a" / "7.png").read_bytes() == seven
    with Image.open(tmp_path / "a" / "7-steps.png") as strip:
        assert strip.width > 1000


def test_a_picture_without_ink_has_no_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "blank.png").write_bytes(png(np.full((200, 200), 230, np.uint8)))
    assert exit_code("predict", "--json", "--model", TUTORIAL, tmp_path / "blank.png", "--lang", "ko") == 0
    (found,) = json.loads(capsys.readouterr().out)["predictions"]
    assert (found["label"], found["abstained"], found["boxes"]) == (None, True, [])
    assert "글씨가 없는 빈 사진" in found["reason"]


def test_a_folder_stands_for_the_pictures_in_it(seven: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("b.png", "a.png", ".hidden.png"):
        (tmp_path / name).write_bytes(seven)
    (tmp_path / "deeper").mkdir()
    assert exit_code("predict", "--json", "--model", TUTORIAL, tmp_path) == 0
    found = json.loads(capsys.readouterr().out)["predictions"]
    assert [prediction["picture"] for prediction in found] == [str(tmp_path / name) for name in ("a.png", "b.png")]


def test_a_dataset_is_answered_as_csv_on_stdout_or_in_a_file(
    small_idx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert exit_code("predict", "--dataset", small_idx, "--model", TUTORIAL) == 0
    lines = capsys.readouterr().out.splitlines()
    labels = load(TUTORIAL).logits(load_dataset(small_idx).test.images).argmax(1).tolist()
    assert lines == ["ImageId,Label", *(f"{number},{label}" for number, label in enumerate(labels, start=1))]
    assert exit_code("predict", "--dataset", small_idx, "--model", TUTORIAL, "--csv", "answers.csv", "--json") == 0
    assert json.loads(capsys.readouterr().out)["n"] == 500
    assert Path("answers.csv").read_text(encoding="utf-8").splitlines() == lines


@pytest.mark.parametrize(
    "arguments", [[], ["a.png", "--dataset", "mnist"], ["a.png", "--csv", "out.csv"], ["--dataset", "mnist", "--json"]]
)
def test_options_that_do_not_go_together_are_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("predict", *arguments) == 2
    output = capsys.readouterr()
    assert output.err.count("\n") == 1
    assert json.loads(output.out)["error"]["code"] == "usage" if "--json" in arguments else not output.out


def test_the_terminal_shows_the_digits_that_are_named(
    tmp_path: Path, seven: bytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "seven.png").write_bytes(seven)
    answer = predicted_row((None, "prediction.uncertain", None), (2, 1))
    monkeypatch.setattr("softreg.inference.prediction.predict_each", lambda model, sources: [answer for _ in sources])
    assert exit_code("predict", "--model", TUTORIAL, tmp_path / "seven.png") == 0
    output = capsys.readouterr().out
    assert re.search(r"row\.png +0\? +abstains on 1 of 3 digits: ", output)
    assert re.search(r"^ +2 *$", output, flags=re.MULTILINE)


def test_an_empty_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("predict", "--model", TUTORIAL, tmp_path) == 1
    assert str(tmp_path) in capsys.readouterr().err
