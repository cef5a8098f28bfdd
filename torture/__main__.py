"""`python -m torture [ROOM...]`: run the long tests, or these rooms of them, note the counts, and write docs/torture.md.

Every room runs in a process of its own, so that one that crashes is counted as a crash. `--share 1/4` runs the first quarter of
the inputs; the counts of all shares add up in .torture/counts.jsonl, which `--fresh` empties.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

from torture.count import Count
from torture.report import COUNTS, note, write_report
from torture.rooms import ROOMS

TOOLS = ("strace", "unshare", "setpriv", "mount")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help=", ".join(ROOMS))
    parser.add_argument("--share", default="1/1", metavar="K/N", help="which share of the inputs")
    parser.add_argument("--fresh", action="store_true", help="forget earlier counts")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # the process of its own
    options = parser.parse_args()
    if options.fresh:
        COUNTS.unlink(missing_ok=True)
    share, shares = (int(each) for each in options.share.split("/"))
    if options.inside:
        (room,) = options.rooms
        return _inside(room, share, shares)
    rooms = options.rooms or list(ROOMS)
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing and {"faults", "calls", "places"} & {*rooms}:
        parser.error(f"needs {', '.join(missing)}: of Debian's strace and util-linux")
    for room in rooms:
        print(f"{room} {options.share} ...", flush=True)
        began = time.monotonic()
        command = [sys.executable, "-m", "torture", room, "--share", options.share, "--inside"]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        seconds = time.monotonic() - began
        found = done.stdout.splitlines()
        if done.returncode != 0 or not found:
            note(room, Count(0, [f"crashed with {done.returncode}: {done.stderr[-500:]}"], {}), seconds, options.share)
        else:
            note(room, Count(**json.loads(found[-1])), seconds, options.share)
    return write_report()


def _inside(room: str, share: int, shares: int) -> int:
    """Run one room and print its count."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="torture-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as scratch:
        Path(scratch).chmod(0o755)
        wanted = ROOMS[room].wanted
        numbers = range(wanted * (share - 1) // shares, wanted * share // shares)
        print(json.dumps(vars(ROOMS[room].run(numbers, Path(scratch)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
