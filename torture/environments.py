"""softreg where nothing can be written, nothing fetched, or access is denied: one line, the old file intact, nothing left over.

Only root can make such environments (mount and unshare, of util-linux); in some of them softreg itself runs as an ordinary user.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from softreg.features.registry import make_feature_map
from softreg.model.serialization import save_model
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.recipe import Recipe
from torture.count import Count

NOBODY = 65534  # user id


@dataclass(frozen=True)
class Environment:
    """Where a command runs.

    Attributes
    ----------
    setup : shell commands that make it, in a mount namespace of their own; $OUT is where softreg is to write
    refuses_writes : whether softreg must fail there
    user : id of the user who runs it
    unshare : further options of unshare: `--net` removes the network
    """

    setup: str
    refuses_writes: bool
    user: int = 0
    unshare: str = ""


_OLD_FILE = 'cp "$OLD" "$OUT/file"'
ENVIRONMENTS = {
    "a full tmpfs": Environment(
        f'mount -t tmpfs -o size=64k none "$OUT" && {_OLD_FILE} && (cat /dev/zero > "$OUT/filler" || true) 2> /dev/null', True
    ),
    "a tmpfs that is full half-way": Environment(f'mount -t tmpfs -o size=48k none "$OUT" && {_OLD_FILE}', True),
    "a read-only file system": Environment(f'mount -t tmpfs none "$OUT" && {_OLD_FILE} && mount -o remount,ro "$OUT"', True),
    "another user's folder": Environment(f'{_OLD_FILE} && chmod 755 "$OUT"', True, NOBODY),
    "an ordinary user's folder": Environment(f'{_OLD_FILE} && chmod 777 "$OUT"', False, NOBODY),
    "a read-only home": Environment(f'{_OLD_FILE} && mount -t tmpfs none "$HOME" && mount -o remount,ro "$HOME"', False),
    "no network": Environment(_OLD_FILE, False, unshare="--net"),
}


def run_everywhere(scratch: Path) -> Count:
    """Export and train in every environment."""
    count = Count(details={"environments": len(ENVIRONMENTS)})
    run = make_run(scratch)
    commands: dict[str, Callable[[Path], list[str]]] = {
        "export": lambda out: ["export", str(run), "--format", "json", "--out", str(out / "file"), "--force"],
        "train": lambda out: ["train", "--epochs", "1", "--out", str(out / "run")],
    }
    for name, environment in ENVIRONMENTS.items():
        for verb, arguments in commands.items():
            out = scratch / f"{name} {verb}"
            out.mkdir()
            count.done += 1
            if complaint := _run_in(environment, verb, out, arguments(out)):
                count.failures.append(f"{verb} in {name}: {complaint}")
    return count


def make_run(scratch: Path) -> Path:
    """A run to export, readable by any user."""
    model = SoftmaxRegression(make_feature_map("pixels"), tuple("0123456789"))
    model.linear.weight.data.normal_()
    model.linear.bias.data.zero_()
    (scratch / "run").mkdir()
    save_model(model, scratch / "run" / "model.safetensors")
    (scratch / "run" / "recipe.toml").write_text(Recipe().to_toml())
    (scratch / "old").write_bytes(b"old")
    return scratch / "run"


def _run_in(environment: Environment, verb: str, out: Path, arguments: list[str]) -> str:
    """Run softreg there; what went wrong, empty if nothing. Files are listed from inside, where the mounts can be seen."""
    become = f"setpriv --reuid={environment.user} --regid={environment.user} --clear-groups" if environment.user else ""
    script = f"""
        set -e; {environment.setup}
        set +e; {become} "$PYTHON" -m softreg "$@" > "$OUT.out" 2> "$OUT.err"; echo $? > "$OUT.code"
        ls -A "$OUT" > "$OUT.left"; head -c 3 "$OUT/file" > "$OUT.begins"
    """
    variables = os.environ | {
        "OUT": str(out),
        "OLD": str(out.parent / "old"),
        "PYTHON": sys.executable,
        "SOFTREG_LANG": "en",
        "HOME": str(out.parent / "home"),
    }
    (out.parent / "home").mkdir(exist_ok=True)
    command = ["unshare", "--mount", *environment.unshare.split(), "bash", "-c", script, "softreg", *arguments]
    subprocess.run(command, env=variables, check=True)
    code, left, begins, stderr = (Path(f"{out}.{suffix}").read_text() for suffix in ("code", "left", "begins", "err"))
    names = set(left.split()) - {"filler", ".run.unfinished"}  # checkpoints of an unfinished training are kept
    if not environment.refuses_writes:
        expected = {"file", "run"} if verb == "train" else {"file"}
        return "" if int(code) == 0 and names == expected else f"exit {code.strip()}, left {names}, {stderr}"
    if int(code) != 1 or names != {"file"} or begins != "old":
        return f"exit {code.strip()}, left {names}, the old file begins with {begins!r}, {stderr}"
    return "" if stderr.count("\n") == 1 and str(out) in stderr else f"not one line with the path: {stderr}"
