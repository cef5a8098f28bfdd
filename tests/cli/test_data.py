"""`softreg data`: what it prints, draws and refuses."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from softreg.data.registry import DATASETS
from softreg.messages import use_language
from tests.helpers.command_line import exit_code
from tests.helpers.http_mirror import Mirror, idx, md5, mirror, tiny, tiny_files


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOFTREG_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("SOFTREG_LANG", "en")
    monkeypatch.delenv("SOFTREG_OFFLINE", raising=False)
    yield
    use_language("en")


def run(*arguments: str) -> int:
    return exit_code("data", *arguments)


def serve(served: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.datasets import KMNIST

    files = tiny_files(2)
    served.files = {f"/{name}": content for name, content in files.items()}
    monkeypatch.setenv("SOFTREG_MIRROR", served.address)
    monkeypatch.setattr(KMNIST, "mirrors", [])
    monkeypatch.setattr(KMNIST, "resources", [(name, md5(content)) for name, content in files.items()])


@pytest.mark.parametrize(("lang", "words"), [("en", ("bundled", "not downloaded")), ("ko", ("내장", "내려받지 않음"))])
def test_lists_all(capsys: pytest.CaptureFixture[str], lang: str, words: tuple[str, ...]) -> None:
    assert run("--lang", lang) == 0
    output = capsys.readouterr()
    assert all(word in output.out for word in (*DATASETS, *words))
    assert "…" not in output.out
    assert output.err == ""


def test_lists_all_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["schema"] == 1
    assert [info["name"] for info in listed["datasets"]] == list(DATASETS)
    assert {info["state"] for info in listed["datasets"]} == {"bundled", "not_fetched"}
    assert listed["datasets"][0] | {"bytes": 0} == {
        "name": "mnist", "state": "bundled", "train": 60_000, "test": 10_000, "classes": 10, "bytes": 0,
    }  # fmt: skip


def test_verifies_and_draws_mnist(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("mnist") == 0
    text = capsys.readouterr().out
    assert "Verified" in text
    assert "5,923" in text  # zeros among the training images, as everybody counts them
    assert np.asarray(Image.open(tmp_path / "mnist-grid.png").convert("L")).min() < 50


def test_a_folder_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, content in tiny_files(7).items():
        (folder / name).write_bytes(content)
    assert run("mine", "--json", "--out", "pictures.PNG") == 0
    payload = json.loads(capsys.readouterr().out)
    assert payload["as_published"] is False
    assert payload["train"]["n"] == 12
    assert payload["train"]["counts"] == [2, 2, 1, 1, 1, 1, 1, 1, 1, 1]
    assert payload["grid"] == "pictures.PNG"
    with Image.open(tmp_path / "pictures.PNG") as picture:
        assert picture.format == "PNG"


def test_fetches_only_when_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with mirror() as served:
        serve(served, monkeypatch)
        assert run("kmnist") == 1
        assert "softreg data kmnist --fetch" in capsys.readouterr().err
        assert served.asked == []
        assert run("kmnist", "--fetch", "--json") == 0
        output = capsys.readouterr()
        assert json.loads(output.out)["as_published"] is True
        assert output.err.startswith("Downloading kmnist")
        assert run("kmnist", "--fetch", "--force") == 0
        assert len(served.asked) == 4
    capsys.readouterr()
    assert run("--json") == 0
    listed = {info["name"]: info for info in json.loads(capsys.readouterr().out)["datasets"]}
    assert listed["kmnist"]["state"] == "fetched"
    assert listed["kmnist"]["bytes"] == sum(len(content) for content in served.files.values())


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nist"], 1, "softreg data"),
        (["."], 1, "train-images-idx3-ubyte"),
        (["--fetch"], 2, "--fetch"),
        (["--out", "a.png"], 2, "--out"),
        (["mnist", "--out", "a.jpg"], 2, ".png"),
        (["mnist", "--out", "none/a.png"], 1, "none"),
        (["mnist", "kmnist"], 2, "kmnist"),
    ],
)
def test_refusals_are_one_line(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(*arguments) == code
    output = capsys.readouterr()
    assert output.out == ""
    assert words in output.err
    assert output.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_folder_leaves_no_grid(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, content in tiny_files(7).items():
        (folder / name).write_bytes(content)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(tiny(1)[1]))[:-3])
    assert run("mine") == 1
    assert "t10k-labels-idx1-ubyte.gz" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [folder]
