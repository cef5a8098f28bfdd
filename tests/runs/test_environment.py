"""The environment of a training, against importlib.metadata and psutil."""

import json
import os
from importlib.metadata import version

import psutil
import torch

from softreg.runs.environment import capture_environment, peak_rss_mib


def test_it_names_versions_threads_and_device_and_is_json() -> None:
    environment = capture_environment(torch.device("cpu"))
    assert environment["libraries"] == {name: version(name) for name in ("numpy", "safetensors", "torch")}
    assert environment["threads"] == torch.get_num_threads()
    assert environment["cores"] == os.cpu_count()
    assert environment["device"] == "cpu"
    assert environment["processor"]
    assert json.loads(json.dumps(environment)) == environment


def test_the_peak_is_at_least_what_is_resident_and_grows_with_it() -> None:
    before, resident = peak_rss_mib(), psutil.Process().memory_info().rss / 2**20
    assert before >= resident - 1
    held = bytearray(b"x") * (2**20 * int(before - resident + 64))  # every page is written to
    assert peak_rss_mib() > before + 32
    assert held[-1] == ord("x")
