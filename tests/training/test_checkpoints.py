"""Training that survives: what is resumed ends with the same bytes as what was never interrupted."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from softreg.data.dataset import Dataset
from softreg.data.load import load_dataset
from softreg.errors import RunError, SoftregWarning, WriteError
from softreg.model.serialization import model_to_bytes
from softreg.recipe import Recipe
from softreg.runs.environment import capture_environment
from softreg.runs.run import MODEL
from softreg.storage.tensors import dumps, loads
from softreg.training import train as training
from softreg.training.checkpoints import Checkpoints, checkpoint_dir, unfinished_recipe
from softreg.training.fit import TrainState, fit
from tests.helpers.interruption import PowerCut, stop_after
from tests.helpers.small_mnist import recipes, small_mnist

CPU = torch.device("cpu")
train = partial(training.train, figures=False)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_mnist(tmp_path_factory.mktemp("small"), train=800, test=100)


@pytest.fixture
def recipe(dataset: Path) -> Recipe:
    return Recipe(dataset=str(dataset), epochs=6)


@pytest.fixture(autouse=True)
def every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softreg.training.checkpoints.MAX_OVERHEAD", 1e9)


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Checkpoints]:
    checkpoints = Checkpoints(tmp_path / "run")
    yield checkpoints
    checkpoints.close(delete=True)
    assert list(tmp_path.iterdir()) == []


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("name", recipes(Path()))
def test_every_solver_goes_on_from_every_checkpoint_to_the_same_bytes(name: str, dataset: Path, held: Checkpoints) -> None:
    recipe = recipes(dataset)[name]
    data = load_dataset(recipe.dataset).train
    kept: list[TrainState] = []
    held.begin(recipe, data.sha256(), CPU)

    def keep(progress: TrainState) -> None:
        held.save(progress)
        if progress.state.steps in (1, 2, 5, 9):
            again = held.resume(recipe, data.sha256(), CPU)
            assert again is not None
            kept.append(again)

    whole = fit(recipe, data, on_checkpoint=keep)
    assert kept
    for progress in kept:
        resumed = fit(recipe, data, resume_from=progress)
        assert model_to_bytes(resumed.model) == model_to_bytes(whole.model)
        assert resumed.costs == whole.costs
        assert resumed.termination == whole.termination


def test_a_training_cut_short_is_resumed(recipe: Recipe, tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(recipe, whole)
    with pytest.raises(PowerCut):
        train(recipe, cut, on_step=stop_after(3))
    assert not cut.exists()
    assert unfinished_recipe(cut) == recipe
    seen: list[int] = []
    run = train(recipe, cut, resume=True, on_step=lambda state: seen.append(state.steps))
    assert seen == [4, 5, 6]
    assert (cut / MODEL).read_bytes() == (whole / MODEL).read_bytes()
    assert run.costs == train(recipe, whole, resume=True).costs
    assert names(tmp_path) == ["cut", "whole"]


def test_a_calibrated_training_is_resumed(recipe: Recipe, tmp_path: Path) -> None:
    recipe = recipe.replace({"calibration": "100", "epochs": "3"})
    with pytest.raises(PowerCut):
        train(recipe, tmp_path / "cut", on_step=stop_after(2))
    resumed, whole = train(recipe, tmp_path / "cut", resume=True), train(recipe, tmp_path / "whole")
    assert resumed.model().ood_detector is not None
    assert (resumed.path / MODEL).read_bytes() == (whole.path / MODEL).read_bytes()


def test_an_unfinished_training_is_not_overwritten_unasked(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(PowerCut):
        train(recipe, tmp_path / "run", on_step=stop_after(3))
    with pytest.raises(RunError, match="--resume"):
        train(recipe, tmp_path / "run")
    train(recipe, tmp_path / "run", force=True)
    assert names(tmp_path) == ["run"]


def test_a_run_finished_by_another_while_we_took_hold_is_refused(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire = FileLock.acquire

    def slowly(lock: FileLock, *arguments: object) -> object:
        (tmp_path / "run").mkdir()  # by the other process
        return acquire(lock)

    monkeypatch.setattr(FileLock, "acquire", slowly)
    with pytest.raises(RunError, match="already exists"):
        train(recipe, tmp_path / "run")
    assert names(tmp_path) == ["run"]


def test_what_a_kill_left_of_a_half_written_checkpoint_goes(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(PowerCut):
        train(recipe, tmp_path / "run", on_step=stop_after(3))
    (checkpoint_dir(tmp_path / "run") / ".000004.safetensors.0-1.tmp").write_bytes(b"half")
    train(recipe, tmp_path / "run", resume=True)
    assert names(tmp_path) == ["run"]


def test_a_free_name_is_not_that_of_an_unfinished_training(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PowerCut):
        train(recipe, on_step=stop_after(1))
    assert train(recipe).path == Path("runs/sgd-2")
    assert train(recipe).path == Path("runs/sgd-3")


def test_another_recipe_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(PowerCut):
        train(recipe, tmp_path / "run", on_step=stop_after(3))
    other = recipe.replace({"epochs": "9"})
    with pytest.raises(RunError, match="epochs 9, not 6"):
        train(other, tmp_path / "run", resume=True)
    train(recipe, tmp_path / "run", resume=True)
    with pytest.raises(RunError, match="epochs 9, not 6"):
        train(other, tmp_path / "run", resume=True)


def test_other_data_is_refused(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PowerCut):
        train(recipe, tmp_path / "run", on_step=stop_after(3))
    with monkeypatch.context() as patch:
        patch.setattr(Dataset, "sha256", lambda self: "else")
        with pytest.raises(RunError, match="SHA-256 is else"):
            train(recipe, tmp_path / "run", resume=True)
    train(recipe, tmp_path / "run", resume=True)


def test_a_run_in_use_is_refused(recipe: Recipe, held: Checkpoints) -> None:
    for resume in (False, True):
        with pytest.raises(RunError, match="another process"):
            train(recipe, held.run, resume=resume)


@pytest.mark.parametrize("damage", [b"", b"rubbish", None])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(recipe: Recipe, tmp_path: Path, damage: bytes | None) -> None:
    run = tmp_path / "run"
    with pytest.raises(PowerCut):
        train(recipe, run, on_step=stop_after(3))
    older, newest = sorted(checkpoint_dir(run).glob("*.safetensors"))
    whole = bytearray(newest.read_bytes())
    whole[-9] ^= 1
    newest.write_bytes(whole if damage is None else damage)
    seen: list[int] = []
    with pytest.warns(SoftregWarning, match=newest.name):
        train(recipe, run, resume=True, on_step=lambda state: seen.append(state.steps))
    assert seen == [3, 4, 5, 6]
    assert older.name == "000002.safetensors"


@pytest.mark.parametrize("changed", [{"format": "2"}, {"recipe": "epochs = 7"}])
def test_a_whole_checkpoint_of_something_else_is_not_gone_on_from(changed: dict[str, str], recipe: Recipe, tmp_path: Path) -> None:
    expected = train(recipe, tmp_path / "whole").result["model_sha256"]
    with pytest.raises(PowerCut):
        train(recipe, tmp_path / "run", on_step=stop_after(3))
    newest = max(checkpoint_dir(tmp_path / "run").glob("*.safetensors"))
    tensors, metadata = loads(newest.read_bytes(), {"format", "progress"})
    about = json.loads(metadata["progress"])
    metadata = {name: changed.get(name, metadata[name]) for name in ("format", "progress")}
    if "recipe" in changed:
        metadata["progress"] = json.dumps(about | changed)
    newest.write_bytes(dumps({name: tensor.clone() for name, tensor in tensors.items()}, metadata)[0])
    with pytest.warns(SoftregWarning, match=newest.name):
        resumed = train(recipe, tmp_path / "run", resume=True)
    assert resumed.result["model_sha256"] == expected


def test_nothing_but_damaged_checkpoints_means_from_the_beginning(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(PowerCut):
        train(recipe, tmp_path / "run", on_step=stop_after(3))
    for path in checkpoint_dir(tmp_path / "run").glob("*.safetensors"):
        path.write_bytes(b"")
    seen: list[int] = []
    with pytest.warns(SoftregWarning):
        train(recipe, tmp_path / "run", resume=True, on_step=lambda state: seen.append(state.steps))
    assert seen == [1, 2, 3, 4, 5, 6]


def test_another_number_of_threads_is_said(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PowerCut):
        train(recipe, tmp_path / "run", on_step=stop_after(3))
    other = capture_environment(CPU) | {"threads": 1000}  # torch itself must not believe it: sgd would set it
    monkeypatch.setattr("softreg.training.checkpoint_file.capture_environment", lambda device: other)
    with pytest.warns(SoftregWarning, match="threads"):
        train(recipe, tmp_path / "run", resume=True)


def test_a_folder_that_cannot_be_made_is_named(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="file"):
        train(recipe, tmp_path / "file" / "run")


@pytest.mark.parametrize(("force", "resume"), [(False, False), (True, False), (False, True)])
def test_a_planted_link_is_never_followed(force: bool, resume: bool, recipe: Recipe, tmp_path: Path) -> None:
    precious = tmp_path / "elsewhere" / "precious.safetensors"
    precious.parent.mkdir()
    precious.write_bytes(b"somebody's")
    checkpoint_dir(tmp_path / "run").symlink_to(precious.parent)
    with pytest.raises(RunError, match="symbolic link"):
        train(recipe, tmp_path / "run", force=force, resume=resume)
    assert precious.read_bytes() == b"somebody's"
    assert list(precious.parent.iterdir()) == [precious]
