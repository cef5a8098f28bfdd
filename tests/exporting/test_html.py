"""One file that asks nothing of anybody, and in which no name is markup."""

import base64
import json
import re
from hashlib import sha256
from typing import Any

import numpy as np
import pytest
import torch

import softreg
from softreg.exporting.html import to_bytes
from softreg.features.pixels import Pixels
from softreg.model.softmax_regression import SoftmaxRegression
from softreg.runs.pretrained import PRETRAINED, pretrained_path

NASTY = ("</script><script>alert(1)</script>", "<!--<img src=x onerror=alert(1)>", "ㄱ\u2028&amp;\"'")
MAX_BYTES = 400_000


def model_of(classes: tuple[str, ...]) -> SoftmaxRegression:
    model = SoftmaxRegression(Pixels(), classes).eval()
    model.set_theta(torch.randn(len(classes), 785, generator=torch.Generator().manual_seed(0)))
    return model


def data_in(page: str) -> dict[str, Any]:
    (text,) = re.findall(r'<script type="application/json" id="softreg-data">(.*?)</script>', page, re.DOTALL)
    data: dict[str, Any] = json.loads(text)
    return data


def test_the_file_holds_the_weights_bit_for_bit_and_is_small() -> None:
    model = model_of(tuple("0123456789"))
    content = to_bytes(model)
    assert len(content) < MAX_BYTES
    (entry,) = data_in(content.decode())["models"]
    weight = np.frombuffer(base64.b64decode(entry["weight"]["bytes"]), "<f4").reshape(10, 784)
    bias = np.frombuffer(base64.b64decode(entry["bias"]["bytes"]), "<f4")
    assert np.array_equal(weight, model.linear.weight.detach().numpy())
    assert np.array_equal(bias, model.linear.bias.detach().numpy())


def test_names_of_classes_are_data_whatever_is_in_them() -> None:
    plain, nasty = (to_bytes(model_of(classes)).decode() for classes in (("a", "b", "c"), NASTY))
    assert [entry["classes"] for entry in data_in(nasty)["models"]] == [list(NASTY)]
    assert nasty.count("<script") == plain.count("<script")
    assert nasty.count("<!--") == plain.count("<!--") == 0


def test_the_policy_allows_this_script_and_style_alone() -> None:
    page = to_bytes(model_of(("no", "yes"))).decode()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert "connect-src" not in rules
    for tag, rule in (('script type="module"', "script-src"), ("style", "style-src")):
        (text,) = re.findall(f"<{tag}>(.*?)</{tag.split()[0]}>", page, re.DOTALL)
        digest = base64.b64encode(sha256(text.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    assert page.index("Content-Security-Policy") < page.index("<style>") < page.index("<body>")
    assert not re.findall(r'(?:src|href)="(?!#|data:|/openapi.json")', page)


@pytest.mark.parametrize("name", PRETRAINED)
def test_every_model_that_ships_fits_into_a_page_of_a_few_megabytes(name: str) -> None:
    assert len(to_bytes(softreg.load(pretrained_path(name)))) < 4_000_000
