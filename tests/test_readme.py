"""Both READMEs say the same, what they show is there, and their links lead somewhere; `tests/docs` runs their examples."""

import json
import re
import runpy
import shlex
from pathlib import Path
from statistics import median
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
READMES = ("README.md", "README.ko.md")
TRANSLATED = (
    READMES,
    ("docs/getting-started.md", "docs/ko/getting-started.md"),
    ("docs/how-to/python.md", "docs/ko/python.md"),
    ("docs/tutorials/your-handwriting.md", "docs/ko/your-handwriting.md"),
)
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]


def commands(name: str) -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), flags=re.DOTALL)
    return [shlex.split(line, comments=True) for block in blocks for line in block.splitlines() if line.strip()]


def python(name: str) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), flags=re.DOTALL))


@pytest.mark.parametrize("names", TRANSLATED, ids=lambda names: names[0])
def test_both_languages_type_the_same(names: tuple[str, str]) -> None:
    english, korean = ([re.sub(r" --lang (en|ko)", "", " ".join(words)) for words in commands(name)] for name in names)
    assert english == korean
    assert [*english, python(names[0])] != [""]
    english, korean = ([re.sub(r"  #.*", "", line) for line in python(name).splitlines()] for name in names)
    assert english == korean


@pytest.mark.parametrize("name", READMES)
def test_make_has_the_targets_that_are_named(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = [words[1] for words in commands(name) if words[0] == "make"]
    assert {"train", "test"} <= set(targets)
    assert all(re.search(rf"^{target}:", makefile, flags=re.MULTILINE) for target in targets)


def anchors(page: Path) -> set[str]:
    """The fragments that link to the headings of a page and of what it includes."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    own = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return own.union(*(anchors(page.parent / included) for included in re.findall(r"^```\{include\} (\S+)$", text, re.MULTILINE)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if not link.startswith(("http", "mailto:")):
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("names", [READMES, ("docs/choosing.md", "docs/ko/choosing.md")], ids=lambda names: names[0])
def test_both_languages_tell_the_same_figures(names: tuple[str, str]) -> None:
    tables = [
        [
            sorted(re.findall(r"\d+(?:[.,]\d+)*", line))
            for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
            if line.startswith("| ")
        ]
        for name in names
    ]
    assert tables[0] == tables[1]


def test_the_tree_names_what_is_there() -> None:
    tree = (ROOT / "README.md").read_text(encoding="utf-8").split("## Architecture")[1]
    for names in re.findall(r"^      (\S.*?)\s{2,}", tree, flags=re.MULTILINE):
        for name in names.split(", "):
            assert (ROOT / "src/softreg" / name).exists(), name


def test_on_a_package_index_every_link_and_picture_leads_to_the_repository() -> None:
    absolute_links = runpy.run_path(str(ROOT / ".ci/readme_hook.py"))["absolute_links"]
    text = absolute_links((ROOT / "README.md").read_text(encoding="utf-8"), "https://example.org/softreg")
    links = re.findall(r"(!?)\[[^]]*\]\(([^)]+)\)", text)
    assert len(links) > 20
    for picture, link in links:
        if link.startswith("#"):
            continue
        way, _, path = link.removeprefix("https://example.org/softreg/").partition("/main/")
        assert way == ("raw" if picture else "blob"), link
        assert (ROOT / path.partition("#")[0]).exists(), link


def results(name: str) -> dict[str, Any]:
    """What a benchmark wrote."""
    read: dict[str, Any] = json.loads((ROOT / f"benchmarks/results/{name}.json").read_text(encoding="utf-8"))
    return read


@pytest.mark.parametrize("run", ["tutorial", "best"])
def test_the_accuracies_are_those_of_the_bundled_runs(run: str) -> None:
    metrics = (ROOT / f"src/softreg/pretrained/{run}/metrics.jsonl").read_text(encoding="utf-8").splitlines()
    evaluation = json.loads(metrics[-1])["evaluation"]
    low, high = evaluation["accuracy_interval"]
    assert f"{evaluation['accuracy']:.4f}, 95 % interval {low:.4f} to {high:.4f}" in (ROOT / "README.md").read_text(
        encoding="utf-8"
    )


def test_the_speeds_are_those_that_the_benchmarks_measured() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    loop, process, memory = (claim["measured"] for claim in results("lab")["claims"])
    contests = {contest["peer"]: contest["seconds"] for contest in results("optimum")["contests"]}
    ratios = [
        median(contests[peer]["peer"]) / median(contests[peer]["lbfgs 1e-06"])
        for peer in ("scikit-learn newton-cg, tol 1e-5", "scikit-learn-intelex lbfgs", "Cyanure, tol 2e-5")
    ]
    largest = {row["solver"]: row for row in results("sizes")["rows"] if row["n"] == 8_100_000}
    for figure in (
        f"| {loop:.1f} times faster |",
        f"| {process:.1f} times faster |",
        f"| {memory:.0f} MiB, ",
        "{:.1f} times faster than scikit-learn's best solver, {:.1f} than intelex, {:.1f} than Cyanure".format(*ratios),
        f"{median(largest['lbfgs']['seconds']):.0f} s, {max(largest['lbfgs']['peak_mib']):.0f} MiB; an epoch of sgd",
        f"an epoch of sgd {median(largest['sgd']['step']):.1f} s",
    ):
        assert figure in text, figure
