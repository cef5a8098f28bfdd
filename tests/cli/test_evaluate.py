"""`softreg evaluate`: figures that scikit-learn finds again, tables that fit, and data it refuses."""

import json
from pathlib import Path

import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss

from softreg.cli.evaluate import _print
from softreg.data.dataset import Dataset, Splits
from softreg.data.registry import PUBLISHED
from softreg.inference.evaluation import Evaluation
from softreg.runs.run import Run
from tests.helpers.command_line import call_softreg, exit_code
from tests.helpers.evaluations import evaluation_of

FIXED = ["schema", "run", "dataset", "n", "accuracy", "accuracy_interval", "nll", "ece", "confusion"]


def write_idx(folder: Path, part: str, data: Dataset) -> None:
    """Two IDX files as their format says: magic, sizes as big-endian uint32, then bytes."""
    n = len(data).to_bytes(4, "big")
    side = (28).to_bytes(4, "big")
    images = b"\0\0\x08\x03" + n + side + side + data.images.numpy().tobytes()
    (folder / f"{part}-images-idx3-ubyte").write_bytes(images)
    (folder / f"{part}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + n + data.labels.to(torch.uint8).numpy().tobytes())


def write_folder(folder: Path, train: Dataset, test: Dataset) -> Path:
    folder.mkdir()
    write_idx(folder, "train", train)
    write_idx(folder, "t10k", test)
    return folder


def evaluate(*arguments: object) -> int:
    return exit_code("evaluate", *arguments)


def test_other_images_are_judged_as_scikit_learn_judges_them(
    tutorial_run: Run, mnist: Splits, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some = mnist.train[:700]
    folder = write_folder(tmp_path / "mine", mnist.test[:100], some)
    assert evaluate(tutorial_run.path, "--data", folder, "--json") == 0
    payload = json.loads(capsys.readouterr().out)
    assert list(payload)[: len(FIXED)] == FIXED
    model = tutorial_run.model()
    with torch.no_grad():
        pixels = some.images.flatten(1).double() / 255  # (N, 784)
        logits = pixels @ model.linear.weight.double().T + model.linear.bias.double()  # (N, C)
    labels, named = some.labels.numpy(), logits.argmax(1).numpy()
    assert (payload["schema"], payload["n"], payload["run"]) == (1, 700, str(tutorial_run.path))
    assert payload["accuracy"] == accuracy_score(labels, named)
    assert payload["confusion"] == confusion_matrix(labels, named).tolist()
    assert payload["nll"] == pytest.approx(log_loss(labels, logits.softmax(1).numpy()), abs=1e-6)


def test_data_of_other_classes_is_refused(
    tutorial_run: Run, mnist: Splits, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = mnist.train.labels < 3
    labels = torch.where(mnist.train.labels[few] == 2, 10, mnist.train.labels[few])[:50]
    others = Dataset(mnist.train.images[few][:50], labels, tuple(map(str, range(11))), "others")
    folder = write_folder(tmp_path / "others", others, others)
    assert evaluate(tutorial_run.path, "--data", folder) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert "label 10 of example" in output.err


def test_classes_may_be_missing_in_the_data(
    tutorial_run: Run, mnist: Splits, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = mnist.test.labels.remainder(4) == 2  # 2 and 6
    some = Dataset(mnist.test.images[few], mnist.test.labels[few], mnist.test.classes, "some")
    assert evaluate(tutorial_run.path, "--data", write_folder(tmp_path / "some", some, some), "--json") == 0
    found = tutorial_run.model().logits(some.images).argmax(1)
    assert json.loads(capsys.readouterr().out)["accuracy"] == float((found == some.labels).double().mean())


@pytest.mark.parametrize("name", ["no-such-data", "/no/such/folder"])
def test_data_that_is_not_there_is_one_line(tutorial_run: Run, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(tutorial_run.path, "--data", name) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"softreg: {name}")
    assert output.err.count("\n") == 1


def test_a_path_with_brackets_is_shown_as_it_is(
    tutorial_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "[bold]run[x").symlink_to(tutorial_run.path)
    monkeypatch.chdir(tmp_path)
    assert evaluate("[bold]run[x") == 0
    assert "[bold]run[x, evaluated on mnist" in capsys.readouterr().out


def random_evaluation(classes: tuple[str, ...]) -> Evaluation:
    generator = torch.Generator().manual_seed(0)
    probabilities = torch.softmax(torch.randn(40_000, len(classes), generator=generator, dtype=torch.float64), 1)
    return evaluation_of(classes, probabilities, torch.randint(len(classes), (40_000,), generator=generator))


@pytest.mark.parametrize("dataset", ["fashion-mnist", "kmnist"])
def test_the_confusion_matrix_is_whole_in_eighty_columns(
    dataset: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    evaluation = random_evaluation(PUBLISHED[dataset].classes)
    _print(evaluation, "title")
    lines = capsys.readouterr().out.splitlines()
    for name, counts in zip(evaluation.classes, evaluation.confusion.tolist(), strict=True):
        assert any(line.strip().startswith(name) and line.split()[-10:] == list(map(str, counts)) for line in lines), name
    assert max(map(len, lines)) <= 80


def test_a_matrix_wider_than_the_terminal_is_not_cut_but_pointed_at(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _print(random_evaluation(PUBLISHED["emnist-byclass"].classes), "title")
    text = capsys.readouterr().out
    assert "confusion.png" in text
    assert "…" not in text


def test_evaluate_tells_what_training_saw(tutorial_run: Run) -> None:
    done = call_softreg("evaluate", tutorial_run.path, "--json")
    assert done.returncode == 0
    payload = json.loads(done.stdout)
    assert {"schema", "run", "dataset", "n", "accuracy", "accuracy_interval", "nll", "ece", "confusion"} <= payload.keys()
    assert (payload["dataset"], payload["n"], payload["accuracy"]) == ("mnist", 10_000, 0.9226)
    assert payload["nll"] == tutorial_run.result["evaluation"]["nll"]


def test_evaluate_is_a_table_for_people(tutorial_run: Run) -> None:
    done = call_softreg("evaluate", tutorial_run.path, "--lang", "ko")
    assert "정확도: 0.9226" in done.stdout
    assert "961" in done.stdout
