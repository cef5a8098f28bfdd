"""Fetching, from a mirror on this machine that fails in every way a mirror can."""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from softreg.data import download
from softreg.data.fetching import SUMS, fetch, fetched_folder
from softreg.data.load import load_dataset
from softreg.errors import DataError, SoftregError
from tests.helpers.http_mirror import Mirror, md5, mirror, tiny, tiny_files

FILES = tiny_files(1)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Mirror]:
    """An empty cache, the user's mirror under /own, and the published one under /published."""
    from torchvision.datasets import FashionMNIST

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "SOFTREG_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with mirror() as served:
        served.files = {f"/{where}/{name}": content for name, content in FILES.items() for where in ("own", "published")}
        monkeypatch.setenv("SOFTREG_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setenv("SOFTREG_MIRROR", f"{served.address}/own/")
        monkeypatch.setattr(FashionMNIST, "mirrors", [f"{served.address}/published/"])
        monkeypatch.setattr(FashionMNIST, "resources", [(name, md5(content)) for name, content in FILES.items()])
        yield served


def left(tmp_path: Path) -> list[str]:
    """What is in the cache, but for the lock."""
    return sorted(path.name for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock")


def test_fetches_once_and_says_so(served: Mirror, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = load_dataset("fashion-mnist")
    assert served.asked == [f"/own/{name}" for name in FILES]
    output = capsys.readouterr()
    assert output.err.startswith("Downloading fashion-mnist (about 31 MB) to ")
    assert output.err.count("\n") == 1
    assert output.out == ""
    images, labels = tiny(1)
    assert first.train.images.numpy().tolist() == images.tolist()
    assert first.train.labels.tolist() == labels.tolist()
    assert first.train.classes[9] == "Ankle boot"
    load_dataset("fashion-mnist")
    assert len(served.asked) == 4
    assert left(tmp_path) == ["FashionMNIST"]


def test_the_sums_are_those_of_sha256sum(served: Mirror) -> None:
    folder = fetch("fashion-mnist")
    expected = {f"{hashlib.sha256(content).hexdigest()}  {name}" for name, content in FILES.items()}
    assert set((folder / SUMS).read_text().splitlines()) == expected


def test_a_mirror_may_keep_each_dataset_in_its_folder(served: Mirror) -> None:
    served.files = {f"/own/FashionMNIST/{name}": content for name, content in FILES.items()}
    assert len(load_dataset("fashion-mnist").train) == 12


@pytest.mark.parametrize("how", ["404", "500", "wrong", "cut", "reset"])
def test_the_next_mirror_is_tried(served: Mirror, how: str, tmp_path: Path) -> None:
    if how == "404":
        served.files = {path: content for path, content in served.files.items() if path.startswith("/published")}
    else:
        served.failing["/own"] = how
    assert len(load_dataset("fashion-mnist").test) == 12
    assert [path for path in served.asked if path.startswith("/published")] == [f"/published/{name}" for name in FILES]
    assert left(tmp_path) == ["FashionMNIST"]


@pytest.mark.parametrize("how", ["500", "wrong", "cut", "reset"])
@pytest.mark.parametrize("name", ["", "t10k-labels"])  # the first file, and the last
def test_no_good_mirror_is_one_line_and_leaves_nothing(served: Mirror, how: str, name: str, tmp_path: Path) -> None:
    served.failing = {f"/own/{name}": how, f"/published/{name}": how}
    with pytest.raises(DataError, match="download failed on every mirror") as caught:
        load_dataset("fashion-mnist")
    assert (name or "train-images") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert left(tmp_path) == []
    served.failing = {}
    assert len(load_dataset("fashion-mnist").test) == 12


def test_a_mirror_that_drips_is_given_up_for_the_next(served: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("softreg.data.download._BODY_SECONDS", 0.02)
    served.failing["/own/train-images"] = "slow"
    folder = fetch("fashion-mnist")
    assert served.asked[:3] == [f"/{where}/train-images-idx3-ubyte.gz" for where in ("own", "own/FashionMNIST", "published")]
    served.failing["/published/train-images"] = "slow"
    (folder / SUMS).unlink()
    with pytest.raises(DataError, match="gave up after 0 seconds"):
        fetch("fashion-mnist")


def test_a_mirror_without_end(served: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(download, "_MAX_BYTES", 100)
    with pytest.raises(DataError, match="gave up after 100 bytes"):
        load_dataset("fashion-mnist")
    assert left(tmp_path) == []


@pytest.mark.parametrize("address", ["nonsense", "http://127.0.0.1:1", "http://[", "ftp://127.0.0.1:1"])
def test_a_mirror_that_is_none(served: Mirror, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("SOFTREG_MIRROR", f"{address} {served.address}/own")
    assert len(load_dataset("fashion-mnist").test) == 12
    served.failing = {"/": "500"}
    (fetch("fashion-mnist") / SUMS).unlink()
    with pytest.raises(DataError, match="download failed on every mirror"):
        fetch("fashion-mnist")


def test_offline(served: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOFTREG_OFFLINE", "1")
    with pytest.raises(DataError, match="SOFTREG_OFFLINE"):
        load_dataset("fashion-mnist")
    assert served.asked == []
    assert fetched_folder("fashion-mnist") is None
    monkeypatch.setenv("SOFTREG_OFFLINE", "0")
    fetch("fashion-mnist")
    monkeypatch.setenv("SOFTREG_OFFLINE", "1")
    assert len(load_dataset("fashion-mnist").train) == 12


@pytest.mark.parametrize("harm", ["changed", "gone", "unlisted"])
def test_a_damaged_cache_is_named_and_mended(served: Mirror, harm: str) -> None:
    folder = fetch("fashion-mnist")
    victim = folder / "t10k-labels-idx1-ubyte.gz"
    if harm == "changed":
        victim.write_bytes(FILES["train-labels-idx1-ubyte.gz"][:-1])
    elif harm == "gone":
        victim.unlink()
    else:
        (folder / SUMS).write_bytes(b"\xff nothing\n")
    with pytest.raises(DataError, match="--fetch"):
        load_dataset("fashion-mnist")
    fetch("fashion-mnist")
    assert len(served.asked) == 8
    assert len(load_dataset("fashion-mnist").test) == 12


def test_a_cache_that_cannot_be_written(served: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SOFTREG_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match="SOFTREG_CACHE_DIR"):
        load_dataset("fashion-mnist")
    assert served.asked == []


def test_a_full_disk_is_not_the_mirrors_fault(served: Mirror, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download, "_receive", full)
    with pytest.raises(SoftregError, match="No space left"):
        load_dataset("fashion-mnist")
    assert left(tmp_path) == []


TWO = """
import sys
from torchvision.datasets import FashionMNIST
FashionMNIST.resources = {resources!r}
FashionMNIST.mirrors = []
from softreg.data.load import load_dataset
print(flush=True)
sys.stdin.readline()
assert len(load_dataset("fashion-mnist").train) == 12
"""


def test_two_processes_at_once_fetch_once(served: Mirror, tmp_path: Path) -> None:
    script = TWO.format(resources=[(name, md5(content)) for name, content in FILES.items()])
    pipe = subprocess.PIPE
    both = [subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(2)]
    for process in both:  # wait until both stand at the line, then let them go
        assert process.stdout is not None
        process.stdout.readline()
    ends = [process.communicate("go\n", timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    assert len(served.asked) == 4
    assert left(tmp_path) == ["FashionMNIST"]
