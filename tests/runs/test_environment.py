"""The environment of a training, against importlib.metadata and psutil."""

import json
import os
import platform
import sys
from importlib.metadata import version
from types import SimpleNamespace

import psutil
import pytest
import torch

from softreg.runs.environment import _processor, capture_environment, peak_rss_mib


def test_it_names_versions_threads_and_device_and_is_json() -> None:
    environment = capture_environment(torch.device("cpu"))
    assert environment["libraries"] == {name: version(name) for name in ("numpy", "safetensors", "torch", "torchvision")}
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


def test_without_proc_and_without_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_proc(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", no_proc)
    assert _processor() == platform.processor()
    assert peak_rss_mib() > 1
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(peak_wset=3 * 2**20))
    monkeypatch.setattr("psutil.Process", lambda: process)
    assert peak_rss_mib() == 3
