"""The format `web`: the page of `softreg serve` as a folder for any server of files, with images of MNIST to learn from."""

from softreg.exporting.page import data_element, mnist_images, page_data, policy, replace_element
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.page.assets import page_files

POLICY = policy(script="'self'", style="'self'", img="'self'", connect="'self'", worker="'self'")


def to_files(model: SoftmaxRegression, images: int = 20_000) -> dict[str, bytes]:
    """The files by name: index.html with the model and the texts, the page's modules, and the images, fetched when Learn is opened.

    Raises
    ------
    RunError
        If the page cannot compute the model's features for images of this size, or they are in colour.
    """
    data, files = page_data(model), page_files()
    packed: dict[str, bytes] = {}
    if images:
        facts, packed = mnist_images(images)
        data["images"] = facts | {part: f"{part}.bin" for part in packed} | {"inFiles": True}
    page = files.pop("index.html").decode()
    page = replace_element(page, "link", "icon", '<link rel="icon" href="icon.svg" type="image/svg+xml">')
    page = replace_element(page, "link", "stylesheet", f'{POLICY}\n<link rel="stylesheet" href="style.css">')
    page = replace_element(page, "script", "module", f'{data_element(data)}\n<script type="module" src="app.js"></script>')
    return {"index.html": page.encode()} | files | {f"{part}.bin": content for part, content in packed.items()}
