"""kill -9 of random ranks at random moments of a training by torchrun, which restarts them: the same model file at the end."""

import random
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from softreg.recipe import Recipe
from softreg.runs.run import MODEL
from torture.count import Count
from torture.crash_recovery import sha256_of

RANKS, RESTARTS = 4, 10
DEADLINE = 600.0  # seconds after which a job hangs


def kill_ranks(recipe: Recipe, scratch: Path, kills: int, seed: int) -> Count:
    """Train by torchrun until `kills` kills were survived; a training is killed up to `RESTARTS` times."""
    rng, count = random.Random(seed), Count()
    (scratch / "recipe.toml").write_text(recipe.to_toml())
    wanted = _train(scratch, "reference", 0, count)
    while count.done < kills and not count.failures:
        name = f"run-{count.done}"
        found = _train(scratch, name, min(kills - count.done, RESTARTS), count, rng)
        if found != wanted:
            count.failures.append(f"{name} of seed {seed}: other weights")
        if left := sorted(path.name for path in scratch.iterdir() if path.name.startswith(".")):
            count.failures.append(f"{name} of seed {seed}: left behind {left}")
    return count


def _train(scratch: Path, name: str, kills: int, count: Count, rng: random.Random | None = None) -> str:
    """Train the recipe, killing ranks on the way; the SHA-256 of the model file."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(RANKS)]
    command += ["--max-restarts", str(RESTARTS), "-m", "softreg", "train", "--config", "recipe.toml", "--out", name]
    log = scratch / f"{name}.log"
    with log.open("w") as file, subprocess.Popen(command, cwd=scratch, stdout=file, stderr=subprocess.STDOUT) as job:
        end = time.monotonic() + DEADLINE
        while rng and kills and job.poll() is None and time.monotonic() < end:
            epochs = log.read_text().count("Epoch: ")
            while job.poll() is None and log.read_text().count("Epoch: ") == epochs:  # they are training again
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 1))
            with suppress(psutil.NoSuchProcess, IndexError):
                rng.choice([child for child in psutil.Process(job.pid).children() if "RANK" in child.environ()]).kill()
                count.done, kills = count.done + 1, kills - 1
        if job.wait(DEADLINE) != 0:
            count.failures.append(f"{name}: {log.read_text()[-500:]}")
    return sha256_of(scratch / name) if (scratch / name / MODEL).exists() else ""
