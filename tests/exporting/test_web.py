"""A folder that a server of files can serve: nothing in it names a place outside it."""

import re

import pytest
import torch

from softreg.exporting.web import POLICY, to_files
from softreg.features.pixels import Pixels
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.page.assets import page_files


@pytest.mark.parametrize("images", [0, 100])
def test_the_folder_holds_the_page_and_all_that_it_names(images: int) -> None:
    model = SoftmaxRegression(Pixels(), ("0", "1")).eval()
    model.set_theta(torch.zeros(2, 785))
    files = to_files(model, images)
    assert set(page_files()) | ({"train.bin", "test.bin"} if images else set()) == set(files)
    page = files["index.html"].decode()
    assert POLICY in page
    named = re.findall(r'(?:src|href)="([^"#]+)"', page.replace('href="/openapi.json"', ""))
    assert set(named) == {"icon.svg", "style.css", "app.js"}
    assert (b'"train.bin"' in files["index.html"]) == bool(images)
