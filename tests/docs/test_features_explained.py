"""The page on features says, in both languages, what its program measured."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEASURED = json.loads((ROOT / "benchmarks/results/feature_pictures.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", ["docs/features-explained.md", "docs/ko/features-explained.md"])
def test_the_numbers_are_those_measured(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for features in ("pixels", "deskew", "both"):
        assert f"{MEASURED[features]['wrong_side']:.0f}" in text
    for features in ("pixels", "patches", "scattering", "both"):
        for share in (MEASURED[features]["errors"], MEASURED[features]["errors_bent"]):
            assert f"{100 * share:.1f} %" in text, features


def test_the_claim_holds() -> None:
    for features in ("patches", "scattering", "both"):
        for share in ("errors", "errors_bent"):
            assert 3 * MEASURED[features][share] < MEASURED["pixels"][share]
    assert all(0.8 < measured["displacement"] < 0.95 for measured in MEASURED.values())
