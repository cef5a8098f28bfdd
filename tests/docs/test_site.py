"""The documentation builds strictly and offline, its links lead somewhere, and its references name what the code has."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest

import softreg
from softreg.runs.run import Run
from tests.helpers.command_line import call_softreg, run_softreg

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PROCESS_WIDE = {"SOFTREG_COMPLETE"}  # click's own, with an underscore before it: docs/how-to/shell-completion.md
STARTED_ELSEWHERE = ("train", "predict", "explain of a picture", "export")  # in a process of their own, by tests of theirs


class Page(HTMLParser):
    """The addresses and anchors of one page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[tuple[str, str]] = []  # (tag, href or src)
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.anchors.add(value)
            elif name in ("href", "src") and value:
                self.addresses.append((tag, value))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    """Built as `make docs` builds it; a warning fails."""
    folder = tmp_path_factory.mktemp("site")
    options = ("--fail-on-warning", "--keep-going", "--quiet", "-d", str(folder / "doctrees"))
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(DOCS), str(folder / "html")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    pages = [path for path in (folder / "html").rglob("*.html") if path.name != "playground.html"]  # tests/page has its tests
    assert (folder / "html/playground.html").is_file()
    return {path: Page(path.read_text(encoding="utf-8")) for path in pages}


def test_every_link_leads_to_a_page_and_an_anchor(site: dict[Path, Page]) -> None:
    broken = []
    for path, page in site.items():
        for _, address in page.addresses:
            file, _, anchor = unquote(address).partition("#")
            if re.match(r"[a-z]+:", address):
                continue
            target = (path.parent / file.partition("?")[0]).resolve() if file else path
            if not target.exists() or (anchor and target in site and anchor not in site[target].anchors):
                broken.append((path.name, address))
    assert not broken


def test_pages_load_nothing_from_elsewhere(site: dict[Path, Page]) -> None:
    loaded = [address for page in site.values() for tag, address in page.addresses if tag in ("script", "img", "link")]
    assert loaded
    assert [address for address in loaded if re.match(r"(https?:)?//", address) and "github.io" not in address] == []


def test_every_public_name_is_in_the_reference(site: dict[Path, Page]) -> None:
    (page,) = (page for path, page in site.items() if path.parts[-2:] == ("reference", "python.html"))
    for name in set(softreg.__all__) - {"__version__"}:
        assert page.anchors & {f"softreg.{name}", f"softreg.errors.{name}"}, name


def test_every_command_and_every_option_is_in_the_reference(site: dict[Path, Page]) -> None:
    (path,) = (path for path in site if path.parts[-2:] == ("reference", "cli.html"))
    text = path.read_text(encoding="utf-8")
    for command in re.findall(r"^  ([a-z]+) ", call_softreg("--help").stdout.split("Commands:")[1], flags=re.MULTILINE):
        assert f">softreg {command}<" in text
        for option in re.findall(r"^  (?:-\w, )?(--[\w-]+)", call_softreg(command, "--help").stdout, flags=re.MULTILINE):
            assert option in text, (command, option)


def test_every_environment_variable_is_documented() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    named = set(re.findall(r"SOFTREG_[A-Z][A-Z_]*[A-Z]", code))
    assert len(named) > 5
    text = (REFERENCE / "environment.md").read_text(encoding="utf-8")
    assert [name for name in sorted(named - PROCESS_WIDE) if name not in text] == []


def test_the_run_folder_is_as_described(tutorial_run: Run) -> None:
    described = re.findall(r"^\| `([^`/]+)", (REFERENCE / "run-folder.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {path.name for path in tutorial_run.path.iterdir()} == set(described)


def test_json_has_the_keys_that_are_documented(small_idx: Path, tmp_path: Path) -> None:
    photo = DOCS / "images/photo.jpg"
    run = tmp_path / "run"
    typed: dict[str, tuple[object, ...]] = {
        "train": ("train", "--dataset", small_idx, "--epochs", 1, "--out", run),
        "evaluate": ("evaluate", run),
        "predict": ("predict", photo),
        "explain of a picture": ("explain", photo, "--out", tmp_path / "evidence.png"),
        "explain of a run": ("explain", run, "--out", tmp_path),
        "export": ("export", run, "--format", "json", "--out", tmp_path / "model.json"),
        "reproduce": ("reproduce", run),
        "data": ("data",),
    }
    text = (REFERENCE / "json.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| `(\w+)`( of a \w+)? \| (.*?)(?:, printed.*)? \|$", text, re.MULTILINE)
    documented = {command + kind: set(re.findall(r"`(\w+)`", keys)) for command, kind, keys in table}
    assert documented.keys() == {*typed, "serve"}  # serve's line is tested where it is started
    for name, arguments in typed.items():
        start = call_softreg if name in STARTED_ELSEWHERE else run_softreg
        printed = json.loads(start(*arguments, "--json").stdout)
        assert documented[name] <= printed.keys(), name


def test_both_languages_show_the_playground(site: dict[Path, Page]) -> None:
    frames = [address for page in site.values() for tag, address in page.addresses if tag == "iframe"]
    assert sorted(frames) == ["../playground.html", "playground.html"]
