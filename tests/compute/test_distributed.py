"""Two processes give one process's coefficients; when one is killed, all are restarted or the job ends, and it can go on later."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest
import torch

from softreg.compute.distributed import ProcessGroup, is_distributed, is_worker, process_group
from softreg.data.dataset import Dataset
from softreg.data.load import load_dataset
from softreg.errors import DataError, RunError
from softreg.recipe import Recipe
from softreg.runs.run import Run
from softreg.storage.tensors import loads
from softreg.training.checkpoints import checkpoint_dir, unfinished_recipe
from softreg.training.fit import fit
from softreg.training.train import _check_same_data, train

RECIPES = {
    "sgd": {"solver": "sgd", "epochs": 2, "batch_size": 70, "drop_last": False, "l2": 1e-3},
    "lbfgs": {"solver": "lbfgs", "l2": 1e-2, "tol": 1e-10},
    "newton": {"solver": "newton", "l2": 1e-2, "tol": 1e-10},
    "auto": {"solver": "lbfgs", "l2": "auto", "tol": 1e-8},
    "copies": {"solver": "lbfgs", "l2": 1e-2, "tol": 1e-10, "calibration": 1600, "copies": 1},
}
RANK = """
import json, os, sys
import torch
from softreg.data.load import load_dataset
from softreg.compute.distributed import process_group
from softreg.recipe import Recipe
from softreg.storage.tensors import dumps
from softreg.training.fit import fit

torch.set_num_threads(1)
train = load_dataset(sys.argv[1]).train[:2999]
with process_group("cpu") as group:
    fits = {name: fit(Recipe(**fields), train, group=group) for name, fields in json.loads(sys.argv[2]).items()}
if group.rank == 0:
    named = {f"{name} {part}": tensor.detach() for name, fit in fits.items() for part, tensor in fit.model.named_tensors()}
    named |= {f"{name} l2": torch.tensor(fit.l2) for name, fit in fits.items()}
    raw, _ = dumps(named, {})
    open(sys.argv[3], "wb").write(raw)
"""


def start(number: int, size: int, port: int, *arguments: str) -> "subprocess.Popen[str]":
    place = {"RANK": number, "LOCAL_RANK": number, "WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    environment = os.environ | {name: str(value) for name, value in place.items()}
    return subprocess.Popen([sys.executable, "-c", RANK, *arguments], env=environment, stderr=subprocess.PIPE, text=True)


@pytest.mark.usefixtures("one_thread")
def test_two_ranks_of_unequal_shares_give_one_ranks_coefficients(small_idx: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [start(number, 2, port, str(small_idx), json.dumps(RECIPES), str(tmp_path / "out")) for number in range(2)]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    together, _ = loads((tmp_path / "out").read_bytes(), set())
    train = load_dataset(small_idx).train[:2999]
    for name, fields in RECIPES.items():
        alone = fit(Recipe(**fields), train)  # type: ignore[arg-type]
        assert float(together[f"{name} l2"]) == pytest.approx(alone.l2, rel=1e-6)
        for part in ("linear.weight", "linear.bias"):
            torch.testing.assert_close(together[f"{name} {part}"], alone.model.state_dict()[part], rtol=0, atol=1e-6)
        if alone.model.ood_detector is not None:  # its 16-bit axes may round either way
            bias = float(together[f"{name} ood_detector.bias"])
            assert bias == pytest.approx(float(alone.model.ood_detector.bias), rel=0.05)


def test_shares_are_all_rows_once() -> None:
    for n in (0, 1, 7, 3000):
        shares = [range(n)[ProcessGroup(rank, 4).shard(n)] for rank in range(4)]
        assert [row for share in shares for row in share] == list(range(n))
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_who_is_alone_and_who_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_distributed()
    assert not is_worker()
    for name, value in (("WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1"), ("RANK", "0")):
        monkeypatch.setenv(name, value)
    assert is_distributed()
    assert not is_worker()
    monkeypatch.setenv("RANK", "1")
    assert is_worker()


def test_several_processes_are_refused_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WORLD_SIZE", "2"), ("MASTER_ADDR", "127.0.0.1"), ("RANK", "0")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(RunError, match="Windows"), process_group("cpu"):
        pass


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE .* 'two'"),
        ({"MASTER_PORT": ""}, "MASTER_PORT .* ''"),
        ({"RANK": "-1"}, "RANK .* '-1'"),
        ({"RANK": "2"}, "RANK=2, WORLD_SIZE=2"),
        ({"MASTER_PORT": "65536"}, "MASTER_PORT=65536"),
    ],
)
def test_an_environment_that_torchrun_never_makes_is_refused(
    changed: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500", "RANK": "0"}
    for name, value in (usual | changed).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RunError, match=words), process_group("cpu"):
        pass


class Told(ProcessGroup):
    """Rank 1, which rank 0 tells its own dataset's fingerprint."""

    def broadcast(self, raw: bytes = b"") -> bytes:
        return TINY.fingerprint()


TINY = Dataset(torch.zeros(3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1, 1]), ("a", "b"), "tiny")


@pytest.mark.parametrize(
    "other",
    [
        replace(TINY, images=TINY.images.index_fill(0, torch.tensor([1]), 1)),
        replace(TINY, labels=torch.tensor([1, 0, 1])),
        replace(TINY, classes=("a", "c")),
        TINY[:2],
    ],
)
def test_a_rank_that_has_read_other_data_says_so(other: Dataset) -> None:
    _check_same_data(Told(1, 2), replace(TINY, images=TINY.images.clone(), name="another"))
    with pytest.raises(DataError, match="rank 1 has read different data from rank 0"):
        _check_same_data(Told(1, 2), other)


def torchrun(folder: Path, *flags: str, restarts: int = 0) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["--max-restarts", str(restarts), "-m", "softreg", "train"]
    with (folder / "log").open("w") as log:
        return subprocess.Popen([*command, *flags], cwd=folder, stdout=log, stderr=subprocess.STDOUT, text=True)


def wait_until(ready: Callable[[], bool], log: Path, process: "subprocess.Popen[str]") -> None:
    """While the process runs; pytest's own time limit ends a wait in vain."""
    while not ready():
        assert process.poll() is None, log.read_text()
        time.sleep(0.05)


def ranks_of(process: "subprocess.Popen[str]") -> dict[str, psutil.Process]:
    """The ranks of a job, by number."""
    found = {}
    for child in psutil.Process(process.pid).children():
        with suppress(psutil.NoSuchProcess):
            found[child.environ().get("RANK", "")] = child
    return found


@pytest.mark.usefixtures("one_thread")
def test_killed_ranks_are_restarted_or_the_job_ends_and_goes_on_later_to_the_same_bits(small_idx: Path, tmp_path: Path) -> None:
    flags = ("--epochs", "400", "--batch-size", "500", "--dataset", str(small_idx))
    run, log = tmp_path / "runs" / "tutorial", tmp_path / "log"
    assert torchrun(tmp_path, *flags, "--out", "whole").wait(120) == 0, log.read_text()
    assert log.read_text().count("Learning finished") == 1
    process = torchrun(tmp_path, *flags, restarts=1)
    try:
        for number, victim in enumerate(("1", "0"), start=1):
            wait_until(partial(_trains, log, number), log, process)
            ranks_of(process)[victim].send_signal(signal.SIGKILL)  # in the midst of its epochs
        assert process.wait(60) != 0  # it was restarted once, and no more
    finally:
        process.terminate()
        process.wait(30)
    assert log.read_text().count("another process of this job has ended") == 2
    assert not run.exists()
    assert not list(checkpoint_dir(run).glob(".*.tmp"))
    checkpoints = sorted(checkpoint_dir(run).glob("*.safetensors"))
    for checkpoint in checkpoints:
        loads(checkpoint.read_bytes(), {"format", "progress"})
    _one_process_goes_on(checkpoint_dir(run), tmp_path / "alone", int(checkpoints[-1].stem) + 1)
    assert torchrun(tmp_path, *flags, "--out", str(run), "--resume").wait(120) == 0, log.read_text()
    assert Run(run).result["model_sha256"] == Run(tmp_path / "whole").result["model_sha256"]
    assert [path.name for path in run.parent.iterdir()] == ["tutorial"]
    assert torchrun(tmp_path, *flags, "--out", str(run), "--resume").wait(120) == 0
    assert "already finished" in log.read_text()


def _trains(log: Path, number: int) -> bool:
    """Whether the ranks have been started `number` times, and the last time are ten epochs on."""
    _, *parts = log.read_text().split("Training on")
    return len(parts) >= number and parts[-1].count("Epoch") >= 10


def _one_process_goes_on(checkpoints: Path, run: Path, step: int) -> None:
    """A copy of the job's checkpoints is enough for one process, which begins at `step` and ends where it would have alone."""
    shutil.copytree(checkpoints, checkpoint_dir(run))
    recipe = unfinished_recipe(run)
    assert recipe is not None
    steps: list[int] = []
    model = train(recipe, run, resume=True, on_step=lambda state: steps.append(state.steps), figures=False).model()
    assert steps[0] == step
    whole = fit(recipe, load_dataset(recipe.dataset).train).model
    torch.testing.assert_close(model.linear.weight, whole.linear.weight, rtol=0, atol=1e-6)


def test_a_rank_that_waits_for_a_silent_one_ends_when_told(small_idx: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = torchrun(tmp_path, "--epochs", "1000000", "--dataset", str(small_idx), "--out", "run")
    ranks = {}
    try:
        wait_until(lambda: "Epoch: 0002" in log.read_text(), log, process)
        ranks = {child.environ()["RANK"]: child for child in psutil.Process(process.pid).children() if "RANK" in child.environ()}
        ranks["1"].suspend()
        time.sleep(1)  # by now rank 0 waits for it, outside of Python
        ranks["0"].terminate()
        ranks["0"].wait(20)
    finally:
        if ranks:
            ranks["1"].kill()
        process.terminate()
        process.wait(30)
    assert "another process of this job has ended" in log.read_text()
    assert not (tmp_path / "run").exists()
