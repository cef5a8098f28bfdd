"""How fast the playground answers: under wrk, and from the pen to the bars in Chromium.

    python benchmarks/serving.py load --model tutorial --seconds 60    # needs wrk and taskset
    python benchmarks/serving.py ink --model best                      # needs Chromium

`load`: `POST /predict` with 28 x 28 PNG bodies from 64 keep-alive clients, then from 192; the server on the first core, wrk on
the second.
`ink`: the ten digits drawn with scripted strokes; each time is from the pen's last event to the updated bars. JSON on stdout.
"""

import argparse
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil

SCRIPT = """
local file = io.open(os.getenv("PICTURE"), "rb")
wrk.method, wrk.body = "POST", file:read("*all")
wrk.headers["Content-Type"] = "image/png"
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init() seen, text = {}, "" end
function response(status)
    seen[status] = (seen[status] or 0) + 1
    text = ""
    for status, count in pairs(seen) do text = text .. status .. ":" .. count .. " " end
end
function done()
    for _, thread in ipairs(threads) do io.write("STATUSES " .. thread:get("text") .. "\\n") end
end
"""


@contextmanager
def served(folder: Path, cores: str | None, *options: str) -> Iterator[tuple[psutil.Process, str]]:
    """A server of its own, pinned if asked, and its address."""
    pinned = ["taskset", "-c", cores] if cores else []
    command = [*pinned, sys.executable, "-m", "softreg", "serve", "--port", "0", "--json", *options]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield psutil.Process(process.pid), json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.wait(10)


def picture_of(folder: Path) -> Path:
    """The first test image as a PNG."""
    from PIL import Image

    from softreg.data.load import load_dataset

    path = folder / "picture.png"
    Image.fromarray(load_dataset("mnist").test.images[0].numpy()).save(path)
    return path


def wrk(url: str, model: str, clients: int, seconds: int, folder: Path) -> dict[str, Any]:
    """One run of wrk: predictions a second, latencies in milliseconds, how often each status came."""
    script = folder / "predict.lua"
    script.write_text(SCRIPT)
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--latency", "-s", str(script)]
    done = subprocess.run(
        [*command, f"{url}predict?model={model}"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PICTURE": str(folder / "picture.png")},
    )
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    latency = {
        f"p{percentile}": float(value) * unit[u]
        for percentile, value, u in re.findall(r"^\s+(50|90|99)%\s+([\d.]+)(us|ms|s)\s*$", done.stdout, re.M)
    }
    statuses = {status: int(count) for status, count in re.findall(r"(\d+):(\d+)", done.stdout.partition("STATUSES")[2])}
    rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", done.stdout)[0])
    share = statuses.get("200", 0) / max(1, sum(statuses.values()))
    errors = re.findall(r"Socket errors: (.*)", done.stdout)
    return {
        "clients": clients,
        "predictions_per_second": round(rate * share),
        "latency_ms": latency,
        "statuses": statuses,
        "socket_errors": errors,
    }


def timed(process: psutil.Process, run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """A run, and how many answers the server gave for a second of processor time: what counts where others compute too."""
    before = process.cpu_times()
    result = run()
    after = process.cpu_times()
    seconds = after.user - before.user + after.system - before.system
    return result | {"answers_per_cpu_second": round(sum(result["statuses"].values()) / seconds)}


def load(model: str, seconds: int) -> dict[str, Any]:
    """64 clients, then three times as many; memory before and after."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        picture_of(folder)
        with served(folder, cores="0") as (process, url):
            wrk(url, model, 64, 2, folder)  # the model is read, the caches are warm
            before = process.memory_info().rss
            runs = [timed(process, partial(wrk, url, model, clients, seconds, folder)) for clients in (64, 192)]
            after = process.memory_info().rss
    return {"model": model, "runs": runs, "rss_mib": {"before": before >> 20, "after": after >> 20}}


def ink(model: str) -> dict[str, Any]:
    """Each digit drawn; the page itself measures, from the timestamp of the pointer's event."""
    from playwright.sync_api import sync_playwright

    sys.path.insert(0, str(Path(__file__).parent.parent))
    from tests.helpers.chromium import CHROMIUM, FLAGS
    from tests.helpers.strokes import STROKES

    with tempfile.TemporaryDirectory() as name, served(Path(name), cores=None) as (_, url), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1366, "height": 900})
        page.goto(url)
        page.wait_for_selector("html[data-ready]")
        page.click(f"#models [data-model='{model}']")
        box = page.locator("#ink").bounding_box()
        assert box is not None
        for strokes in STROKES.values():
            page.click("#clear") if page.locator("#clear").is_enabled() else None
            for stroke in strokes:
                points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
                page.mouse.move(*points[0])
                page.mouse.down()
                for point in points[1:]:
                    page.mouse.move(*point)
                    time.sleep(0.008)  # a pen reports some 120 times a second
                page.mouse.up()
            page.wait_for_selector('#bars[aria-busy="false"]')
            time.sleep(0.5)
        times: list[float] = page.evaluate("performance.getEntriesByName('softreg:answer').map(entry => entry.duration)")
        browser.close()
    times.sort()
    at = {
        f"p{percentile}": round(times[min(len(times) - 1, math.ceil(percentile / 100 * len(times)) - 1)], 1)
        for percentile in (50, 95, 99)
    }
    return {"model": model, "answers": len(times), "pen_to_bars_ms": at}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("load", "ink"))
    parser.add_argument("--model", default="tutorial")
    parser.add_argument("--seconds", type=int, default=60)
    given = parser.parse_args()
    if given.what == "load" and not (shutil.which("wrk") and shutil.which("taskset")):
        sys.exit("benchmarks/serving.py load needs wrk and taskset: apt-get install wrk util-linux")
    print(json.dumps(load(given.model, given.seconds) if given.what == "load" else ink(given.model), indent=2))


if __name__ == "__main__":
    main()
