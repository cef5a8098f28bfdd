"""How much of a drop-in SoftmaxClassifier is: scikit-learn's own tests of LogisticRegression, run with the class swapped.

    python -m benchmarks.sklearn_suite [--verbose]

The installed version's `test_logistic.py` is copied to a temporary folder, `LogisticRegression` in it made `SoftmaxClassifier`, and
run by pytest. A test is not applicable if it never constructs the class, or is about what NOT_APPLICABLE names. Every other that
fails is listed with the reason. Writes `results/sklearn_suite.json` and `.md`.
"""

import argparse
import ast
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import sklearn
import sklearn.linear_model.tests.test_logistic as suite
import torch

RESULTS = Path(__file__).parent / "results"
SWAP = "\n\nfrom softreg.estimator import SoftmaxClassifier as LogisticRegression\n"
ANCHOR = "\nSOLVERS = ("
NOT_APPLICABLE = {  # a word in a test's name or parameters: why
    "callback": "about scikit-learn's experimental callbacks",
    "deprecated": "about deprecated arguments",
    "warns_with_n_jobs": "about deprecated arguments",
    "penalty_l1ratio_incompatible": "about deprecated arguments",
    "dual_random_state": "about how liblinear's algorithm is seeded",
    "liblinear_not_stuck": "about a private function, l1_min_c",
    "predict_proba_multinomial": "calls a private method, _predict_proba_lr",
    "newton_cholesky_fallback": "about a private detail of one solver",
}
PRIVATE = {"_log_reg_scoring_path", "_logistic_regression_path"}


def constructing(source: str) -> set[str]:
    """The tests that construct the class, and call no private function with its parameters."""
    tests = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name.startswith("test")]
    names = {}
    for test in tests:
        names[test.name] = {
            node.id for part in (test, *test.decorator_list) for node in ast.walk(part) if isinstance(node, ast.Name)
        }
    return {name for name, used in names.items() if "LogisticRegression" in used and not used & PRIVATE}


def run(source: str) -> list[tuple[str, str, str]]:
    """Of each test: its name with parameters; passed, failed or skipped; the first line of the reason."""
    assert source.count(ANCHOR) == 1
    with tempfile.TemporaryDirectory() as folder:
        path, report = Path(folder) / "test_swapped.py", Path(folder) / "report.xml"
        path.write_text(source.replace(ANCHOR, SWAP + ANCHOR))
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--timeout", "600", "-p", "no:cacheprovider"]
        command += [f"--junit-xml={report}", str(path)]
        subprocess.run(
            [*command, "-p", "sklearn.conftest", "-c", "/dev/null", f"--rootdir={folder}"],
            check=False,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"SCIPY_ARRAY_API": "1"},
        )
        cases = ElementTree.parse(report).iter("testcase")
        return [_result(case) for case in cases]


def _result(case: ElementTree.Element) -> tuple[str, str, str]:
    for kind in ("failure", "error", "skipped"):
        found = case.find(kind)
        if found is not None:
            reason = found.get("message", "").splitlines() or [""]
            return case.get("name", ""), "skipped" if kind == "skipped" else "failed", reason[0][:160]
    return case.get("name", ""), "passed", ""


def main() -> None:
    """Run, count, list the misses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verbose", action="store_true", help="also list what is not applicable")
    options = parser.parse_args()
    source = Path(suite.__file__).read_text()
    ours = constructing(source)
    left_out: Counter[str] = Counter()
    counted: list[tuple[str, str, str]] = []
    for name, outcome, reason in run(source):
        why = next((why for word, why in NOT_APPLICABLE.items() if word in name), None)
        if name.partition("[")[0] not in ours:
            why = "does not construct the class, or calls a private function"
        if "torch-cuda" in name and not torch.cuda.is_available():
            why = "no CUDA here"
        if outcome == "skipped":
            why = f"skipped: {reason}"
        if why:
            left_out[why] += 1
            if options.verbose:
                print(f"not applicable: {name}: {why}")
        else:
            counted.append((name, outcome, reason))
    misses = [(name, reason) for name, outcome, reason in counted if outcome == "failed"]
    lines = [
        f"# scikit-learn {sklearn.__version__}: its tests of LogisticRegression with SoftmaxClassifier in its place",
        "",
        f"{len(counted) - len(misses)} of {len(counted)} applicable tests pass.",
        "",
        *(f"- not applicable, {count}: {why}" for why, count in left_out.most_common()),
        "",
        *(f"- miss: `{name}`: {reason}" for name, reason in misses),
        "",
    ]
    print("\n".join(lines))
    result = {"sklearn": sklearn.__version__, "applicable": len(counted), "passed": len(counted) - len(misses), "misses": misses}
    (RESULTS / "sklearn_suite.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "sklearn_suite.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
