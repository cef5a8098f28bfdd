"""Every picture of `tests.helpers.bombs`, each read in a process of its own: how long it takes, and how much memory."""

import json
import subprocess
import sys
from pathlib import Path

from tests.helpers.bombs import BOMBS
from torture.count import Count

MAX_SECONDS, MAX_GROWTH = 2.0, 512.0  # of processor time; MiB
READ = """
import json, sys, time
from pathlib import Path
from softreg.errors import PictureError
from softreg.imaging.picture import read_picture

def peak():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))

before, start, outcome = peak(), time.process_time(), "read"
try:
    read_picture(Path(sys.argv[1]))
except PictureError as error:
    outcome = error.key.removeprefix("pictures.")
print(json.dumps([outcome, time.process_time() - start, (peak() - before) / 1024]))
"""


def read_bombs(scratch: Path) -> Count:
    """Read each picture; another outcome than is expected, too much time or too much memory is a failure."""
    count, slowest, growth = Count(), 0.0, 0.0
    for name, (make, expected) in BOMBS.items():
        path = scratch / "bomb"
        path.write_bytes(make())
        process = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True)
        outcome, seconds, grown = json.loads(process.stdout)
        count.done += 1
        slowest, growth = max(slowest, seconds), max(growth, grown)
        if outcome != expected or seconds > MAX_SECONDS or grown > MAX_GROWTH:
            count.failures.append(f"{name}: {outcome} in {seconds:.1f} s and {grown:.0f} MiB")
    count.details = {"slowest, s": round(slowest, 2), "memory, MiB": round(growth, 1)}
    return count
