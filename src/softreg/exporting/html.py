"""The format `html`: the page of `softreg serve` as one file that needs neither a server nor a network.

Texts, weights and modules are inside, under a content security policy that allows these scripts and styles by their hashes and
no request at all. Data are JSON in which no `<` is left, so no name can end its element; the page itself shows names as text alone.
"""

import json
import re
from base64 import b64encode
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softreg.errors import RunError
from softreg.image_format import SIDE
from softreg.messages import LANGUAGES
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.page.assets import page_files, page_messages
from softreg.page.bundle import bundle

COMPUTED = ("pixels", "deskew")  # feature maps that the page computes itself


def to_bytes(model: SoftmaxRegression) -> bytes:
    """The bytes of an HTML file with the page, the model, and the texts in both languages.

    Raises
    ------
    RunError
        If the page cannot compute the model's features, or its images are not 28 x 28 greys.
    """
    files = {name: content.decode() for name, content in page_files().items()}
    script, style, icon = bundle(files, "app.js"), files["style.css"], b64encode(files["icon.svg"].encode()).decode()
    page = _replace_tag(files["index.html"], "link", "icon", f'<link rel="icon" href="data:image/svg+xml;base64,{icon}">')
    page = _replace_tag(page, "link", "stylesheet", f"{_policy(script, style)}\n<style>{style}</style>")
    data = f'<script type="application/json" id="softreg-data">{_json(page_data(model))}</script>'
    page = _replace_tag(page, "script", "module", f'{data}\n<script type="module">{script}</script>')
    return page.encode()


def page_data(model: SoftmaxRegression) -> dict[str, Any]:
    """What the page needs besides its files; raises as `to_bytes` does."""
    features = model.features.name
    if features not in COMPUTED or model.image_shape != (SIDE, SIDE):
        raise RunError("export.no_page", features=features, choices=", ".join(COMPUTED))
    entry = {
        "model": features,
        "features": features,
        "solver": "",
        "accuracy": None,
        "classes": model.classes,
        "weight": _base64(model.linear.weight.detach().cpu().numpy()),
        "bias": _base64(model.linear.bias.detach().cpu().numpy()),
    }
    return {"messages": {language: page_messages(language) for language in LANGUAGES}, "models": [entry]}


def _policy(script: str, style: str) -> str:
    """A content security policy as an element: what is in this file, and nothing else."""
    rules = (
        "default-src 'none'",
        f"script-src '{_hash(script)}'",
        f"style-src '{_hash(style)}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return f'<meta http-equiv="Content-Security-Policy" content="{"; ".join(rules)}">'


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _replace_tag(page: str, tag: str, mark: str, replacement: str) -> str:
    """The page with its one element `tag` that has the attribute value `mark` replaced."""
    page, count = re.subn(rf'<{tag}\b[^>]*"{mark}"[^>]*>(?:</{tag}>)?', lambda _: replacement, page)
    assert count == 1, (tag, mark, count)
    return page


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _base64(array: NDArray[Any]) -> str:
    """The array as little-endian float32, in base64."""
    return b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()
