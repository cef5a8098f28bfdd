"""softreg where nothing can be written, nothing fetched, or nothing is allowed: one line, the old file intact, nothing left over.

Root is needed to make such places (mount and unshare, of util-linux); softreg itself runs in them as an ordinary user, too.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from softreg.features.registry import make_feature_map
from softreg.model.serialization import save_model
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.recipe import Recipe

NOBODY = 65534


@dataclass
class Places:
    """How many commands were run in such places, and what went wrong."""

    commands: int = 0
    bad: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Place:
    """Somewhere inhospitable.

    Attributes
    ----------
    setup : shell commands that make it so, in a mount namespace of their own; $OUT is where softreg is to write
    refused : whether softreg must refuse to work there
    user : who runs it
    unshare : what else is unshared: `--net` leaves no network
    """

    setup: str
    refused: bool
    user: int = 0
    unshare: str = ""


PLACES = {
    "a full tmpfs": Place(
        'mount -t tmpfs -o size=64k none "$OUT" && cp "$OLD" "$OUT/file" && (cat /dev/zero > "$OUT/filler" || true) 2> /dev/null',
        True,
    ),
    "a tmpfs that is full half-way": Place('mount -t tmpfs -o size=48k none "$OUT" && cp "$OLD" "$OUT/file"', True),
    "a read-only file system": Place('mount -t tmpfs none "$OUT" && cp "$OLD" "$OUT/file" && mount -o remount,ro "$OUT"', True),
    "somebody else's folder": Place('cp "$OLD" "$OUT/file" && chmod 755 "$OUT"', True, NOBODY),
    "an ordinary user's folder": Place('cp "$OLD" "$OUT/file" && chmod 777 "$OUT"', False, NOBODY),
    "a read-only home": Place('cp "$OLD" "$OUT/file" && mount -t tmpfs none "$HOME" && mount -o remount,ro "$HOME"', False),
    "no network": Place('cp "$OLD" "$OUT/file"', False, unshare="--net"),
}


def run_everywhere(scratch: Path) -> Places:
    """Export and train in every place."""
    result = Places()
    run = _run(scratch)
    commands: dict[str, Callable[[Path], list[str]]] = {
        "export": lambda out: ["export", str(run), "--format", "json", "--out", str(out / "file"), "--force"],
        "train": lambda out: ["train", "--epochs", "1", "--out", str(out / "run")],
    }
    for name, place in PLACES.items():
        for verb, arguments in commands.items():
            out = scratch / f"{name} {verb}"
            out.mkdir()
            result.commands += 1
            if complaint := _complaint(place, verb, out, arguments(out)):
                result.bad.append(f"{verb} in {name}: {complaint}")
    return result


def _run(scratch: Path) -> Path:
    """A run to export, which anybody may read."""
    model = SoftmaxRegression(make_feature_map("pixels"), tuple("0123456789"))
    model.linear.weight.data.normal_()
    model.linear.bias.data.zero_()
    (scratch / "run").mkdir()
    save_model(model, scratch / "run" / "model.safetensors")
    (scratch / "run" / "recipe.toml").write_text(Recipe().to_toml())
    (scratch / "old").write_bytes(b"old")
    return scratch / "run"


def _complaint(place: Place, verb: str, out: Path, arguments: list[str]) -> str:
    """Run softreg there, and say what is wrong; empty if nothing is. What is left is listed from within the place."""
    become = f"setpriv --reuid={place.user} --regid={place.user} --clear-groups" if place.user else ""
    script = f"""
        set -e; {place.setup}
        set +e; {become} "$PYTHON" -m softreg "$@" > "$OUT.out" 2> "$OUT.err"; echo $? > "$OUT.code"
        ls -A "$OUT" > "$OUT.left"; head -c 3 "$OUT/file" > "$OUT.begins"
    """
    environment = os.environ | {
        "OUT": str(out),
        "OLD": str(out.parent / "old"),
        "PYTHON": sys.executable,
        "SOFTREG_LANG": "en",
        "HOME": str(out.parent / "home"),
    }
    (out.parent / "home").mkdir(exist_ok=True)
    unshared = ["unshare", "--mount", *place.unshare.split(), "bash", "-c", script, "softreg", *arguments]
    subprocess.run(unshared, env=environment, check=True)
    code, left, begins, said = (Path(f"{out}.{each}").read_text() for each in ("code", "left", "begins", "err"))
    names = set(left.split()) - {"filler", ".run.unfinished"}  # what was learned is kept
    if not place.refused:
        wanted = {"file", "run"} if verb == "train" else {"file"}
        return "" if int(code) == 0 and names == wanted else f"exit {code.strip()}, left {names}, {said}"
    if int(code) != 1 or names != {"file"} or begins != "old":
        return f"exit {code.strip()}, left {names}, the old file begins with {begins!r}, {said}"
    return "" if said.count("\n") == 1 and str(out) in said else f"not one line with the path: {said}"
