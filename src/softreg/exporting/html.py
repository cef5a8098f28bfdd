"""The format `html`: the page of `softreg serve` as one file that needs neither a server nor a network.

Texts, weights and modules are inside, under a content security policy that allows these scripts and styles by their hashes and
no request at all.
"""

from base64 import b64encode
from hashlib import sha256

from softreg.exporting.page import data_element, mnist_images, page_data, policy, replace_element
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.page.assets import page_files
from softreg.page.bundle import bundle

THREADS = ("trainer_worker", "answer_worker")  # which a page from a disk cannot load from files


def to_bytes(model: SoftmaxRegression, images: int = 0) -> bytes:
    """The bytes of an HTML file with the page, the model, the texts in both languages and `images` of MNIST to learn from.

    Raises
    ------
    RunError
        If the page cannot compute the model's features for images of this size, or they are in colour.
    """
    data = page_data(model)
    if images:
        facts, packed = mnist_images(images)
        data["images"] = facts | {part: b64encode(content).decode() for part, content in packed.items()} | {"inFiles": False}
    files = {name: content.decode() for name, content in page_files().items()}
    script, style, icon = bundle(files, "app.js"), files["style.css"], b64encode(files["icon.svg"].encode()).decode()
    rules = policy(script=_hash(script), style=_hash(style), img="data:", worker="blob:")
    page = replace_element(files["index.html"], "link", "icon", f'<link rel="icon" href="data:image/svg+xml;base64,{icon}">')
    page = replace_element(page, "link", "stylesheet", f"{rules}\n<style>{style}</style>")
    threads = [f'<script type="text/plain" id="softreg-{name}">{bundle(files, f"{name}.js")}</script>' for name in THREADS]
    module = f'<script type="module">{script}</script>'
    return replace_element(page, "script", "module", "\n".join([data_element(data), *threads, module])).encode()


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
