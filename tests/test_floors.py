"""The least versions in pyproject.toml: every dependency has one, and none is older than a protection that softreg relies on."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
RELIED_ON = {  # the first version, and for what
    "pillow": "13.0",  # bounds on what TIFF tags take; out-of-bounds reads and writes in its JPEG and TIFF decoders
    "filelock": "4.3.1",  # follows no link at the lock's name; a lock that a killed process held is taken over
    "httptools": "0.6.4",
    "click": "8.4",
}


def requirements() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lists = [project["dependencies"], *(names for extra, names in extras.items() if extra not in ("dev", "docs"))]
    return [Requirement(line) for names in lists for line in names if not line.startswith("softreg[")]


def floor(requirement: Requirement) -> Version | None:
    """The version after >=, if there is one."""
    return next((Version(part.version) for part in requirement.specifier if part.operator == ">="), None)


def test_every_dependency_says_from_which_version_on() -> None:
    assert [requirement.name for requirement in requirements() if floor(requirement) is None] == []


def test_no_floor_is_below_a_protection_that_is_relied_on() -> None:
    floors = {requirement.name: floor(requirement) for requirement in requirements()}
    for name, least in RELIED_ON.items():
        found = floors.get(name)
        assert found is None or found >= Version(least), name
    assert {"pillow", "filelock"} <= floors.keys()
