"""The page's own modules in an empty tab of a browser, to ask them what Python is asked."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page

from softreg.exporting.page import packed_weights
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.page.assets import page_files
from softreg.page.bundle import bundle


def modules_tab(browser: Browser, imports: Mapping[str, Sequence[str]]) -> Page:
    """A tab in which `softreg` holds what these modules export: `{module: names}`."""
    imports = {"embedded.js": ["floatsOf", "allFloatsOf"]} | dict(imports)
    lines = [f'import {{ {", ".join(names)} }} from "./{module}";\n' for module, names in imports.items()]
    names = ", ".join(name for listed in imports.values() for name in listed)
    probe = "".join(lines) + f"globalThis.softreg = {{ {names} }};\n"
    script = bundle({name: text.decode() for name, text in page_files().items()} | {"probe.js": probe}, "probe.js")
    page = browser.new_context().new_page()
    page.add_script_tag(content=f"globalThis.bytesOfText = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));{script}")
    return page


def packed(array: NDArray[Any]) -> str:
    """For `bytesOfText`."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def weights_of(model: SoftmaxRegression) -> dict[str, Any]:
    """For `MODEL`, which makes the page's `Weights` of it."""
    return packed_weights(model)


MODEL = """({ weight, bias, buffers, detector, ...rest }) => ({
    ...rest,
    weight: softreg.floatsOf(weight),
    bias: softreg.floatsOf(bias),
    buffers: softreg.allFloatsOf(buffers),
    detector: detector && softreg.allFloatsOf(detector),
})"""
