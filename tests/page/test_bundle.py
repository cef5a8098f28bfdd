"""The modules become one script with the same meaning, or an error says why they cannot."""

import re
import shutil
import subprocess

import pytest

from softreg.page.assets import page_files
from softreg.page.bundle import BundleError, bundle


def test_each_module_comes_after_what_it_imports_and_once() -> None:
    modules = {
        "app.js": 'import { a } from "./a.js";\nimport { b } from "./b.js";\n\nprint(a(), b);\n',
        "a.js": '// First.\n\nimport {\n  b,\n} from "./b.js";\n\nexport const a = () => b;\n',
        "b.js": "/**\n * Second.\n */\nexport let b = 1; // stays\nexport async function later() {}\n",
        "never.js": "export const never = 0;\n",
    }
    script = bundle(modules, "app.js")
    assert [line for line in script.splitlines() if line] == [
        "let b = 1; // stays",
        "async function later() {}",
        "const a = () => b;",
        "print(a(), b);",
    ]


@pytest.mark.parametrize(
    ("modules", "why"),
    [
        ({"app.js": 'import "./a.js";\nconst x = 1;\n', "a.js": "function x() {}\n"}, "x: declared in a.js and in app.js"),
        (
            {"app.js": 'import "./a.js";\nconst [y, x] = [1, 2];\n', "a.js": "const { x, z } = o;\n"},
            "x: declared in a.js and in app.js",
        ),
        ({"app.js": 'import "./a.js";\n', "a.js": 'import "./app.js";\n'}, "app.js -> a.js -> app.js"),
        ({"app.js": "export default 1;\n"}, "cannot be bundled: export default"),
        ({"app.js": 'import * as all from "./a.js";\n', "a.js": ""}, "cannot be bundled: import"),
    ],
)
def test_modules_that_cannot_share_a_scope_are_refused(modules: dict[str, str], why: str) -> None:
    with pytest.raises(BundleError, match=re.escape(why)):
        bundle(modules, "app.js")


@pytest.mark.skipif(shutil.which("node") is None, reason="no node here")
def test_the_page_is_one_script_that_parses() -> None:
    script = bundle({name: content.decode() for name, content in page_files().items()}, "app.js")
    checked = subprocess.run(
        ["node", "--check", "--input-type=module", "-"], input=script, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
