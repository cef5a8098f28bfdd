"""What exported pages hold: images of MNIST, packed, and data that no text in them can end."""

import gzip
import re

import numpy as np
import pytest

from softreg.data.dataset import Splits
from softreg.exporting.page import data_element, mnist_images, policy, replace_element


@pytest.mark.parametrize("count", [1, 100, 3000])
def test_images_are_mnist_s_evenly_spaced(mnist: Splits, count: int) -> None:
    facts, packed = mnist_images(count)
    for part, whole in (("train", mnist.train), ("test", mnist.test)):
        content = np.frombuffer(gzip.decompress(packed[part]), np.uint8)
        n = facts["counts"][part]
        images, labels = content[: 784 * n].reshape(n, 28, 28), content[784 * n :]
        rows = [i * len(whole) // n for i in range(n)]
        assert np.array_equal(images, whole.images[rows].numpy())
        assert np.array_equal(labels, whole.labels[rows].numpy())
    assert facts["counts"] == {"train": count, "test": max(100, count // 5)}
    assert facts["classes"] == mnist.train.classes


def test_no_text_ends_the_data() -> None:
    element = data_element({"name": "</script><!--<script>"})
    assert re.findall("<[^>]*>", element) == ['<script type="application/json" id="softreg-data">', "</script>"]


def test_a_policy_allows_what_it_names() -> None:
    element = policy(script="'self'", img="data:")
    assert "default-src 'none'; script-src 'self'; img-src data:; base-uri 'none'; form-action 'none'" in element


def test_an_element_is_replaced_once_or_it_is_a_bug() -> None:
    page = '<link rel="icon" href="a"><script type="module" src="b"></script>'
    assert replace_element(page, "script", "module", r"\\1") == r'<link rel="icon" href="a">\\1'
    with pytest.raises(AssertionError):
        replace_element(page, "link", "stylesheet", "")
