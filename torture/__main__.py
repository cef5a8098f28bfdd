"""`python -m torture [SUITE...]`: run all long tests or the named suites, add up the counts, and write docs/torture.md.

Every suite runs in a process of its own, so that one that crashes is counted as a crash. The counts are kept in
.torture/counts.jsonl: a suite that has passed with this very code is not run again, so an interrupted run goes on where it was;
`--fresh` forgets them. `--share 1/4` runs the first quarter of the inputs; the counts of all shares add up.
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
from torture.report import COUNTS, has_passed, record, write_report
from torture.suites import SUITES

TOOLS = ("strace", "unshare", "setpriv", "mount")
NEED_TOOLS = {"faults", "kills-at-calls", "environments"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m torture", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=", ".join(SUITES))
    parser.add_argument("--share", default="1/1", metavar="K/N", help="which share of the inputs")
    parser.add_argument("--fresh", action="store_true", help="forget earlier counts")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # the suite's own process
    options = parser.parse_args()
    if unknown := set(options.suites) - set(SUITES):
        parser.error(f"no suite {', '.join(sorted(unknown))}: there are {', '.join(SUITES)}")
    share, shares = (int(number) for number in options.share.split("/"))
    if options.inside:
        (name,) = options.suites
        return _run_inside(name, share, shares)
    if options.fresh:
        COUNTS.unlink(missing_ok=True)
    names = options.suites or list(SUITES)
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing and NEED_TOOLS & set(names):
        parser.error(f"needs {', '.join(missing)}: of Debian's strace and util-linux")
    for name in names:
        if has_passed(name, options.share):
            print(f"{name} {options.share} has passed with this code")
        else:
            _run_suite(name, options.share)
    return write_report()


def _run_suite(name: str, share: str) -> None:
    """Run one suite in a process of its own and record its count."""
    print(f"{name} {share} ...", flush=True)
    start = time.monotonic()
    command = [sys.executable, "-m", "torture", name, "--share", share, "--inside"]
    process = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    seconds = time.monotonic() - start
    lines = process.stdout.splitlines()
    if process.returncode != 0 or not lines:
        count = Count(failures=[f"crashed with {process.returncode}: {process.stderr[-500:]}"])
    else:
        count = Count(**json.loads(lines[-1]))
    record(name, count, seconds, share)


def _run_inside(name: str, share: int, shares: int) -> int:
    """Run one suite here and print its count as JSON."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(prefix="torture-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as scratch:
        Path(scratch).chmod(0o755)
        target = SUITES[name].target
        numbers = range(target * (share - 1) // shares, target * share // shares)
        print(json.dumps(vars(SUITES[name].run(numbers, Path(scratch)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
