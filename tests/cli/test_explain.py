"""`softreg explain`, of a picture and of a run."""

import json
from pathlib import Path

import pytest

from softreg.data.dataset import Splits
from softreg.runs.pretrained import pretrained_path
from tests.helpers.command_line import exit_code

TUTORIAL = pretrained_path("tutorial")


def test_explain_a_picture(
    mnist: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    Image.fromarray(mnist.test.images[0].numpy()).save("seven.png")
    assert exit_code("explain", "seven.png", "--model", TUTORIAL, "--json") == 0
    out = json.loads(capsys.readouterr().out)
    assert out["figures"] == ["seven-evidence.png"]
    assert Path("seven-evidence.png").read_bytes().startswith(b"\x89PNG")
    (digit,) = out["digits"]
    first, second = digit["evidence"]
    assert (first["class"], digit["label"]) == ("7", "7")
    assert first["logit"] > second["logit"]
    assert first["for"] + first["against"] + first["bias"] == pytest.approx(first["logit"], abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nothing.png"], 1, "no such file"),
        (["blank.png"], 1, "nothing to explain"),
        (["blank.png", "--out", "here.jpg"], 2, ".png"),
        (["folder"], 1, "folder"),
        (["folder", "--model", TUTORIAL], 2, "--model is only for pictures"),
    ],
)
def test_what_cannot_be_explained_is_one_line(
    arguments: list[object],
    code: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Image.new("L", (100, 100), 200).save("blank.png")
    assert exit_code("explain", *arguments) == code
    out, errors = capsys.readouterr()
    assert out == ""
    assert len(errors.splitlines()) == 1
    assert words in errors
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blank.png", "folder"]


def test_explain_a_run(mnist: Splits, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from softreg import Recipe, train

    small = Recipe.preset("tutorial").replace({"epochs": 1})
    folder = train(small, tmp_path / "run").path
    assert exit_code("explain", folder, "--out", tmp_path / "figures", "--json") == 0
    out, progress = capsys.readouterr()
    answer = json.loads(out)
    names = {Path(name).name for name in answer["figures"]}
    assert names == {"class-templates.png", "typical-images.png", "suspicious-train-labels.png", "suspicious-test-labels.png"}
    assert {path.name for path in (tmp_path / "figures").iterdir()} == names
    assert len(progress.splitlines()) == 5
    for part, data in (("train", mnist.train), ("test", mnist.test)):
        for issue in answer["suspicious"][part]:
            assert issue["label"] == data.classes[int(data.labels[issue["index"]])] != issue["prediction"]
